"""dim_claim_transaction on literal ledger rows: words and codes of a row, the line it belongs to, one to one with the fact."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def entry(claim: str, ordinal: int, kind: str, when: str = "2025-01-05 23:59:00", **more: object) -> Row:
    return {"claimid": claim, "line_ordinal": ordinal, "type": kind, "fromdate": when, **more}


def ledger(*rows: Row, **more: object) -> list[Row]:
    return build("dim_claim_transaction", given={"raw_claims_transactions": list(rows)}, **more)  # type: ignore[arg-type]


def entries(*rows: Row) -> dict[tuple[str, int], Row]:
    return {(r["claim_id"], r["line_ordinal"]): r for r in ledger(*rows) if r["claim_transaction_key"] > 0}


def test_rows_settle_the_charge_before_them():
    kinds = ["CHARGE", "PAYMENT", "TRANSFEROUT", "TRANSFERIN", "PAYMENT", "CHARGE", "PAYMENT"]
    rows = entries(*(entry("c1", i, kind) for i, kind in enumerate(kinds, 1)), entry("c2", 1, "CHARGE"))
    assert [rows["c1", i]["line_number"] for i in range(1, 8)] == [1, 1, 1, 1, 1, 2, 2]
    assert rows["c2", 1]["line_number"] == 1


def test_columns():
    row = entries(
        entry(
            "c1",
            3,
            "TRANSFERIN",
            id="t9",
            method="CC",
            transfertype="p",
            procedurecode="010",
            notes="Check up",
            departmentid="20",
            diagnosisref1="1",
            diagnosisref2="2",
            units=1,
            transfer_from_ordinal=2,
        )
    )["c1", 3]
    assert row["claim_transaction_key"] == stable_key("claim_transaction", "c1", "3")
    assert (row["transaction_id"], row["transaction_type"], row["method"], row["transfer_type"]) == ("t9", "TRANSFERIN", "CC", "p")
    assert (row["procedure_code"], row["note"], row["department_id"], row["units"]) == ("010", "Check up", "20", 1)
    references = [row[f"diagnosis_reference_{n}"] for n in range(1, 5)]
    assert (references, row["transfer_from_ordinal"]) == (["1", "2", None, None], 2)


def test_key_is_the_one_of_the_fact():
    rows = [entry("c1", 1, "CHARGE", amount="1.00"), entry("c1", 2, "PAYMENT", payments="1.00")]
    fact = build("fact_transaction", given={"raw_claims_transactions": rows})
    assert {r["claim_transaction_key"] for r in fact} == {r["claim_transaction_key"] for r in entries(*rows).values()}
    assert len(fact) == 2


def test_partition_is_the_utc_day_of_service_folded_and_held_back():
    rows = entries(
        entry("c1", 1, "CHARGE"),
        entry("c2", 1, "CHARGE", "2020-01-05 10:00:00"),
        entry("c3", 1, "CHARGE", "2025-02-01 00:00:00"),
    )
    assert {c: r["partition_date"] for (c, _), r in rows.items()} == {"c1": date(2025, 1, 5), "c2": date(2025, 1, 1)}


def test_reserved_members_stand_once_in_the_opening_partition():
    rows = ledger(dates=["2025-01-30", "2025-01-31"])
    assert [(r["claim_transaction_key"], r["transaction_type"], r["line_ordinal"], r["note"], r["partition_date"]) for r in rows] == [
        (-3, "All", None, "All", date(2025, 1, 1)),
        (-2, "Not applicable", None, "Not applicable", date(2025, 1, 1)),
        (-1, "Unknown", None, "Unknown", date(2025, 1, 1)),
    ]
