"""A drop in the layout of release 2.7, made from the sample: no ledger, fewer columns, other names, years for coverage."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.runs import FULL, SAMPLE, Place

NOT_YET = {
    "patients": {"INCOME", "FIPS", "MIDDLE"},
    "conditions": {"SYSTEM"},
    "procedures": {"SYSTEM", "STOP"},
    "observations": {"CATEGORY"},
    "payers": {"OWNERSHIP"},
    "providers": {"PROCEDURES"},
    "payer_transitions": {"MEMBERID", "SECONDARY_PAYER", "OWNER_NAME"},
}
ALLERGIES = {"START", "STOP", "PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION"}
OLD_NAMES = {"START_DATE": "START_YEAR", "END_DATE": "END_YEAR", "PLAN_OWNERSHIP": "OWNERSHIP"}
RENAMED = {"procedures": {"START": "DATE"}, "providers": {"ENCOUNTERS": "UTILIZATION"}, "payer_transitions": OLD_NAMES}
KEYS = {"procedures": ("START", "PATIENT", "ENCOUNTER", "CODE"), "payer_transitions": ("PATIENT", "START_DATE")}


def as_release_2_7(name: str, path: Path) -> Iterator[list[str]]:
    """Header and rows of a file in the old layout; rows that fall together there are left out."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        left_out = NOT_YET.get(name, set(reader.fieldnames or ()) - ALLERGIES if name == "allergies" else set())
        columns = [c for c in reader.fieldnames or () if c not in left_out]
        yield [RENAMED.get(name, {}).get(c, c) for c in columns]
        seen = set()
        for row in reader:
            if name == "payer_transitions":
                row |= dict.fromkeys(("START_DATE", "END_DATE"), row["START_DATE"][:4])
            key = tuple(row[c] for c in KEYS.get(name, tuple(row)))
            if key not in seen or name not in KEYS:
                seen.add(key)
                yield [row[c] for c in columns]


def test_a_drop_of_release_2_7_builds_every_table_without_a_ledger(place: Place) -> None:
    folder = place.inbox / FULL
    folder.mkdir()
    visits = 0
    for path in sorted((SAMPLE / FULL).glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        if name not in ("claims", "claims_transactions"):
            rows = list(as_release_2_7(name, path))
            visits = len(rows) - 1 if name == "encounters" else visits
            with (folder / f"{name}.csv").open("w", encoding="utf-8") as handle:
                csv.writer(handle, lineterminator="\n").writerows(rows)
    seal(folder, date(2025, 11, 30), known_places(load_catalog()))
    place.run()
    assert "Nothing new" in place.run().output
    lake = place.reader()
    assert lake.table("fact_appointment").to_arrow().num_rows == visits == 1106
    assert lake.table("fact_transaction").to_arrow().num_rows == 0
    total = [r for r in lake.table("mart_revenue_cycle").to_arrow().to_pylist() if r["breakdown"] == "total"]
    assert {r["charge_amount"] for r in total} == {None}
    assert all(r["encounter_total_amount"] is not None for r in total)
