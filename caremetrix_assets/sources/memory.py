"""What the inbox need not be asked twice: hashes of files without a manifest, and what a rejected folder looked like.

Losing it costs time, never truth: the ledger says what was decided.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from caremetrix_assets.lake.objects import ObjectInfo, Storage
from caremetrix_assets.sources.scan import sha256_of

MEMORY_KEY = "ops/inbox_memory.json"


@dataclass
class Memory:
    """``hashes``: sha256 by inbox, key and etag. ``rejected``: fingerprint of the folder by drop id, when it was rejected."""

    hashes: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, lake: Storage) -> Memory:
        """What the last look left; nothing in a new lake."""
        if not lake.exists(MEMORY_KEY):
            return cls()
        content = json.loads(lake.read(MEMORY_KEY))
        return cls(content["hashes"], content["rejected"])

    def save(self, lake: Storage) -> None:
        """Keeps the hashes that this look used, and the rejections; written only when they differ."""
        content = json.dumps({"hashes": self.used, "rejected": self.rejected}, indent=0, sort_keys=True).encode()
        if not lake.exists(MEMORY_KEY) or lake.read(MEMORY_KEY) != content:
            lake.write(MEMORY_KEY, content)

    def sha256(self, inbox: Storage, info: ObjectInfo) -> str:
        """A file's hash; it is read only when it was written since."""
        name = f"{inbox.url}|{info.key}|{info.etag}"
        if name not in self.used:
            self.used[name] = self.hashes.get(name) or sha256_of(inbox.local_path(info.key, info.etag))
        return self.used[name]
