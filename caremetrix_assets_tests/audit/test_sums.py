"""Sums of a fact's amounts against its sources: the rule ``money_equals_source`` beyond its plain cases in ``test_facts``."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from caremetrix_assets_tests.audit.support import D1, D2, Lab, contract
from caremetrix_assets_tests.audit.test_facts import RAW, ROW, SOURCE, lab_of


def test_sums_are_compared_by_date_to_the_cent(tmp_path: Path) -> None:
    second = {**ROW, "visit_sk": "s2", "visit_id": "v2", "partition_date": D2, "date_key": 20250201, "person_key": 8}
    raw = [{**SOURCE, "cost": Decimal("10.01")}, {**SOURCE, "id": "v2", "cost": Decimal("9.99")}]
    results = lab_of(tmp_path, raw, [ROW, second], (D1, D2)).run()
    assert [results.of("money_equals_source.billed_amount", d).status for d in (D1, D2)] == ["failed", "failed"]


def test_a_sum_of_another_table_is_compared_as_a_whole(tmp_path: Path) -> None:
    other = contract("fact_line", {"line_sk": "text", "amount": "money"}, ["line_sk"])
    columns = {"visit_sk": "text", "visit_id": "id", "amount": {"type": "money", "equals": "fact_line.amount"}}
    table = contract("fact_sum", columns, ["visit_sk"], driving={"table": "raw_visit", "key": ("id",), "own_key": ("visit_id",)})
    lab = Lab(tmp_path, table, RAW, other)
    lab.relation("raw_visit", RAW, [SOURCE])
    lab.relation("fact_line", other, [{"line_sk": "a", "amount": 4}, {"line_sk": "b", "amount": 6}])
    assert lab.stage([{"visit_sk": "s1", "visit_id": "v1", "amount": 10}]).run().of("money_equals_source.amount").status == "passed"
    assert lab.stage([{"visit_sk": "s1", "visit_id": "v1", "amount": 11}]).run().of("money_equals_source.amount").status == "failed"


def test_a_sum_may_be_of_chosen_rows(tmp_path: Path) -> None:
    columns = {"visit_sk": "text", "visit_id": "id", "amount": {"type": "money", "equals": "raw_visit.cost where s.code = 'CHARGE'"}}
    table = contract("fact_sum", columns, ["visit_sk"], driving={"table": "raw_visit", "key": ("id",), "own_key": ("visit_id",)})
    lab = Lab(tmp_path, table, RAW)
    lab.relation("raw_visit", RAW, [{**SOURCE, "code": "CHARGE"}, {**SOURCE, "id": "v2", "code": "PAYMENT", "cost": 5}])
    payment = {"visit_sk": "s2", "visit_id": "v2", "amount": 0}
    for amount, status in ((10, "passed"), (15, "failed")):
        rows: list[dict[str, Any]] = [{"visit_sk": "s1", "visit_id": "v1", "amount": amount}, payment]
        assert lab.stage(rows).run().of("money_equals_source.amount").status == status
