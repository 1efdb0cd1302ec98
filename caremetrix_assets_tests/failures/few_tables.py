"""Definitions and command line of a lake with few tables, so that a disturbed run takes seconds. Only for processes of their own."""

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli import main
from caremetrix_assets.defs import build_definitions
from caremetrix_assets.settings import load_settings, partitions_start

NEWEST = "dim_encounter"


def _forget_other_tables() -> None:
    """Leaves the table ``NEWEST`` and what it is made from in this process's catalog."""
    tables = load_catalog().tables
    kept: set[str] = set()
    waiting = [NEWEST]
    while waiting:
        name = waiting.pop()
        if name in tables and name not in kept:
            kept.add(name)
            waiting += tables[name].after
    for name in tables.keys() - kept:
        del tables[name]


_forget_other_tables()
defs = build_definitions(partitions_start(load_settings()))

if __name__ == "__main__":
    main()
