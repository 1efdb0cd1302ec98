"""What the practice simulator leaves beside its files, so that sealing the folder marks them: seed, parameters, first day.

The simulator writes it; ``seal`` reads it. A file whose bytes are no longer the simulator's is not marked.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from caremetrix_assets.errors import InputError
from caremetrix_assets.sources.manifest import FileEntry

SIMULATION = "simulation.json"


class Simulation(BaseModel):
    """The simulator's note: ``files`` are sha256 by name in the drop, ``start`` is the first simulated day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    parameters: str = Field(pattern=r"^[0-9a-f]{64}$")
    start: date
    files: dict[str, str]

    def mark(self, name: str, entry: FileEntry) -> FileEntry:
        """The entry of a file, marked when the simulator wrote it."""
        if self.files.get(name) != entry.sha256:
            return entry
        return entry.model_copy(update={"simulated": True, "seed": self.seed, "parameters": self.parameters})


def read_simulation(practice: Path) -> Simulation | None:
    """The note in a ``practice`` folder, or None. InputError when it is not one."""
    path = practice / SIMULATION
    if not path.is_file():
        return None
    try:
        return Simulation.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path} is not the simulator's note; take it and the files beside it away and simulate again.") from error
