"""The lake built from the sample drops holds what an independent recomputation from their CSV files says (``oracle.py``).

What single tables must do case by case is in ``tables/``; nothing here depends on how they do it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from caremetrix_assets import Lake
from caremetrix_assets_tests.oracle import KEYS, REPEATING, TRACKED, Oracle, Row
from caremetrix_assets_tests.oracle_marts import BREAKDOWNS, Key, appointment_efficiency, revenue_cycle
from caremetrix_assets_tests.runs import Place

SAMPLE = Path(__file__).parent.parent / "sample_drops"
NEWEST = date(2025, 12, 7)
# the newest day, the day the late visits arrived, and the opening day with all the history
DATES = [NEWEST, date(2025, 12, 3), date(2025, 11, 30)]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle([path.parent for path in SAMPLE.glob("*/manifest.json")], newest=NEWEST)


def rows_of(lake: Lake, table: str, sql: str) -> list[Row]:
    """Rows of a query over one table of the lake, read as Arrow and named ``t``."""
    connection = duckdb.connect()
    connection.register("t", lake.table(table).to_arrow())
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("file", [*KEYS, "claims_transactions"])
def test_newest_state_has_the_rows_of_all_drops(sample_lake: Lake, oracle: Oracle, file: str):
    key = ["claimid", "line_ordinal"] if file == "claims_transactions" else [*KEYS[file], "source_ordinal"]
    state = rows_of(
        sample_lake,
        f"raw_{file}",
        f"""
        select count(*) as rows from (
            select change_type from t
            qualify row_number() over (partition by {", ".join(key)} order by drop_date desc, drop_sequence desc, drop_id desc) = 1
        ) where change_type <> 'delete'
        """,
    )
    assert state[0]["rows"] == oracle.state_counts()[file]


def test_change_log_repeats_nothing(sample_lake: Lake, oracle: Oracle):
    """Every key is inserted once; only rows that repeat a key may be told apart by an ordinal alone."""
    for file in KEYS:
        inserted = rows_of(sample_lake, f"raw_{file}", "select count(*) as rows from t where change_type = 'insert'")[0]["rows"]
        assert inserted == oracle.state_counts()[file]
        ordinals = rows_of(sample_lake, f"raw_{file}", "select max(source_ordinal) as top from t")[0]["top"]
        assert ordinals == 0 or file in REPEATING


def test_fact_appointment_agrees_encounter_by_encounter(sample_lake: Lake, oracle: Oracle):
    columns = (
        ["encounter_id", "patient_id", "provider_id", "organization_id", "encounter_class", "procedure_count", "observation_count"]
        + ["billed_amount", "payer_coverage_amount", "charge_amount", "visit_seq", "days_since_previous_visit", "patient_type"]
        + ["is_return_30d", "is_readmission_30d"]
    )
    actual = rows_of(
        sample_lake,
        "fact_appointment",
        f"""select {", ".join(columns)}, date_key, round(duration_minutes * 60) as seconds
        from t where encounter_id is not null order by encounter_id""",
    )
    expected = [
        {
            **{name: row[name] for name in columns},
            "date_key": int(f"{row['visit_date']:%Y%m%d}"),
            "seconds": row["duration_seconds"],
        }
        for row in oracle.appointments()
    ]
    assert len(actual) == len(expected)
    assert [(a, e) for a, e in zip(actual, expected, strict=True) if filled(a) != filled(e)] == []


def filled(row: Row) -> Row:
    """A visit without charges or procedures may say 0 or nothing."""
    return {name: 0 if value is None and name.endswith(("_count", "charge_amount")) else value for name, value in row.items()}


def test_fact_procedure_has_every_procedure_and_its_fee(sample_lake: Lake, oracle: Oracle):
    sums = "count(*) as rows, sum(base_cost_amount) as base_cost_amount, sum(gross_fee_amount) as gross_fee_amount"
    assert rows_of(sample_lake, "fact_procedure", f"select {sums} from t") == [oracle.procedures()]


def test_fact_claim_line_has_every_charge_by_kind(sample_lake: Lake, oracle: Oracle):
    found = rows_of(
        sample_lake, "fact_claim_line", "select claim_kind, line_kind, count(*) as rows, sum(charge_amount) as charge from t group by 1, 2"
    )
    assert {(row["claim_kind"], row["line_kind"]): (row["rows"], row["charge"]) for row in found} == oracle.claim_lines()


def test_fact_transaction_is_the_ledger_by_type_and_party(sample_lake: Lake, oracle: Oracle):
    expected = oracle.transactions()
    sums = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in next(iter(expected.values())) if name != "rows")
    found = rows_of(sample_lake, "fact_transaction", f"select transaction_type, paid_by, count(*) as rows, {sums} from t group by 1, 2")
    assert {(row.pop("transaction_type"), row.pop("paid_by")): row for row in found} == expected


@pytest.mark.parametrize("file", list(TRACKED))
def test_type_2_dimension_has_a_version_per_real_change(sample_lake: Lake, oracle: Oracle, file: str):
    entity = file.removesuffix("s")
    members = rows_of(sample_lake, f"dim_{entity}", f"select count(*) as rows from t where {entity}_key >= 0 and {entity}_id <> 'SELF_PAY'")
    assert members[0]["rows"] == oracle.version_counts()[file]


def mart_rows(lake: Lake, mart: str, day: date, own_keys: dict[str, str]) -> dict[Key, Row]:
    """A partition's rows of the breakdowns that the oracle recomputes, keyed as the oracle keys them."""
    table = lake.table(mart).to_arrow(dates=[day])
    if table.num_rows == 0 and day != NEWEST:
        pytest.skip(f"{mart} was not built for {day}")
    columns = {"location": "location_key", **own_keys}
    wanted = [row for row in table.to_pylist() if row["breakdown"] in {"total", *columns}]
    return {(row["period_grain"], row["breakdown"], row.get(columns.get(row["breakdown"], ""))): row for row in wanted}


def differences(actual: dict[Key, Row], expected: dict[Key, Row], loose: Iterable[str] = ()) -> dict[str, list[Any]]:
    """What differs, by column; ``loose`` columns are sums of rounded minutes."""
    found: dict[str, list[Any]] = defaultdict(list)
    for key in actual.keys() ^ expected.keys():
        found["row in mart only" if key in actual else "row missing in mart"].append(key)
    for key in actual.keys() & expected.keys():
        for name, value in expected[key].items():
            other = actual[key][name]
            if name in loose:
                same = abs(Decimal(str(other or 0)) - Decimal(value or 0)) <= Decimal("0.001")
            elif isinstance(other, float):
                same = value is not None and Decimal(str(other)) == Decimal(value)
            else:
                same = other == value
            if not same:
                found[name].append((key, other, value))
    return dict(found)


@pytest.mark.parametrize("day", DATES, ids=str)
def test_mart_revenue_cycle_agrees_row_by_row(sample_lake: Lake, oracle: Oracle, day: date):
    own = {"payer": "payer_key", "encounter_class": "encounter_class"}
    assert set(own) < set(BREAKDOWNS)
    assert differences(mart_rows(sample_lake, "mart_revenue_cycle", day, own), revenue_cycle(oracle, day)) == {}


@pytest.mark.parametrize("day", DATES, ids=str)
def test_mart_appointment_efficiency_agrees_row_by_row(sample_lake: Lake, oracle: Oracle, day: date):
    actual = mart_rows(sample_lake, "mart_appointment_efficiency", day, {"encounter_class": "encounter_class"})
    loose = ("visit_minutes", "minutes_per_clinician_day")
    assert differences(actual, appointment_efficiency(oracle, day), loose) == {}


def test_every_ledger_row_has_its_description(sample_lake: Lake, oracle: Oracle):
    columns = "notes as note, count(*) as rows from claims_transactions group by all order by all"
    expected = oracle.rows(f"select type as transaction_type, {columns}")
    members = "from t where claim_transaction_key > 0"
    found = f"select transaction_type, note, count(*) as rows {members} group by all order by all"
    assert rows_of(sample_lake, "dim_claim_transaction", found) == expected
    ledger = rows_of(sample_lake, "fact_transaction", "select claim_transaction_key from t order by 1")
    assert rows_of(sample_lake, "dim_claim_transaction", f"select claim_transaction_key {members} order by 1") == ledger


def test_spans_of_coverage_are_those_of_the_newest_state(sample_lake: Lake, oracle: Oracle):
    expected = oracle.rows(
        """
        select t.patient as patient_id, count(*) as spans, count(*) filter (where p.ownership <> 'NO_INSURANCE') as insured,
            min(cast(t.start_date as date)) as first_day
        from payer_transitions as t inner join payers as p on p.id = t.payer
        where t.start_date <> t.end_date
        group by all order by all
        """
    )
    found = rows_of(
        sample_lake,
        "bridge_patient_coverage",
        f"""
        select patient_id, count(*) as spans, count(*) filter (where is_insured) as insured, min(coverage_start_date) as first_day
        from t where partition_date = date '{NEWEST}' group by all order by all
        """,
    )
    assert found == expected


def test_price_of_a_drug_is_the_median_of_its_orders(sample_lake: Lake, oracle: Oracle):
    expected = oracle.rows(
        """
        select code, quantile_disc(cast(base_cost as decimal(18, 2)), 0.5) as price from medications
        where cast(start as date) <= date '2025-12-07' group by all order by all
        """
    )
    sql = f"select medication_code as code, median_unit_cost_amount as price from t where partition_date = date '{NEWEST}' and "
    assert rows_of(sample_lake, "dim_medication", sql + "medication_key > 0 order by all") == expected


def test_a_snapshot_without_rows_is_written_all_the_same(sample_place: Place):
    """Nobody has touches in the sample; a missing object would mean that the day was not built."""
    days = [path.parent.name for path in sorted((sample_place.lake / "dims" / "bridge_patient_source").glob("*/*.parquet"))]
    assert days == [path.parent.name for path in sorted((sample_place.lake / "dims" / "dim_payer").glob("*/*.parquet"))]
    assert f"partition_date={NEWEST}" in days
    assert {row["table"]: row["stale"] for row in sample_place.json("tables")}["bridge_patient_source"] is None
