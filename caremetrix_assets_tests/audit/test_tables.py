"""Rules of every table: staged files, days, identity documents, references."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from caremetrix_assets_tests.audit.support import D1, D2, MARKER, OPENING, Case, Lab, Setting, contract, prove

DIM = contract("dim_place", {"place_key": "key", "place_id": "id", "valid_from": "date"}, ["place_key"])
FACT = contract(
    "fact_visit",
    {
        "visit_sk": "text",
        "date_key": "key",
        "place_key": {"type": "key", "ref": "dim_place.place_key"},
        "old_place_key": "key",
        "note": "text",
        "person_id": "id",
    },
    ["visit_sk"],
)
ROW: dict[str, Any] = {"visit_sk": "v1", "date_key": 20250131, "place_key": 7, "old_place_key": 7, "note": "all well", "person_id": "p1"}
BAD = {**ROW, "visit_sk": "v2", "note": MARKER}
PLACES = {"dim_place": [{"place_key": -1}, {"place_key": 7}]}
LOG = contract(
    "raw_visit",
    {"id": "id", "drop_date": "date", "change_type": "text", "source_ordinal": "int", "drop_id": "text", "drop_sequence": "int"},
    ["id"],
    natural_key=("id",),
    source={"file": "visits", "key": ("id",)},
)
LOGGED = {"id": "v1", "drop_date": D1, "change_type": "insert", "source_ordinal": 0, "drop_id": "d", "drop_sequence": 0}


def _case(rule: str, value: dict[str, Any], failed: int = 1, keys: str = "v2", **more: Any) -> Case:
    return Case(rule, FACT, Setting([ROW], given=PLACES), Setting([ROW, {**BAD, **value}]), failed, keys, neighbours=[DIM], **more)


def _file(change: str) -> Any:
    def rewrite(lab: Lab) -> None:
        rows = lab.con.sql(f"select {change} from fact_visit").to_arrow_table()
        fields = [f.with_nullable(f.name not in FACT.never_null) for f in rows.schema]
        pq.write_table(rows.cast(pa.schema(fields)), lab.files[D1], store_decimal_as_integer=True)

    return rewrite


def _published(change: str) -> Any:
    def write(lab: Lab) -> None:
        path = lab.folder / "published.parquet"
        lab.con.execute(f"copy (select {change} from fact_visit) to '{path}' (format parquet)")
        lab.context["published"] = path

    return write


NOT_BUILT: dict[str, Any] = {"absent": Setting(missing=["dim_place"]), "reason": "table not built"}
CASES = [
    Case(
        "schema_contract",
        FACT,
        Setting([ROW], given=PLACES),
        Setting(prepare=_file("* exclude (note) replace (cast(place_key as int) as place_key), 'x' as extra")),
        3,
        "extra note place_key",
        neighbours=[DIM],
    ),
    Case(
        "types_not_drifted",
        FACT,
        Setting([ROW], given=PLACES, prepare=_published("*")),
        Setting(prepare=_published("* replace (cast(date_key as int) as date_key)")),
        1,
        "date_key",
        Setting(),
        "first partition",
        neighbours=[DIM],
    ),
    Case(
        "value_in_range.partition_date",
        FACT,
        Setting([ROW], given=PLACES),
        Setting(prepare=_file(f"* replace (date '{D2}' as partition_date)")),
        1,
        "",
        neighbours=[DIM],
    ),
    _case("value_in_range.date_key", {"date_key": 20250201}),
    _case("only_this_day", {"date_key": 20250130}),
    _case("no_identifier_leak", {"note": f"{MARKER} 999-12-3456."}),
    _case("fk_resolves.place_key", {"place_key": 8}, **NOT_BUILT),
    _case("fk_resolves.old_place_key", {"old_place_key": 8}, **NOT_BUILT),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def _fact(tmp_path: Path, rows: list[dict[str, Any]], dates: tuple[date, ...] = (D1,)) -> Lab:
    lab = Lab(tmp_path, FACT, DIM, dates=dates)
    lab.relation("dim_place", DIM, PLACES["dim_place"])
    return lab.stage(rows)


def test_order_of_columns_is_part_of_the_schema(tmp_path: Path) -> None:
    lab = _fact(tmp_path, [ROW])
    _file("date_key, * exclude (date_key)")(lab)
    found = lab.run().of("schema_contract")
    assert (found.status, found.rows_failed, found.sample_keys) == ("failed", 2, "date_key visit_sk")


def test_what_may_be_null_is_part_of_the_schema(tmp_path: Path) -> None:
    lab = _fact(tmp_path, [ROW])
    # DuckDB's writer marks a column as never null because this file happens to have none
    lab.con.execute(f"copy (from fact_visit) to '{lab.files[D1]}' (format parquet)")
    found = lab.run().of("schema_contract")
    by_chance = sorted({c.name for c in FACT.columns} - FACT.never_null)
    assert (found.status, found.rows_failed, found.sample_keys) == ("failed", len(by_chance), " ".join(by_chance[:5]))


def test_changed_contract_may_change_types(tmp_path: Path) -> None:
    lab = _fact(tmp_path, [ROW])
    _published("* replace (cast(date_key as int) as date_key)")(lab)
    assert lab.run(contract_changed=True).of("types_not_drifted").reason == "contract changed"


def test_opening_partition_holds_what_is_earlier_but_nothing_later(tmp_path: Path) -> None:
    early = {**ROW, "date_key": 20101231, "partition_date": OPENING}
    late = {**ROW, "visit_sk": "v3", "date_key": 20250102, "partition_date": OPENING}
    lab = _fact(tmp_path, [early, late], (OPENING,))
    found = lab.run().of("only_this_day", OPENING)
    assert (found.rows_failed, found.sample_keys) == (1, "v3")


def test_raw_rows_belong_to_the_day_of_their_drop(tmp_path: Path) -> None:
    rows = [LOGGED, {**LOGGED, "id": "v2", "drop_date": D2}, {**LOGGED, "id": "v3", "drop_date": OPENING}]
    found = Lab(tmp_path, LOG).stage(rows).run().of("only_this_day")
    assert (found.rows_failed, found.sample_keys) == (2, "v2 v3")
    old = {**LOGGED, "drop_date": date(2020, 1, 1), "partition_date": OPENING}
    assert Lab(tmp_path, LOG, dates=[OPENING]).stage([old]).run().of("only_this_day", OPENING).status == "passed"


def test_rows_of_a_date_that_is_not_audited_stop_the_first(tmp_path: Path) -> None:
    lab = _fact(tmp_path, [{**ROW, "partition_date": D2}, {**BAD, "partition_date": date(2025, 3, 1)}], (D1, D2))
    found = lab.run()
    assert found.of("value_in_range.partition_date", D1).rows_failed == 1
    assert found.of("value_in_range.partition_date", D2).status == "passed"


@pytest.mark.parametrize("text", ["999-12-3456", "S99123456", "X12345678X"])
def test_identity_documents_are_found_in_ids_and_never_shown(tmp_path: Path, text: str) -> None:
    lab = _fact(tmp_path, [{**ROW, "person_id": text, "visit_sk": text}])
    results = lab.run()
    found = results.of("no_identifier_leak")
    assert (found.status, found.rows_failed, found.sample_keys) == ("failed", 1, "***")
    assert not results.says(text)


@pytest.mark.parametrize("text", ["1999-12-34567", "999-123-456", "S9912345", "00000000-999-12-3456", "see 999-12-34561"])
def test_texts_that_only_resemble_documents(tmp_path: Path, text: str) -> None:
    expected = "failed" if text.startswith("00000000") else "passed"
    assert _fact(tmp_path, [{**ROW, "note": text}]).run().of("no_identifier_leak").status == expected


@pytest.mark.parametrize(
    ("name", "privacy", "status"), [("fact_x", "pii", "failed"), ("dim_x", "pii", "passed"), ("dim_x", "restricted", "failed")]
)
def test_classes_that_may_not_be_here(tmp_path: Path, name: str, privacy: str, status: str) -> None:
    table = contract(name, {"x_key": "key", "secret": {"type": "text", "privacy": privacy}}, ["x_key"])
    assert Lab(tmp_path, table).stage([{"x_key": 1, "secret": "abc"}]).run().of("no_identifier_leak").status == status


def test_the_table_of_identity_documents_may_have_them(tmp_path: Path) -> None:
    columns = {"ssn": {"type": "text", "privacy": "restricted"}, **{c.name: {"type": c.type} for c in LOG.columns}}
    table = contract("raw_patients", columns, ["id"], natural_key=("id",), source={"file": "patients", "key": ("id",)})
    found = Lab(tmp_path, table).stage([{**LOGGED, "ssn": "999-12-3456"}]).run().of("no_identifier_leak")
    assert (found.status, found.reason) == ("not_applicable", "identity documents stay in this table")


def test_a_missing_table_of_the_catalog_is_no_reference(tmp_path: Path) -> None:
    table = contract("fact_visit", {"visit_sk": "text", "room_key": {"type": "key", "ref": "dim_room.room_key"}}, ["visit_sk"])
    found = Lab(tmp_path, table).stage([{"visit_sk": "v", "room_key": 1}]).run().of("fk_resolves.room_key")
    assert (found.status, found.reason) == ("not_applicable", "table not built")


def test_references_inside_one_snapshot_stay_in_its_date(tmp_path: Path) -> None:
    table = contract("dim_team", {"team_key": "key", "lead_key": {"type": "key", "ref": "dim_team.team_key"}}, ["team_key"])
    rows: list[dict[str, Any]] = [{"team_key": 1, "lead_key": 1}, {"team_key": 2, "lead_key": 1, "partition_date": D2}]
    results = Lab(tmp_path, table, dates=[D1, D2]).stage(rows).run()
    assert [results.of("fk_resolves.lead_key", d).rows_failed for d in (D1, D2)] == [0, 1]
