"""How often the joins of a fact find their member: the rule ``join_match_rate`` and what contracts declare for it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from caremetrix_assets.audit.rules import rules_of
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.parts import Match
from caremetrix_assets_tests.audit.support import Lab, column, contract
from caremetrix_assets_tests.audit.test_facts import FACT, PERSON, PERSONS, RAW, ROW

Rows = list[dict[str, Any]]


def _joined(tmp_path: Path, rows: Rows, everything: Rows | None = None, **match: Any) -> tuple[str, str | None]:
    """Status and reason of the join behind person_key, declared as ``match``."""
    columns = [c.model_copy(update={"match": Match(**match)}) if c.name == "person_key" else c for c in FACT.columns]
    lab = Lab(tmp_path, FACT.model_copy(update={"columns": tuple(columns)}), RAW, PERSON)
    lab.relation("dim_person", PERSON, PERSONS)
    found = lab.stage(rows, everything=everything).run().of("join_match_rate.person_key")
    assert found.rows_checked == (None if found.status == "not_applicable" else 1)
    return found.status, found.reason


def _persons(unmatched: int, matched: int) -> Rows:
    keys = [-1] * unmatched + [7] * matched
    return [{**ROW, "visit_sk": f"s{i}", "visit_id": f"v{i}", "person_key": key} for i, key in enumerate(keys)]


@pytest.mark.parametrize(
    ("unmatched", "matched", "rate", "status"),
    [(1, 19, "0.95", "passed"), (1, 18, "0.95", "failed"), (1, 1, "0.5", "passed"), (2, 1, "0.5", "failed"), (1, 99, "1", "failed")],
)
def test_a_join_finds_at_least_its_declared_share(tmp_path: Path, unmatched: int, matched: int, rate: str, status: str) -> None:
    assert _joined(tmp_path, _persons(unmatched, matched), rate=Decimal(rate), reason="-") == (status, None)


def test_a_join_is_judged_over_the_whole_build(tmp_path: Path) -> None:
    """A day with one visit of an unknown person is no broken join; a day without one does not hide it."""
    everything = _persons(1, 19)
    assert _joined(tmp_path, everything[:1], everything) == ("passed", None)
    everything = _persons(2, 18)
    assert _joined(tmp_path, everything[2:], everything) == ("failed", None)


def test_only_rows_that_name_a_parent_count(tmp_path: Path) -> None:
    rows = [{**row, "note": "named" if row["person_key"] == 7 else None} for row in _persons(5, 1)]
    assert _joined(tmp_path, rows, when="t.note is not null") == ("passed", None)
    assert _joined(tmp_path, rows, when="t.note is null or t.visit_id in (select id from raw_visit)") == ("failed", None)
    assert _joined(tmp_path, rows, when="t.note = 'other'") == ("not_applicable", "no row names one")
    # a row that cannot have one is no missed join
    assert _joined(tmp_path, [{**ROW, "person_key": -2}]) == ("not_applicable", "no row names one")


def test_the_id_beside_a_key_says_whether_a_row_names_a_parent(tmp_path: Path) -> None:
    columns = {"v_sk": "text", "person_key": {"type": "key", "ref": "dim_person.person_key"}, "person_id": "id"}
    lab = Lab(tmp_path, contract("fact_v", columns, ["v_sk"]), PERSON)
    lab.relation("dim_person", PERSON, PERSONS)
    nameless = {"v_sk": "a", "person_key": -1}
    results = lab.stage([{**nameless, "v_sk": "b"}, {"v_sk": "c", "person_key": 7, "person_id": "p"}]).run()
    assert results.of("join_match_rate.person_key").status == "passed"
    assert lab.stage([{**nameless, "person_id": "p"}]).run().of("join_match_rate.person_key").status == "failed"


@pytest.mark.parametrize("match", [{"rate": "0.5"}, {"rate": "0", "reason": "-"}, {"rate": "1.1"}])
def test_a_lower_rate_needs_a_reason(match: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="rate"):
        Match(**match)  # type: ignore[arg-type]


def test_only_a_key_has_a_join() -> None:
    with pytest.raises(ValidationError, match="about the join behind a key"):
        column("person_id", "id", match=Match())


def test_every_key_of_every_fact_has_its_join_judged() -> None:
    """All but the day's."""
    catalog = load_catalog()
    for table in catalog.layer("facts"):
        judged = {r.name.partition(".")[2] for r in rules_of(catalog, table) if r.check == "join_match_rate"}
        keys = {c.name for c in table.columns if c.type == "key" and c.name != "date_key"}
        assert judged == keys, table.name
