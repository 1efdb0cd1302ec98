"""Marts that publish the same number publish the same value, on every day of the sample, in every period and breakdown both have.

What makes them agree (one shared definition, or a check of a contract) is tested with the single marts; this is the reader's view.
"""

from typing import NamedTuple

import pytest

from caremetrix_assets import Lake
from caremetrix_assets.serving.query import query

DAY = "partition_date"
PERIOD = f"{DAY}, period_grain"
KEYS = "breakdown, location_key, provider_key, patient_type, source_key"
COMMON = "breakdown in ('total', 'location', 'provider', 'patient_type', 'acquisition_source', 'detail')"
SINGLE = "breakdown in ('total', 'location', 'provider', 'patient_type', 'acquisition_source')"
STAFFED = "breakdown in ('total', 'location', 'provider')"
TOTAL = "breakdown = 'total'"


class Same(NamedTuple):
    """One number and the queries that must give the same rows; the last column is the number, rows of 0 or nothing do not count."""

    number: str
    queries: tuple[str, ...]


def of(mart: str, value: str, keys: str = f"{PERIOD}, {KEYS}", where: str = COMMON) -> str:
    """The number by its keys."""
    return f"select {keys}, {value} as number from {mart} where {where}"


def summed(mart: str, value: str, where: str = "true", keys: str = DAY) -> str:
    """A number of all rows of a mart that has one row for each patient, line or case."""
    return f"select {keys}, {value} as number from {mart} where {where} group by {keys}"


OPEN_LINES = "aging_bucket = 'all' and breakdown = 'total'"
NUMBERS = [
    Same(
        "gross production",
        (of("mart_financial_performance", "gross_production_amount"), of("mart_revenue_cycle", "charge_amount")),
    ),
    Same(
        # a group all of whose lines are performed procedures; other groups have lines of visits, vaccines and drugs as well
        "gross production of procedures",
        tuple(
            f"select p.{DAY}, p.period_grain, p.procedure_category, {value} as number from mart_procedure_analytics as p "
            f"inner join mart_financial_performance as f on f.{DAY} = p.{DAY} and f.period_grain = p.period_grain "
            "and f.procedure_category = p.procedure_category and f.breakdown = p.breakdown and f.lines = p.procedures "
            "where p.breakdown = 'procedure_category'"
            for value in ("p.gross_amount", "f.gross_production_amount")
        ),
    ),
    Same(
        "net production of 90 days",
        (
            of("mart_financial_performance", "net_production_90d_amount", f"{DAY}, {KEYS}", f"period_grain = 'day' and {SINGLE}")
            + " and ar_open_amount > 0",
            of("mart_ar_aging_summary", "net_production_90d_amount", f"{DAY}, {KEYS}", f"aging_bucket = 'all' and {SINGLE}")
            + " and open_amount > 0",
        ),
    ),
    Same(
        "AR days",
        (
            of("mart_financial_performance", "ar_days", f"{DAY}, {KEYS}", f"period_grain = 'day' and {SINGLE}") + " and ar_open_amount > 0",
            of("mart_ar_aging_summary", "ar_days", f"{DAY}, {KEYS}", f"aging_bucket = 'all' and {SINGLE}"),
        ),
    ),
    Same(
        "open receivables",
        (
            of("mart_ar_aging_summary", "open_amount", DAY, OPEN_LINES),
            of("mart_financial_performance", "ar_open_amount", DAY, f"period_grain = 'month' and {TOTAL}"),
            summed("mart_ar_aging", "sum(balance_amount)", "balance_amount > 0"),
            summed("mart_ar_summary", "sum(open_amount)"),
            summed("mart_patient_financial", "sum(patient_open_amount + payer_open_amount)"),
        ),
    ),
    *(
        Same(
            f"open receivables aged {bucket}",
            (
                of("mart_ar_aging_summary", "open_amount", DAY, f"breakdown = 'total' and aging_bucket = '{bucket}'"),
                summed("mart_ar_summary", f"sum({column})"),
            ),
        )
        for bucket, column in (
            ("0-30", "open_0_30_amount"),
            ("31-60", "open_31_60_amount"),
            ("61-90", "open_61_90_amount"),
            ("91-120", "open_91_120_amount"),
            ("121+", "open_121_plus_amount"),
        )
    ),
    Same(
        "open receivables of a patient",
        (
            of("mart_ar_summary", "open_amount", f"{DAY}, patient_id", "true"),
            of("mart_patient_financial", "patient_open_amount + payer_open_amount", f"{DAY}, patient_id", "true"),
            summed("mart_ar_aging", "sum(balance_amount)", "balance_amount > 0", f"{DAY}, patient_id"),
        ),
    ),
    Same(
        "balance with credits",
        (
            of("mart_ar_aging_summary", "balance_amount", DAY, OPEN_LINES),
            summed("mart_patient_financial", "sum(closing_balance_amount)"),
            summed("mart_ar_summary", "sum(balance_amount)"),
        ),
    ),
    Same(
        "credits owed",
        (
            of("mart_ar_aging_summary", "-open_amount", DAY, "breakdown = 'total' and aging_bucket = 'credit'"),
            of("mart_patient_refunds_summary", "open_credit_amount", DAY, f"period_grain = 'day' and {TOTAL}"),
            summed("mart_patient_refunds", "sum(open_credit_amount)"),
            summed("mart_patient_financial", "-sum(credit_amount)"),
        ),
    ),
    Same(
        "refunds are negative payments",
        (
            of("mart_patient_refunds_summary", "refund_amount", PERIOD, TOTAL),
            of("mart_financial_performance", "-refund_amount", PERIOD, TOTAL),
            f"select m.{DAY}, m.period_grain, -sum(f.payment_amount) as number from mart_patient_refunds_summary as m "
            "inner join fact_payment as f on f.entry_type in ('refund', 'takeback') and not f.is_reversed "
            "and f.posted_date between m.period_start and m.period_end where m.breakdown = 'total' group by all",
        ),
    ),
    Same(
        "active patients",
        (
            of("mart_patient_growth", "closing_active", f"{PERIOD}, {KEYS}, payer_class", f"({COMMON} or breakdown = 'payer_class')"),
            of(
                "mart_active_patients_summary",
                "active_patients",
                f"{PERIOD}, {KEYS}, payer_class",
                f"({COMMON} or breakdown = 'payer_class')",
            ),
        ),
    ),
    Same(
        "active patients in all",
        (
            of("mart_patient_growth", "closing_active", DAY, f"period_grain = 'day' and {TOTAL}"),
            summed("mart_active_patients", "count(*)"),
            summed("mart_patient_retention", "count(*)", "churn_risk_score is not null"),
            summed("mart_hygiene_retention", "count(*)", "is_active and program = 'wellness'"),
        ),
    ),
    Same(
        "new patients",
        (of("mart_patient_growth", "new_patients"), of("mart_new_patients_summary", "new_patients")),
    ),
    Same(
        "new patients in all",
        (
            of("mart_patient_growth", "new_patients", PERIOD, TOTAL),
            *(
                of("mart_patient_source", "cast(new_patients as integer)", PERIOD, f"{TOTAL} and attribution_model = '{model}'")
                for model in ("first_touch", "last_touch", "fractional")
            ),
        ),
    ),
    Same(
        "patients who could be retained",
        (
            of("mart_patient_retention_rates", "base_patients", DAY, f"window_months = 12 and {TOTAL}"),
            summed("mart_patient_retention", "count(*)", "visits_prior_12m > 0"),
        ),
    ),
    Same(
        "visits",
        (
            of("mart_scheduling_analytics", "completed_visits"),
            of("mart_appointment_efficiency", "visits"),
            of("mart_operational_metrics", "completed_visits"),
            of("mart_new_patients_summary", "visits"),
        ),
    ),
    Same(
        "patients seen",
        (
            of("mart_scheduling_analytics", "patients"),
            of("mart_appointment_efficiency", "patients"),
            of("mart_operational_metrics", "patients"),
        ),
    ),
    Same(
        "visits of a clinician",
        (
            of("mart_clinician_performance", "visits", f"{PERIOD}, provider_key", "true"),
            of("mart_appointment_efficiency", "visits", f"{PERIOD}, provider_key", "breakdown = 'provider' and period_grain <> 'day'"),
        ),
    ),
    Same(
        "procedures",
        (of("mart_procedure_analytics", "procedures"), of("mart_operational_metrics", "procedures")),
    ),
    *(
        Same(
            f"{column} of clinic time",
            tuple(of(mart, column, where=STAFFED) for mart in marts),
        )
        for column, marts in (
            ("available_minutes", ("mart_scheduling_analytics", "mart_operational_metrics", "mart_procedure_analytics")),
            ("occupied_minutes", ("mart_scheduling_analytics", "mart_operational_metrics")),
        )
    ),
    Same(
        "bookings",
        (
            of("mart_scheduling_analytics", "bookings", PERIOD, f"{TOTAL} and period_grain in ('rolling_90d', 'rolling_12m')"),
            summed("mart_scheduling_analytics_heatmap", "sum(bookings)", "location_key = -3", PERIOD),
        ),
    ),
    *(
        Same(
            f"{column} of a patient",
            tuple(of(mart, column, f"{DAY}, patient_id", "true") for mart in marts),
        )
        for column, marts in (
            ("no_shows_12m", ("mart_patient_retention", "mart_patient_engagement")),
            ("statements_due_12m", ("mart_patient_retention", "mart_patient_engagement")),
        )
    ),
]


def numbers(lake: Lake, sql: str) -> dict[tuple[object, ...], object]:
    """The number by its keys, where it is one and not 0."""
    rows = [tuple(row.values()) for row in query(lake, sql).to_pylist()]
    found = {row[:-1]: row[-1] for row in rows if row[-1]}
    assert len(found) == len([row for row in rows if row[-1]]), f"keys are not unique: {sql}"
    return found


@pytest.mark.parametrize("same", NUMBERS, ids=lambda same: same.number)
def test_marts_agree(sample_lake: Lake, same: Same):
    first, *others = (numbers(sample_lake, sql) for sql in same.queries)
    assert first, "the sample says nothing about it"
    for other in others:
        assert {k: (first.get(k), other.get(k)) for k in first.keys() | other.keys() if first.get(k) != other.get(k)} == {}
