"""What the inbox need not be asked twice: hashes of files without a manifest, what a rejected folder looked like, which
drops a person has reopened.

Losing it costs time, never truth: the ledger says what was decided.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from caremetrix_assets.lake.objects import ObjectInfo, Storage
from caremetrix_assets.sources.scan import sha256_of

MEMORY_KEY = "ops/inbox_memory.json"


@dataclass
class Memory:
    """``hashes``: sha256 by inbox, key and etag. ``rejected``: fingerprint of the folder by drop id, when it was rejected.
    ``reopened``: by drop id when a person reopened it; failures before that no longer count.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    reopened: dict[str, datetime] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, lake: Storage) -> Memory:
        """What the last look left; nothing in a new lake."""
        if not lake.exists(MEMORY_KEY):
            return cls()
        content = json.loads(lake.read(MEMORY_KEY))
        reopened = {d: datetime.fromisoformat(t) for d, t in content.get("reopened", {}).items()}
        return cls(content["hashes"], content["rejected"], reopened)

    def reopen(self, drop_id: str, lake: Storage) -> None:
        """Notes that a person wants the drop tried again from now on."""
        self.used = self.hashes
        self.rejected.pop(drop_id, None)
        self.reopened[drop_id] = datetime.now(UTC)
        self.save(lake)

    def save(self, lake: Storage) -> None:
        """Keeps the hashes that this look used, the rejections and reopenings; written only when they differ."""
        reopened = {d: t.isoformat() for d, t in self.reopened.items()}
        content = json.dumps({"hashes": self.used, "rejected": self.rejected, "reopened": reopened}, indent=0, sort_keys=True).encode()
        if not lake.exists(MEMORY_KEY) or lake.read(MEMORY_KEY) != content:
            lake.write(MEMORY_KEY, content)

    def sha256(self, inbox: Storage, info: ObjectInfo) -> str:
        """A file's hash; it is read only when it was written since."""
        name = f"{inbox.url}|{info.key}|{info.etag}"
        if name not in self.used:
            self.used[name] = self.hashes.get(name) or sha256_of(inbox.local_path(info.key, info.etag))
        return self.used[name]
