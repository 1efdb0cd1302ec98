"""What a mart's row says of where its numbers come from: not_available exactly without a figure, real only without a simulated row."""

from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets.catalog.models import Drill
from caremetrix_assets_tests.audit.support import D1, Lab, contract
from caremetrix_assets_tests.audit.test_marts import FIGURES, MART, PLACES, ROW, TYPE_KEY


def test_a_row_without_measures_is_not_available(tmp_path: Path) -> None:
    row = {**ROW, **dict.fromkeys(FIGURES), "data_basis": "derived"}
    found = Lab(tmp_path, MART).stage([row]).run().of("data_basis_honest")
    assert (found.status, found.rows_failed, found.sample_keys) == ("failed", 1, f"month|{TYPE_KEY}")


@pytest.mark.parametrize(
    ("basis", "day", "place", "status"),
    [
        ("derived", D1, 7, "failed"),
        ("source", D1, 7, "failed"),
        ("simulated", D1, 7, "passed"),
        ("derived", date(2024, 12, 31), 7, "passed"),
        ("derived", D1, None, "passed"),
    ],
)
def test_a_total_with_a_simulated_row_behind_is_not_called_real(
    tmp_path: Path, basis: str, day: date, place: int | None, status: str
) -> None:
    fact = contract("fact_visit", {"visit_sk": "text", "day": "date", "location_key": "key", "is_simulated": "bool"}, ["visit_sk"])
    drill = Drill(fact=fact.name, where="f.day between m.period_start and m.period_end")
    lab = Lab(tmp_path, MART.model_copy(update={"drill": (drill,)}), fact)
    visits = [{"visit_sk": "a", "day": D1, "location_key": 7, "is_simulated": False}]
    visits += [{"visit_sk": "b", "day": day, "location_key": place, "is_simulated": True}] if place else []
    lab.relation(fact.name, fact, visits)
    found = lab.stage([{**ROW, "data_basis": basis}, *PLACES]).run().of("data_basis_honest")
    assert (found.status, found.sample_keys or None) == (status, f"month|{TYPE_KEY}" if status == "failed" else None)
