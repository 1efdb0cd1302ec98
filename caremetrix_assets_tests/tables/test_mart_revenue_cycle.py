"""mart_revenue_cycle on literal ledgers and visits: shares, breakdowns, windows, what is dated later."""

from datetime import date
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build, picked, row_of

PROVIDERS = [
    {"provider_key": 21, "member_key": 20, "provider_id": "d1"},
    {"provider_key": 22, "member_key": 20, "provider_id": "d1"},
]
PAYERS = [{"payer_key": 31, "member_key": 30, "payer_id": "y1"}, {"payer_key": 40, "member_key": 40, "payer_id": "NO_INSURANCE"}]
AMOUNTS = ("charge_amount", "payment_amount", "adjustment_amount", "balance_effect_amount")


def visit(name: str = "e1", start: str = "2025-03-10 09:00:00", total: str = "130.00", covered: str = "60.00", **more: object) -> Row:
    row = {"encounter_id": name, "started_at": start, "billed_amount": total, "payer_coverage_amount": covered, "location_key": 10}
    keys = {"provider_key": 21, "patient_type": "new", "source_key": -1, "payer_key": 31, "encounter_class": "wellness"}
    return {**row, **keys, "outcome": "completed", "partition_date": start[:10], **more}


def line(claim: str, number: int, day: str, amount: str, *paid: tuple[str, str], written_off: str = "0.00") -> list[Row]:
    """Ledger rows of one line: its charge, its payments (who, amount), an adjustment."""
    base: Row = {"claim_id": claim, "line_number": number, "service_from_at": f"{day} 09:00:00", "partition_date": day}
    zero: Row = dict.fromkeys(AMOUNTS, Decimal(0))
    rows: list[Row] = [{**base, **zero, "charge_amount": Decimal(amount), "balance_effect_amount": Decimal(amount)}]
    rows += [
        {**base, **zero, "paid_by": who, "payment_amount": Decimal(part), "balance_effect_amount": -Decimal(part)} for who, part in paid
    ]
    return [*rows, {**base, **zero, "adjustment_amount": Decimal(written_off), "balance_effect_amount": Decimal(written_off)}]


def line_keys(claim: str, number: int = 1, **more: object) -> Row:
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "new", "source_key": -1, "primary_payer_key": 31}
    return {"claim_id": claim, "line_number": number, "is_billed_to_insurance": True, **keys, **more}


def claim(name: str, visit_id: str = "e1", kind: str = "encounter", type: str = "professional") -> Row:
    return {"claim_id": name, "encounter_id": visit_id, "claim_kind": kind, "claim_type": type}


def mart(dates: list[str], **given: list[Row]) -> list[Row]:
    visits = given.get("fact_appointment", [])
    base: dict[str, list[Row]] = {
        "dim_provider": PROVIDERS,
        "dim_payer": PAYERS,
        "dim_encounter": [{"encounter_id": v["encounter_id"], "encounter_class": v["encounter_class"]} for v in visits],
    }
    return build("mart_revenue_cycle", given={**base, **given}, dates=dates)


def worked_example(**more: list[Row]) -> dict[str, list[Row]]:
    return {
        "fact_appointment": [visit()],
        "fact_claim_line": [line_keys("c1")],
        "fact_transaction": line("c1", 1, "2025-03-10", "100.00", ("primary", "60.00"), ("secondary", "20.00"), ("patient", "20.00")),
        "dim_claim": [claim("c1")],
        **more,
    }


def test_worked_example():
    total = row_of(mart(["2025-03-10"], **worked_example()), "day")
    assert picked(total, "primary_share", "secondary_share", "patient_share") == [Decimal("0.6000"), Decimal("0.2000"), Decimal("0.2000")]
    assert picked(total, "open_amount", "encounter_gap_amount", "overpaid_amount") == [Decimal("0.00"), Decimal("30.00"), Decimal("0.00")]
    assert picked(total, "claims", "encounters", "charge_amount") == [1, 1, Decimal("100.00")]
    assert picked(total, "encounter_total_amount", "encounter_charge_amount", "payer_coverage_amount") == [
        Decimal("130.00"),
        Decimal("100.00"),
        Decimal("60.00"),
    ]
    assert total["encounter_primary_paid_amount"] == Decimal("60.00")
    assert picked(total, "uninsured_charge_amount", "uninsured_share", "charge_share") == [
        Decimal("0.00"),
        Decimal("0.0000"),
        Decimal("1.0000"),
    ]
    assert total["data_basis"] == "derived"


def test_every_breakdown_has_its_keys_and_all_elsewhere():
    rows = [r for r in mart(["2025-03-10"], **worked_example()) if r["period_grain"] == "day"]
    keys = ("location_key", "provider_key", "patient_type", "source_key", "payer_key", "encounter_class", "claim_type")
    none = [-3, -3, "all", -3, -3, "all", "all"]
    assert {r["breakdown"]: picked(r, *keys) for r in rows} == {
        "total": none,
        "location": [10, *none[1:]],
        "provider": [-3, 20, *none[2:]],
        "patient_type": [-3, -3, "new", *none[3:]],
        "acquisition_source": [-3, -3, "all", -1, *none[4:]],
        "detail": [10, 20, "new", -1, *none[4:]],
        "payer": [*none[:4], 30, "all", "all"],
        "encounter_class": [*none[:4], -3, "wellness", "all"],
        "claim_type": [*none[:4], -3, "all", "professional"],
    }


def test_a_payers_share_is_of_all_charges_of_the_period():
    rows = mart(
        ["2025-03-31"],
        fact_appointment=[visit(), visit("e2", "2025-03-11 09:00:00", payer_key=40)],
        fact_claim_line=[line_keys("c1"), line_keys("c2", primary_payer_key=40, is_billed_to_insurance=False)],
        fact_transaction=[
            *line("c1", 1, "2025-03-10", "100.00", ("primary", "100.00")),
            *line("c2", 1, "2025-03-11", "200.00", ("patient", "200.00")),
        ],
        dim_claim=[claim("c1"), claim("c2", "e2")],
    )
    names = ("charge_amount", "frame_charge_amount", "charge_share", "uninsured_charge_amount", "uninsured_share", "patient_share")
    assert picked(row_of(rows, "month", "payer", payer_key=30), *names) == [
        Decimal(x) for x in ("100.00", "300.00", "0.3333", "0.00", "0", "0")
    ]
    assert picked(row_of(rows, "month", "payer", payer_key=40), *names) == [
        Decimal(x) for x in ("200.00", "300.00", "0.6667", "200.00", "1", "1")
    ]
    assert picked(row_of(rows, "month"), "uninsured_share", "claims") == [Decimal("0.6667"), 2]


def test_versions_of_a_provider_are_one_member():
    rows = mart(
        ["2025-03-31"],
        fact_appointment=[visit(), visit("e2", "2025-03-11 09:00:00", provider_key=22)],
        fact_claim_line=[line_keys("c1"), line_keys("c2", provider_key=22)],
        fact_transaction=[*line("c1", 1, "2025-03-10", "1.00"), *line("c2", 1, "2025-03-11", "2.00")],
        dim_claim=[claim("c1"), claim("c2", "e2")],
    )
    assert picked(row_of(rows, "month", "provider", provider_key=20), "encounters", "charge_amount") == [2, Decimal("3.00")]


def test_medication_claims_count_as_charge_but_not_as_the_visits_own():
    rows = mart(
        ["2025-03-10"],
        **{
            **worked_example(),
            "fact_claim_line": [line_keys("c1"), line_keys("c2")],
            "fact_transaction": [*worked_example()["fact_transaction"], *line("c2", 1, "2025-03-10", "25.00", ("primary", "25.00"))],
            "dim_claim": [claim("c1"), claim("c2", kind="medication")],
        },
    )
    names = (
        "charge_amount",
        "medication_charge_amount",
        "encounter_charge_amount",
        "encounter_gap_amount",
        "encounter_primary_paid_amount",
    )
    assert picked(row_of(rows, "day"), *names) == [Decimal(x) for x in ("125.00", "25.00", "100.00", "30.00", "60.00")]
    # a visit is one of its own claim's type: no second row through the drug
    assert row_of(rows, "day", "claim_type", claim_type="professional")["encounters"] == 1


def test_lines_served_after_d_are_unknown_and_later_ones_belong_to_the_visit():
    """The visit of 10 March has a second line on 12 March: on the 11th it is not there, on the 12th the gap shrinks."""
    given = worked_example(
        fact_claim_line=[line_keys("c1"), line_keys("c1", 2)],
        fact_transaction=[*line("c1", 1, "2025-03-10", "100.00"), *line("c1", 2, "2025-03-12", "20.00")],
    )
    rows = mart(["2025-03-11", "2025-03-12"], **given)
    names = ("charge_amount", "encounters", "encounter_charge_amount", "encounter_gap_amount", "claims")
    assert picked(row_of(rows, "month", day="2025-03-11"), *names) == [Decimal("100.00"), 1, Decimal("100.00"), Decimal("30.00"), 1]
    assert picked(row_of(rows, "month", day="2025-03-12"), *names) == [Decimal("120.00"), 1, Decimal("120.00"), Decimal("10.00"), 1]
    # by day the visit is no longer in the period, its line is
    assert picked(row_of(rows, "day", day="2025-03-12"), *names) == [Decimal("20.00"), 0, Decimal("0.00"), Decimal("0.00"), 1]
    assert mart(["2025-03-11"], **given) == [r for r in rows if r["partition_date"] == date(2025, 3, 11)]


def test_a_claim_of_several_days_is_one_claim_in_a_period():
    days = ("2025-02-27", "2025-03-01", "2025-03-29")
    rows = mart(
        ["2025-02-28", "2025-03-30"],
        fact_appointment=[visit(start="2025-02-27 09:00:00")],
        fact_claim_line=[line_keys("c1", n) for n in (1, 2, 3)],
        fact_transaction=[r for n, d in enumerate(days, start=1) for r in line("c1", n, d, "1.00")],
        dim_claim=[claim("c1")],
    )
    assert [row_of(rows, grain, day="2025-03-30")["claims"] for grain in ("day", "month", "rolling_30d", "rolling_90d")] == [0, 1, 1, 1]
    assert picked(row_of(rows, "month", day="2025-02-28"), "claims", "charge_amount") == [1, Decimal("1.00")]


def test_overpaid_lines_do_not_hide_in_underpaid_ones():
    """Release 3.0: copays of 40.00 and 10.00 on lines of 5.00 and 10.00."""
    rows = mart(
        ["2025-03-10"],
        fact_claim_line=[line_keys("c1"), line_keys("c2")],
        fact_transaction=[
            *line("c1", 1, "2025-03-10", "5.00", ("patient", "40.00")),
            *line("c2", 1, "2025-03-10", "10.00", ("patient", "10.00")),
        ],
        dim_claim=[claim("c1"), claim("c2")],
    )
    names = ("open_amount", "overpaid_amount", "patient_share")
    assert picked(row_of(rows, "day"), *names) == [Decimal("-35.00"), Decimal("35.00"), Decimal("3.3333")]


def test_write_offs_are_negative():
    rows = mart(
        ["2025-03-10"],
        fact_claim_line=[line_keys("c1")],
        fact_transaction=line("c1", 1, "2025-03-10", "100.00", ("primary", "90.00"), written_off="-10.00"),
        dim_claim=[claim("c1")],
    )
    total = row_of(rows, "day")
    assert picked(total, "adjustment_amount", "primary_paid_amount", "open_amount") == [
        Decimal("-10.00"),
        Decimal("90.00"),
        Decimal("0.00"),
    ]


def test_windows_start_where_the_calendar_says():
    """On 2025-02-28 twelve months start on 2024-02-29, 30 days on 2025-01-30, 90 days on 2024-12-01."""
    days = ("2024-02-28", "2024-02-29", "2024-11-30", "2024-12-01", "2025-01-29", "2025-01-30", "2025-02-01", "2025-02-28", "2025-03-01")
    rows = mart(
        ["2025-02-28"],
        fact_claim_line=[line_keys("c1", n) for n in range(1, 10)],
        fact_transaction=[r for n, d in enumerate(days, start=1) for r in line("c1", n, d, f"{2 ** (n - 1)}.00")],
        dim_claim=[claim("c1")],
    )
    charges = {grain: int(row_of(rows, grain)["charge_amount"]) for grain in ("day", "month", "rolling_30d", "rolling_90d", "rolling_12m")}
    assert charges == {"day": 128, "month": 64 + 128, "rolling_30d": 32 + 64 + 128, "rolling_90d": 255 - 1 - 2 - 4, "rolling_12m": 255 - 1}
    starts = {r["period_grain"]: r["period_start"] for r in rows}
    assert starts["rolling_12m"] == date(2024, 2, 29) and starts["rolling_30d"] == date(2025, 1, 30)


def test_a_day_without_anything_has_its_total_row_only():
    rows = mart(["2025-06-01"], **worked_example())
    days = [r for r in rows if r["period_grain"] == "day"]
    assert [r["breakdown"] for r in days] == ["total"]
    assert picked(days[0], "claims", "charge_amount", "encounters", "encounter_gap_amount") == [0, Decimal("0.00"), 0, Decimal("0.00")]
    assert picked(days[0], "charge_share", "primary_share", "uninsured_share") == [None, None, None]


def test_without_a_ledger_its_columns_are_null_and_visits_still_count():
    rows = mart(["2025-03-10"], fact_appointment=[visit()])
    total = row_of(rows, "day")
    assert picked(total, "encounters", "encounter_total_amount", "payer_coverage_amount") == [1, Decimal("130.00"), Decimal("60.00")]
    silent = (
        "claims",
        "charge_amount",
        "primary_paid_amount",
        "open_amount",
        "encounter_charge_amount",
        "encounter_gap_amount",
        "charge_share",
    )
    assert picked(total, *silent) == [None] * 7
    assert row_of(rows, "day", "claim_type", claim_type="Unknown")["encounters"] == 1


def test_header_of_the_periods():
    calendar = [{"date_key": 1, "date_day": "2024-03-11", "is_before_history": True}, {"date_key": 2, "date_day": "2025-03-01"}]
    rows = mart(["2025-03-10", "2025-03-31"], dim_date=calendar)
    assert row_of(rows, "rolling_12m", day="2025-03-10")["is_warmup"] is True
    assert row_of(rows, "month", day="2025-03-10")["is_warmup"] is False
    complete = {(r["period_grain"], r["partition_date"].day): r["is_period_complete"] for r in rows}
    assert complete["month", 10] is False and complete["month", 31] is True and complete["day", 10] is True
    assert {r["period_end"] for r in rows} == {date(2025, 3, 10), date(2025, 3, 31)}
