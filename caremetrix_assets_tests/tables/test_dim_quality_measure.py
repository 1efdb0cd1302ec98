"""dim_quality_measure: the registry as members of every snapshot."""

import csv
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key

LOWER_IS_BETTER = {
    "hba1c_poor_control_diabetes",
    "readmission_30d",
    "repeat_restoration_90d",
    "claim_denial",
    "claim_rejection",
    "coverage_mismatch",
    "duplicate_visit",
}


def measures() -> dict[str, Row]:
    return {r["measure_id"]: r for r in build("dim_quality_measure") if r["measure_key"] > 0}


def test_the_registry_has_24_measures_in_four_domains():
    rows = measures()
    domains = [r["domain"] for r in rows.values()]
    assert {d: domains.count(d) for d in set(domains)} == {"clinical": 11, "compliance": 5, "documentation": 4, "error": 4}
    assert [r["measure_basis"] for r in rows.values()].count("patient") == 11
    assert {m for m, r in rows.items() if not r["is_higher_better"]} == LOWER_IS_BETTER


def test_targets():
    rows = measures()
    targets = ("bp_control_hypertension", "claim_submitted_90d", "opt_out_honoured", "duplicate_visit", "claim_rejection")
    assert [rows[m]["target_rate"] for m in targets] == [Decimal(t) for t in ("0.7000", "0.9800", "1.0000", "0.0000", "0.0300")]


def test_a_measure_is_a_member_by_its_id_in_every_snapshot():
    rows = [r for r in build("dim_quality_measure", dates=["2025-01-30", "2025-01-31"]) if r["measure_id"] == "colorectal_screening"]
    assert [(r["measure_key"], r["partition_date"]) for r in rows] == [
        (stable_key("quality_measure", "colorectal_screening"), date(2025, 1, 30)),
        (stable_key("quality_measure", "colorectal_screening"), date(2025, 1, 31)),
    ]
    assert (rows[0]["measure_name"], rows[0]["measure_basis"], rows[0]["version"]) == ("Colorectal screening", "patient", "1.0")
    assert rows[0]["exclusion_rule"] == "Ever had a cancer of the colon."
    assert measures()["wellness_visit_12m"]["exclusion_rule"] is None


def test_reserved_members():
    rows = [r for r in build("dim_quality_measure") if r["measure_key"] < 0]
    assert [(r["measure_key"], r["measure_id"], r["domain"], r["version"], r["target_rate"], r["is_higher_better"]) for r in rows] == [
        (-3, "All", "All", "All", None, None),
        (-2, "Not applicable", "Not applicable", "Not applicable", None, None),
        (-1, "Unknown", "Unknown", "Unknown", None, None),
    ]


@pytest.mark.parametrize(
    ("system", "shape", "codes"),
    [("SNOMED", r"\d{6,18}", 26), ("LOINC", r"\d{1,5}-\d", 6), ("RXNORM", r"\d{6}", 15), ("CVX", r"\d{2,3}", 1), ("SYNTHEA", r"[a-z]+", 5)],
)
def test_codes_of_the_measures_are_shaped_like_their_system(system: str, shape: str, codes: int):
    """A mistyped code would silently give a measure without a numerator."""
    with Path(load_catalog().seeds["seed_quality_codes"].path).open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["code_system"] == system]
    assert len({(row["code_list"], row["code"]) for row in rows}) == len(rows) == codes
    assert [row["code"] for row in rows if not re.fullmatch(shape, row["code"])] == []
