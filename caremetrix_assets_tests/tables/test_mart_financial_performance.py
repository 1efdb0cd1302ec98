"""mart_financial_performance on literal lines and entries: identities, windows, matched money, unearned money, receivables, fees."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import UNINSURED, entry, line, mart, of, pick, sk


def performance(dates: list[str], **given: list[Row]) -> list[Row]:
    return mart("mart_financial_performance", dates, **given)


def open_line(name: str, day: str, amount: str, **more: object) -> Row:
    """A row of mart_ar_aging."""
    keys = {"location_key": 10, "provider_key": 20, "patient_type": "established", "source_key": -1, "procedure_key": 70}
    own = {"claim_line_sk": sk(name), "balance_amount": amount, "data_basis": "derived", "primary_payer_key": 30, "payer_class": "private"}
    return {**keys, **own, "partition_date": day, **more}


def worked_example() -> dict[str, list[Row]]:
    """200.00 on 10 January: 20 by the patient on the day, 80 by the insurer and 50 written off on the 20th."""
    return {
        "fact_claim_line": [line("c1", "2025-01-10", "200.00")],
        "fact_payment": [
            entry("c1", "2025-01-10", "2025-01-10", "payment", "patient", "20.00"),
            entry("c1", "2025-01-10", "2025-01-20", "payment", "primary", "80.00"),
            entry("c1", "2025-01-10", "2025-01-20", "contractual", "primary", "-50.00"),
        ],
        "mart_ar_aging": [open_line("c1", "2025-01-31", "50.00")],
        "dim_procedure": [{"procedure_key": 70, "procedure_category": "imaging"}],
    }


def test_worked_example():
    total = pick(performance(["2025-01-31"], **worked_example()), period_grain="month", breakdown="total")
    assert of(total, "lines", "gross_production_amount", "net_production_amount", "net_collection_amount") == [
        1,
        "200.00",
        "150.00",
        "100.00",
    ]
    assert of(total, "payer_collection_amount", "patient_collection_amount", "refund_amount") == ["80.00", "20.00", "0.00"]
    assert of(total, "matched_paid_amount", "matched_net_charge_amount", "matched_collection_rate") == ["100.00", "150.00", "0.6667"]
    assert of(total, "closed_lines", "closed_share", "ar_open_amount", "ar_days") == [0, "0.0000", "50.00", 30.0]
    # a month's collections are for other months' services too
    assert total["net_collection_rate"] is None
    assert of(total, "posted_collection_amount", "unearned_amount", "data_basis") == ["100.00", "0.00", "derived"]


def test_rates_of_collection_belong_to_long_periods():
    rows = performance(["2025-01-31"], **worked_example())
    rates = {r["period_grain"]: r["net_collection_rate"] for r in rows if r["breakdown"] == "total"}
    assert {grain: str(rate) for grain, rate in rates.items()} == {
        **dict.fromkeys(("day", "month", "rolling_30d"), "None"),
        **dict.fromkeys(("rolling_90d", "rolling_12m"), "0.6667"),
    }


def test_every_breakdown_has_its_keys_and_all_elsewhere():
    rows = [r for r in performance(["2025-01-31"], **worked_example()) if r["period_grain"] == "month"]
    keys = ("location_key", "provider_key", "patient_type", "source_key", "procedure_category", "payer_class")
    none = [-3, -3, "all", -3, "all", "all"]
    assert {r["breakdown"]: of(r, *keys) for r in rows} == {
        "total": none,
        "location": [10, *none[1:]],
        "provider": [-3, 20, *none[2:]],
        "patient_type": [-3, -3, "established", *none[3:]],
        "acquisition_source": [-3, -3, "all", -1, "all", "all"],
        "detail": [10, 20, "established", -1, "all", "all"],
        "procedure_category": [*none[:4], "imaging", "all"],
        "payer_class": [*none[:4], "all", "private"],
    }
    assert {str(r["net_collection_amount"]) for r in rows} == {"100.00"}


def test_money_follows_its_own_day_and_the_period_it_pays_for():
    """What is paid in February for January counts as February's collection and as January's matched money, from then on."""
    given = worked_example()
    given["fact_payment"].append(entry("c1", "2025-01-10", "2025-02-03", "payment", "patient", "50.00"))
    rows = performance(["2025-01-31", "2025-02-28"], **given)
    february = pick(rows, period_grain="month", breakdown="total", partition_date="2025-02-28")
    assert of(february, "lines", "net_collection_amount", "matched_paid_amount", "prior_period_gross_amount") == [
        0,
        "50.00",
        "0.00",
        "200.00",
    ]
    quarter = pick(rows, period_grain="rolling_90d", breakdown="total", partition_date="2025-02-28")
    assert of(quarter, "matched_paid_amount", "closed_lines", "closed_share") == ["150.00", 1, "1.0000"]
    january = pick(rows, period_grain="month", breakdown="total", partition_date="2025-01-31")
    assert of(january, "matched_paid_amount", "closed_lines") == ["100.00", 0]


def test_refunds_reversals_and_bad_debt():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-01-10", "100.00")],
        "fact_payment": [
            entry("c1", "2025-01-10", "2025-01-12", "payment", "primary", "60.00", reversed_date="2025-02-02"),
            entry("c1", "2025-01-10", "2025-01-13", "takeback", "primary", "-5.00"),
            entry("c1", "2025-01-10", "2025-01-14", "courtesy", "patient", "-7.00"),
            entry("c1", "2025-01-10", "2025-01-14", "bad_debt", "patient", "-11.00"),
            entry("c1", "2025-01-10", "2025-01-14", "correction", "patient", "-1.00"),
        ],
    }
    rows = performance(["2025-01-31", "2025-02-28"], **given)
    names = (
        "payer_collection_amount",
        "refund_amount",
        "net_collection_amount",
        "courtesy_amount",
        "bad_debt_amount",
        "net_production_amount",
    )
    total = {"period_grain": "month", "breakdown": "total"}
    assert of(pick(rows, **total, partition_date="2025-01-31"), *names) == ["60.00", "-5.00", "55.00", "-7.00", "-11.00", "93.00"]
    # the closed month stays; the reversal is February's
    assert of(pick(rows, **total, partition_date="2025-02-28"), *names) == ["-60.00", "0.00", "-60.00", "0.00", "0.00", "0.00"]


def test_money_taken_before_the_service_is_unearned_until_then():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c0", "2025-01-02", "1.00"), line("c1", "2025-02-10", "100.00")],
        "fact_payment": [
            entry("c0", "2025-01-02", "2025-01-02", "payment", "patient", "1.00"),
            entry("c1", "2025-02-10", "2025-01-20", "payment", "patient", "30.00"),
        ],
    }
    rows = performance(["2025-01-31", "2025-02-10"], **given)
    names = ("posted_collection_amount", "net_collection_amount", "unearned_amount")
    total = {"period_grain": "month", "breakdown": "total"}
    assert of(pick(rows, **total, partition_date="2025-01-31"), *names) == ["31.00", "1.00", "30.00"]
    assert of(pick(rows, **total, partition_date="2025-02-10"), *names) == ["0.00", "30.00", "0.00"]
    assert pick(rows, period_grain="day", breakdown="total", partition_date="2025-01-31")["unearned_amount"] is not None


def test_prices_against_the_usual_fee_and_lines_of_the_uninsured():
    """Charged 150.00 where 120.00 is usual; a free line and one without a usual fee stay out."""
    prices: list[Row] = [
        {"gross_fee_amount": "150.00", "standard_fee_amount": "120.00"},
        {"gross_fee_amount": "0.00", "standard_fee_amount": "80.00"},
        {"gross_fee_amount": "70.00", "standard_fee_amount": None},
    ]
    procedures = [
        {"procedure_sk": sk(f"p{n}"), "claim_id": "c1", "line_number": n, "started_at": "2025-01-10 09:00:00", "quantity": 1, **money}
        for n, money in enumerate(prices, start=1)
    ]
    nobody = {"primary_payer_key": UNINSURED, "is_billed_to_insurance": False}
    lines = [line(f"c1:{n}", "2025-01-10", amount, **nobody) for n, amount in enumerate(("150.00", "0.00", "70.00"), start=1)]
    rows = performance(["2025-01-10"], fact_claim_line=lines, fact_procedure=procedures)
    total = pick(rows, period_grain="day", breakdown="total")
    assert of(total, "priced_gross_amount", "standard_amount", "fee_variance_rate", "gross_production_amount") == [
        "150.00",
        "120.00",
        "0.2500",
        "220.00",
    ]
    # the free line has nothing open
    assert of(pick(rows, period_grain="day", breakdown="payer_class", payer_class="none"), "lines", "closed_lines") == [3, 1]


def test_comparisons_with_the_period_and_the_year_before():
    amounts = {"2024-02-20": "50.00", "2025-01-20": "80.00", "2025-02-13": "10.00", "2025-02-20": "100.00"}
    rows = performance(["2025-02-20"], fact_claim_line=[line(f"c{n}", day, amount) for n, (day, amount) in enumerate(amounts.items())])
    names = (
        "gross_production_amount",
        "prior_period_gross_amount",
        "prior_period_change_rate",
        "prior_year_gross_amount",
        "prior_year_change_rate",
    )
    found = {r["period_grain"]: of(r, *names) for r in rows if r["breakdown"] == "total"}
    assert found == {
        "day": ["100.00", "10.00", "9.0000", "50.00", "1.0000"],
        "month": ["110.00", "80.00", "0.3750", "50.00", "1.2000"],
        "rolling_30d": ["110.00", "80.00", "0.3750", "50.00", "1.2000"],
        "rolling_90d": ["190.00", "0.00", None, "50.00", "2.8000"],
        "rolling_12m": ["190.00", "50.00", "2.8000", "50.00", "2.8000"],
    }


def test_without_receipts_their_columns_are_null():
    given = worked_example()
    given["fact_payment"] = [{**e, "entry_source": "ledger"} for e in given["fact_payment"]]
    total = pick(performance(["2025-01-31"], **given), period_grain="month", breakdown="total")
    assert of(total, "posted_collection_amount", "unearned_amount", "ar_open_amount", "ar_days") == [None] * 4
    assert of(total, "net_collection_amount", "data_basis") == ["100.00", "derived"]


def test_a_total_is_nothing_before_the_first_charge_and_zero_in_an_empty_period():
    names = ("breakdown", "lines", "gross_production_amount", "data_basis")
    assert [of(r, *names) for r in performance(["2025-01-31"])] == [["total", None, None, "not_available"]] * 5
    rows = performance(["2025-01-09", "2025-03-31"], fact_claim_line=[line("c1", "2025-01-10", "200.00")])
    found = {r["partition_date"].month: of(r, *names) for r in rows if r["period_grain"] == "month"}
    assert found == {1: ["total", None, None, "not_available"], 3: ["total", 0, "0.00", "derived"]}


def test_simulated_receipts_make_their_rows_simulated():
    given = worked_example()
    given["fact_payment"][1]["is_simulated"] = True
    rows = performance(["2025-01-19", "2025-01-31"], **{**given, "mart_ar_aging": []})
    assert {(str(r["partition_date"]), r["data_basis"]) for r in rows if r["breakdown"] == "total" and r["period_grain"] == "month"} == {
        ("2025-01-19", "derived"),
        ("2025-01-31", "simulated"),
    }
    # of the day only production of the last 90 days is looked at, and no write-off of it is simulated
    assert pick(rows, period_grain="day", breakdown="total", partition_date="2025-01-31")["data_basis"] == "derived"


CHANGES = [
    ("mart_equals_fact", {"gross_production_amount": "201.00"}, "month"),
    ("mart_equals_fact", {"net_collection_amount": "101.00"}, "month"),
    ("mart_identity_net_production", {"courtesy_amount": "-1.00"}, "month|total"),
    ("mart_identity_net_collection", {"refund_amount": "-1.00"}, "month|total"),
    ("mart_identity_own_breakdowns", {"matched_paid_amount": "101.00"}, None),
]


@pytest.mark.parametrize(("check", "changes", "key"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, key: str | None):
    given = worked_example()
    rows = performance(["2025-01-31"], **given)
    facts = {name: given[name] for name in ("fact_claim_line", "fact_payment")}
    assert offenders("mart_financial_performance", check, rows, facts) == []
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("month", "total") else r for r in rows]
    expected = [key] if key else ["month|payer_class", "month|procedure_category"]
    assert offenders("mart_financial_performance", check, changed, facts) == expected


def test_checks_over_several_partitions():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-02-01", "10.00"), line("c2", "2025-02-02", "5.00")],
        "fact_payment": [entry("c2", "2025-02-02", "2025-02-01", "payment", "patient", "5.00", receipt="r1"),
                         entry("c1", "2025-02-01", "2025-01-31", "payment", "patient", "1.00", receipt="r2"),
                         entry("c0", "2025-01-01", "2025-01-01", "payment", "patient", "1.00", receipt="r0")],
    }  # fmt: skip
    given["fact_claim_line"].append(line("c0", "2025-01-01", "1.00"))
    rows = performance(["2025-01-31", "2025-02-01", "2025-02-02"], **given)
    name, facts = "mart_financial_performance", {k: given[k] for k in ("fact_payment",)}
    assert offenders(name, "mart_identity_days_of_month", rows) == []
    assert offenders(name, "mart_identity_unearned", rows, facts) == []
    day = {"period_grain": "day", "breakdown": "total"}
    changed = [
        {**r, "gross_production_amount": "6.00"} if r.items() >= day.items() and str(r["period_end"]) == "2025-02-01" else r for r in rows
    ]
    assert offenders(name, "mart_identity_days_of_month", changed) == ["month", "month"]
    changed = [
        {**r, "unearned_amount": "6.00"} if r["period_grain"] == "month" and str(r["period_end"]) == "2025-02-02" else r for r in rows
    ]
    assert offenders(name, "mart_identity_unearned", changed, facts) == ["month"]
    assert offenders(name, "mart_identity_unearned", rows) == "no receipts in any drop so far"
