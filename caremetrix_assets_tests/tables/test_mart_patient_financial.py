"""mart_patient_financial on literal lines, entries and statements: the month's movement, instalments, statements, trend and score."""

from typing import Any

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import GOVERNMENT, PRIVATE, entry, line, mart, of, sk

NAME, DAY = "mart_patient_financial", "2025-06-30"
RECEIPT = entry("r", "2024-01-01", "2024-01-01", "payment", "primary", "0.00")
OPEN = ("patient_open_amount", "payer_open_amount", "credit_amount")


def owed(name: str, served: str, balance: str, bucket: str, party: str = "patient", **more: object) -> Row:
    """A row of mart_ar_aging."""
    own = {"claim_line_sk": sk(name), "patient_id": "p1", "service_date": served, "balance_amount": balance, "aging_bucket": bucket}
    return {**own, "responsible_party": party, "data_basis": "derived", "partition_date": DAY, **more}


def covered(start: str = "2020-01-01", end: str = "9999-12-31", payer: int = PRIVATE, insured: bool = True) -> Row:
    return {"patient_id": "p1", "payer_key": payer, "coverage_start_date": start, "coverage_end_date": end, "is_insured": insured}


def statement(sent: str, kind: str = "first", in_full: bool = False) -> Row:
    own = {"statement_id": f"s{sent}{kind}", "patient_id": "p1", "sent_date": sent, "statement_type": kind, "partition_date": sent}
    return {**own, "is_paid_in_full_30d": in_full}


def financial(lines: list[Row], entries: list[Row] | None = None, date: str = DAY, **given: list[Row]) -> list[Row]:
    return mart(NAME, [date], fact_claim_line=lines, fact_payment=[*(entries or []), RECEIPT], **given)


def movement_example() -> tuple[list[Row], list[Row]]:
    """100.00 are open when June begins; 200.00 are served; 80, 70 are paid, 10 given back, 20 written off."""
    lines = [line("c1", "2025-05-20", "100.00"), line("c2", "2025-06-02", "200.00")]
    moves = [
        ("payment", "primary", "80.00"),
        ("payment", "patient", "70.00"),
        ("refund", "patient", "-10.00"),
        ("contractual", "primary", "-20.00"),
    ]
    return lines, [entry("c2", "2025-06-02", "2025-06-10", *m) for m in moves]


def test_the_movement_of_the_month():
    [row] = financial(*movement_example())
    names = ("opening_balance_amount", "charge_amount", "payer_payment_amount", "patient_payment_amount", "refund_amount")
    assert of(row, *names, "adjustment_amount", "closing_balance_amount") == [
        "100.00",
        "200.00",
        "80.00",
        "70.00",
        "-10.00",
        "-20.00",
        "140.00",
    ]
    [earlier] = financial(*movement_example(), date="2025-06-01")
    assert of(earlier, *names, "adjustment_amount", "closing_balance_amount") == ["100.00", *["0.00"] * 5, "100.00"]
    assert financial(*movement_example(), date="2025-05-19") == []


def scored(**more: list[Row]) -> Row:
    """1,000.00 owed, half of it over 90 days, as much as three months ago; one of two statements on time; insured."""
    lines = [line("c1", "2025-01-10", "500.00"), line("c2", "2025-05-10", "500.00"), line("c3", "2025-01-10", "500.00")]
    settled = [entry("c3", "2025-01-10", "2025-06-01", "payment", "primary", "500.00")]
    given: dict[str, Any] = {
        "mart_ar_aging": [owed("c1", "2025-01-10", "500.00", "121+"), owed("c2", "2025-05-10", "500.00", "31-60")],
        "bridge_patient_coverage": [covered()],
        "fact_statement": [statement("2025-03-01", in_full=True), statement("2025-04-01")],
        **more,
    }
    return financial(lines, settled, **given)[0]


def test_the_score():
    row = scored()
    # 30 x 0.5 + 25 x (1 - 0.5) + 20 x 0.5 = 37.5
    assert of(row, "risk_score", "risk_band", "balance_trend", "on_time_rate") == [38, "medium", "flat", "0.5000"]
    assert of(row, "patient_due_12m_amount", "patient_applied_12m_amount", "patient_pay_rate") == ["1000.00", "0.00", "0.0000"]
    assert of(row, "uninsured_days_12m", "coverage_class", *OPEN) == [0, "private", "1000.00", "0.00", "0.00"]


def test_what_raises_the_score():
    assert scored(bridge_patient_coverage=[])["risk_score"] == 48
    gap = [covered(end="2025-06-01"), covered("2025-06-02", payer=GOVERNMENT)]
    assert of(scored(bridge_patient_coverage=gap), "uninsured_days_12m", "coverage_class", "risk_score") == [1, "government", 43]
    # 15 + 12.5 + 10 + 5
    chased = [statement("2025-03-01", in_full=True), statement("2025-04-01"), statement("2024-07-01", "collections")]
    assert of(scored(fact_statement=chased), "is_in_collections", "risk_score") == [True, 43]
    chased[2] = statement("2024-06-30", "collections")
    assert of(scored(fact_statement=chased), "is_in_collections", "risk_score") == [False, 38]


def test_without_statements_their_part_is_nothing():
    row = scored(fact_statement=[])
    assert of(row, "statements_due_12m", "on_time_rate", "is_in_collections", "risk_score", "risk_band") == [None, None, None, 25, "low"]


def test_a_statement_counts_when_its_thirty_days_are_over():
    sent = ["2024-05-31", "2024-06-01", "2025-05-31", "2025-06-01"]
    row = scored(fact_statement=[statement(day, in_full=True) for day in sent])
    assert of(row, "statements_due_12m", "statements_on_time_12m") == [2, 2]


def test_who_owes_nothing_still_has_a_score():
    [row] = financial([line("c1", "2025-06-01", "10.00")], [entry("c1", "2025-06-01", "2025-06-01", "payment", "patient", "10.00")])
    assert of(row, "risk_score", "risk_band", "coverage_class", "uninsured_days_12m") == [10, "no_balance", "none", 365]


@pytest.mark.parametrize(
    ("base", "now", "trend"),
    [
        ("0.00", "0.00", "none"),
        ("0.00", "1.00", "new"),
        ("100.00", "110.00", "flat"),
        ("100.00", "110.01", "rising"),
        ("100.00", "90.00", "flat"),
        ("100.00", "89.99", "falling"),
        ("100.00", "-5.00", "falling"),
        ("-5.00", "-5.00", "none"),
    ],
)
def test_the_trend_is_against_three_months_ago(base: str, now: str, trend: str):
    lines = [line("c1", "2025-03-30", "0.00")]
    moves = [entry("c1", "2025-03-30", "2025-03-30", "correction", "patient", base)]
    moves.append(entry("c1", "2025-03-30", "2025-03-31", "correction", "patient", str(round(float(now) - float(base), 2))))
    [row] = financial(lines, moves)
    assert of(row, "balance_3m_ago_amount", "closing_balance_amount", "balance_trend") == [base, now, trend]


def test_lines_paid_in_parts():
    """In parts and paid off; in parts and open; twice on one day; in parts, but one part taken back; served 12 months ago."""
    served = {"c1": "2025-01-10", "c2": "2025-01-10", "c3": "2025-01-10", "c4": "2025-01-10", "c5": "2024-06-30"}
    lines = [line(name, day, "30.00") for name, day in served.items()]
    days = {"c1": (1, 2, 3), "c2": (1, 2), "c3": (1, 1), "c4": (1, 2), "c5": (1, 2, 3)}
    paid = [
        entry(c, served[c], f"2025-02-0{d}", "payment", "patient", "10.00", receipt=f"{c}{n}")
        for c, several in days.items()
        for n, d in enumerate(several)
    ]
    paid[-4] = {**paid[-4], "is_reversed": True, "reversed_date": "2025-03-01"}
    assert paid[-4]["claim_id"] == "c4"
    [row] = financial(lines, paid, mart_ar_aging=[owed("c2", "2025-01-10", "10.00", "121+")])
    assert of(row, "instalment_lines_12m", "instalment_closed_lines_12m", "instalment_closed_rate") == [2, 1, "0.5000"]
    # 30 + 20 + 20 + 10 paid on the lines of the 12 months, 10 known as owed
    assert of(row, "patient_applied_12m_amount", "patient_due_12m_amount", "patient_pay_rate") == ["80.00", "90.00", "0.8889"]


def test_what_is_owed_back_to_the_patient_is_not_applied():
    lines = [line("c1", "2025-06-01", "10.00"), line("c2", "2025-06-01", "10.00")]
    paid = [entry(c, "2025-06-01", "2025-06-01", "payment", "patient", "25.00") for c in ("c1", "c2")]
    aging = [owed("c1", "2025-06-01", "-15.00", "credit"), owed("c2", "2025-06-01", "-15.00", "credit", "primary")]
    [row] = financial(lines, paid, mart_ar_aging=aging)
    assert of(row, "patient_applied_12m_amount", "patient_open_amount", "credit_amount") == ["35.00", "0.00", "-30.00"]


def test_keys_are_those_of_the_latest_visit():
    visits = [
        {"patient_id": "p1", "visit_seq": seq, "started_at": f"{day} 09:00:00", "location_key": 10 + seq, "provider_key": 21, **kind}
        for seq, day, kind in (
            (1, "2025-01-02", {"patient_type": "new", "source_key": 5}),
            (2, "2025-06-30", {"patient_type": "established", "source_key": 5}),
            (3, "2025-07-01", {"patient_type": "established", "source_key": 5}),
        )
    ]
    keys = ("patient_key", "location_key", "provider_key", "patient_type", "source_key")
    [row] = financial([line("c1", "2025-01-02", "10.00")], fact_appointment=visits)
    assert of(row, *keys) == [101, 12, 20, "established", 5]
    [row] = financial([line("c1", "2025-01-02", "10.00")])
    assert of(row, *keys) == [101, -1, -1, "prospect", -1]


def test_without_receipts_only_the_movement_is_known():
    lines = [line("c1", "2025-06-02", "0.02")]
    ledger = [entry("c1", "2025-06-02", "2025-06-02", "payment", "patient", "60.00", entry_source="ledger")]
    aging = [owed("c1", "2025-06-02", "-59.98", "credit")]
    [row] = mart(NAME, [DAY], fact_claim_line=lines, fact_payment=ledger, mart_ar_aging=aging)
    assert of(row, "closing_balance_amount", "credit_amount", "patient_payment_amount", "data_basis") == [
        "-59.98",
        "-59.98",
        "60.00",
        "derived",
    ]
    unknown = ("patient_open_amount", "payer_open_amount", "patient_pay_rate", "instalment_lines_12m", "risk_score", "risk_band")
    assert of(row, *unknown, "statements_due_12m", "is_in_collections") == [None] * 8


CHANGES = [
    ("mart_equals_fact", {"charge_amount": "201.00"}, ["total"]),
    ("mart_equals_fact", {"adjustment_amount": "-21.00"}, ["total"]),
    ("mart_identity_closing", {"closing_balance_amount": "141.00"}, ["p1"]),
    ("mart_identity_open", {"payer_open_amount": "1.00"}, ["p1"]),
    ("mart_identity_score", {"risk_score": None}, ["p1"]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    lines, entries = movement_example()
    aging = [owed("c1", "2025-05-20", "100.00", "31-60"), owed("c2", "2025-06-02", "40.00", "0-30")]
    [row] = financial(lines, entries, mart_ar_aging=aging)
    facts = {"fact_claim_line": lines, "fact_payment": [*entries, RECEIPT]}
    assert offenders(NAME, check, [row], facts) == []
    assert offenders(NAME, check, [{**row, **changes}], facts) == keys
