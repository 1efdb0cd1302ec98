"""How rules are run and judged: a contract's own checks, thresholds, errors, what blocks, what is needed."""

import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit.evaluate import blocking
from caremetrix_assets.audit.fragments import safe_key
from caremetrix_assets.audit.rules import rules_of
from caremetrix_assets_tests.audit.support import D1, D2, MARKER, OPENING, Lab, catalog, contract

OTHER = contract("fact_x", {"x_sk": "text", "amount": "money"}, ["x_sk"])
COLUMNS: dict[str, Any] = {"thing_id": "id", "amount": {"type": "money", "required": True}, "note": "text"}
ROW: dict[str, Any] = {"thing_id": "t1", "amount": Decimal(1), "note": "ok"}
CHECK = "select t.partition_date, t.thing_id as key from mart_things as t where t.amount > 5"


def _mart(**checks: Any) -> Any:
    return contract("mart_things", COLUMNS, ["thing_id"], checks=checks)


def _lab(tmp_path: Path, rows: list[dict[str, Any]], dates: tuple[date, ...] = (D1,), **checks: Any) -> Lab:
    return Lab(tmp_path, _mart(**checks), OTHER, dates=dates).stage(rows)


def test_a_check_of_the_contract(tmp_path: Path) -> None:
    lab = _lab(tmp_path, [ROW, {**ROW, "thing_id": "t2", "amount": 6, "note": MARKER}], small_enough={"sql": CHECK})
    results = lab.run()
    found = results.of("small_enough")
    assert (found.status, found.group, found.severity) == ("failed", "integrity", "blocking")
    assert (found.rows_checked, found.rows_failed, found.sample_keys) == (2, 1, "t2")
    assert not results.says(MARKER)


@pytest.mark.parametrize("end", [";", " -- a comment", "\n;\n"])
def test_how_a_check_ends_does_not_matter(tmp_path: Path, end: str) -> None:
    lab = _lab(tmp_path, [ROW, {**ROW, "thing_id": "t2", "amount": 6}], small_enough={"sql": CHECK + end})
    assert lab.run().of("small_enough").rows_failed == 1


@pytest.mark.parametrize(("bad", "status"), [(1, "passed"), (2, "warned")])
def test_threshold_of_a_check(tmp_path: Path, bad: int, status: str) -> None:
    rows = [{**ROW, "thing_id": f"t{i}", "amount": 9 if i < bad else 1} for i in range(10)]
    lab = _lab(tmp_path, rows, small_enough={"sql": CHECK, "severity": "warn", "threshold": "0.1"})
    found = lab.run().of("small_enough")
    assert (found.status, found.group, found.rows_failed) == (status, "watch", bad)


def test_a_check_says_itself_when_it_does_not_apply(tmp_path: Path) -> None:
    when = "select 'no feed' where not exists (select 1 from fact_x)"
    lab = _lab(tmp_path, [{**ROW, "amount": 6}], small_enough={"sql": CHECK, "not_applicable_when": when})
    assert lab.run().of("small_enough")[6:10] == ("not_applicable", "no feed", None, None)
    lab.relation("fact_x", OTHER, [{"x_sk": "a"}])
    assert lab.run().of("small_enough").status == "failed"


def test_a_check_over_a_table_that_is_not_there(tmp_path: Path) -> None:
    lab = _lab(tmp_path, [ROW], mart_equals_fact={"sql": "select t.partition_date, 'k' as key from mart_things t, fact_feed f"})
    found = lab.run().of("mart_equals_fact")
    assert (found.status, found.reason) == ("not_applicable", "table not built")


def test_rows_without_a_date_stop_the_first_and_rows_of_other_dates_nothing(tmp_path: Path) -> None:
    sql = "select cast(null as date) as partition_date, 'a' as key union all select date '2020-01-01', 'b'"
    lab = _lab(tmp_path, [ROW, {**ROW, "partition_date": D2}], (D1, D2), anything={"sql": sql})
    results = lab.run()
    assert [results.of("anything", d).rows_failed for d in (D1, D2)] == [1, 0]


def test_an_empty_partition_fails_when_rows_are_named_for_it(tmp_path: Path) -> None:
    sql = f"select date '{D1}' as partition_date, 'fact row' as key"
    assert _lab(tmp_path, [], mart_equals_fact={"sql": sql}).run().of("mart_equals_fact").status == "failed"
    nothing = {"sql": f"{sql} where false"}
    assert _lab(tmp_path, [], mart_equals_fact=nothing).run().of("mart_equals_fact").status == "not_applicable"


def test_a_check_that_cannot_run_is_an_error_without_the_values_of_its_message(tmp_path: Path) -> None:
    cast = "select t.partition_date, t.thing_id as key from mart_things as t where cast(t.note as int) > 0"
    lab = _lab(tmp_path, [{**ROW, "note": MARKER}], numbers={"sql": cast}, small_enough={"sql": CHECK}, no_date={"sql": "select 1 as key"})
    results = lab.run()
    assert results.of("numbers")[6:10] == ("error", "could not run (ConversionException)", None, None)
    assert results.of("no_date").status == "error"
    assert results.of("small_enough").status == "passed"
    assert results.of("not_null.amount").status == "passed"
    assert not results.says(MARKER)


def test_a_column_that_is_missing_breaks_its_own_rules_only(tmp_path: Path) -> None:
    lab = _lab(tmp_path, [{**ROW, "amount": None}], small_enough={"sql": CHECK})
    lab.con.execute("create or replace table mart_things as select * exclude (note) from mart_things")
    results = lab.run()
    assert results.of("not_null.amount").rows_failed == 1
    assert results.of("id_pattern.note").status == "error"
    assert results.of("small_enough").status == "passed"


@pytest.mark.parametrize("name", ["value_in_range", "value_in_range.visits"])
def test_a_check_of_the_contract_replaces_the_generic_one(tmp_path: Path, name: str) -> None:
    own = {name: {"sql": "select t.partition_date, 'k' as key from mart_v as t where t.visits < -9"}}
    table = contract("mart_v", {"v_id": "id", "visits": "int"}, ["v_id"], checks=own)
    results = Lab(tmp_path, table).stage([{"v_id": "a", "visits": -5}]).run()
    assert [r.check_name for r in results if r.check_name.startswith("value_in_range.visits")] == ([name] if "." in name else [])
    assert results.of(name).status == "passed"


def test_every_rule_has_one_result_for_each_date(tmp_path: Path) -> None:
    table = _mart(small_enough={"sql": CHECK})
    results = _lab(tmp_path, [ROW], (D1, D2), small_enough={"sql": CHECK}).run()
    names = [r.name for r in rules_of(catalog(OTHER, table), table)]
    assert len(names) == len(set(names))
    assert [(r.check_name, r.partition_date) for r in results] == [(n, d) for n in names for d in (D1, D2)]


def test_an_empty_partition_passes_nothing(tmp_path: Path) -> None:
    table = contract("fact_x", {"x_sk": "text", "kind": {"type": "text", "values": ("a",)}}, ["x_sk"])
    statuses = {r.status for r in Lab(tmp_path, table).stage([]).run()}
    assert statuses == {"not_applicable"}


def test_what_blocks(tmp_path: Path) -> None:
    rows = [{**ROW, "partition_date": OPENING}, {**ROW, "amount": None, "partition_date": D1}, {**ROW, "partition_date": D2}]
    results = _lab(tmp_path, rows, (OPENING, D1, D2)).run()
    held = blocking(results)
    # what comes after the first failing date stays back with it
    assert held == ((D1, D2), ("schema_contract", "not_null.amount"))
    assert held
    assert not blocking([r for r in results if r.partition_date == OPENING])


def test_an_error_blocks_and_a_warning_does_not(tmp_path: Path) -> None:
    broken = {"sql": "select nothing"}
    assert blocking(_lab(tmp_path, [ROW], broken=broken).run()).rules == ("broken",)
    assert not blocking(_lab(tmp_path, [ROW], broken={**broken, "severity": "warn"}).run())
    warned = _lab(tmp_path, [{**ROW, "amount": 9}], small_enough={"sql": CHECK, "severity": "warn"}).run()
    assert warned.bad() and not blocking(warned)


def test_many_dates_and_a_few_bad_ones(tmp_path: Path) -> None:
    dates = tuple(D1 + timedelta(days=i) for i in range(40))
    rows = [{**ROW, "partition_date": d, "amount": None if i in (3, 7) else 1} for i, d in enumerate(dates)]
    results = _lab(tmp_path, rows, dates).run()
    assert [i for i, d in enumerate(dates) if results.of("not_null.amount", d).status == "failed"] == [3, 7]


@pytest.mark.parametrize(
    ("key", "shown"),
    [("a b\tc", "a_b_c"), ("x|999-12-3456|y", "x|***|y"), (None, ""), ("k" * 200, "k" * 120)],
)
def test_keys_that_may_be_shown(key: str | None, shown: str) -> None:
    assert safe_key(key) == shown


def test_auditing_imports_neither_expectations_nor_frames_before_they_are_needed() -> None:
    code = "import sys, caremetrix_assets.audit.evaluate, caremetrix_assets.audit.results, caremetrix_assets.audit.gx; "
    code += "print([m for m in ('great_expectations', 'pandas', 'dagster') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
