"""Runs the command line in this process, on folders of a test; reads what it left."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from caremetrix_assets import Lake
from caremetrix_assets.cli.app import app

SAMPLE = Path(__file__).parent.parent / "sample_drops"
DAYS = tuple(f"2025-12-0{n}" for n in range(1, 8))
FULL, NEWBORNS, LATE_NEWBORNS = "2025-11-30", "2025-11-30-newborns", "2025-12-03-newborns"


@dataclass
class Place:
    """A lake and an inbox of a test."""

    root: Path

    @property
    def lake(self) -> Path:
        """The lake's folder."""
        return self.root / "lake"

    @property
    def inbox(self) -> Path:
        """The inbox's folder."""
        return self.root / "inbox"

    def bring(self, *names: str, source: Path = SAMPLE) -> None:
        """Copies sample drops into the inbox."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copytree(source / name, self.inbox / Path(name).name)

    def command(self, *words: str) -> Result:
        """Any command, with the lake as option."""
        return CliRunner().invoke(app, [*words, "--lake", str(self.lake)])

    def run(self, *options: str, exit_code: int = 0) -> Result:
        """``caremetrix run``; asserts how it ended."""
        result = self.command("run", "--inbox", str(self.inbox), *options)
        assert result.exit_code == exit_code, result.output + str(result.exception or "")
        return result

    def json(self, *words: str) -> Any:
        """A command's JSON document."""
        result = CliRunner().invoke(app, ["--json", *words, "--lake", str(self.lake)])
        return json.loads(result.stdout)

    def reader(self) -> Lake:
        """The lake, for reading."""
        return Lake(self.lake)

    def published(self, *layers: str) -> dict[str, str]:
        """sha256 of every published object by key."""
        found = {}
        for layer in layers or ("raw", "dims", "facts", "marts"):
            for path in sorted((self.lake / layer).rglob("*")):
                if path.is_file():
                    found[str(path.relative_to(self.lake))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found
