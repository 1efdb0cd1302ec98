"""The second opinion on two marts, from the oracle's facts: mart_revenue_cycle and mart_appointment_efficiency.

Rows are keyed by (period grain, breakdown, key), the key as the mart spells it: a surrogate key, a class, or None for the total.
Only the single-key breakdowns named in ``BREAKDOWNS`` are recomputed.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from caremetrix_assets_tests.oracle import Oracle, Row, stable_key

Key = tuple[str, str, int | str | None]

# first day of each grain's period that ends on D
PERIOD_STARTS = {
    "day": "$day",
    "month": "cast(date_trunc('month', $day) as date)",
    "rolling_30d": "$day - 29",
    "rolling_90d": "$day - 89",
    "rolling_12m": "cast($day - interval 12 month as date) + 1",
}
BREAKDOWNS = {"total": "null", "payer": "payer_id", "location": "organization_id", "encounter_class": "encounter_class"}


def quotient(numerator: Any, denominator: Any, places: int) -> Decimal | None:
    """An exact quotient rounded half away from zero; None when there is nothing to divide by."""
    if numerator is None or not denominator:
        return None
    return (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def percentile(values: list[Any], tenths: int) -> Any:
    """The smallest value whose cumulative share reaches tenths / 10; nulls take no part."""
    ranked = sorted(value for value in values or [] if value is not None)
    return ranked[-(-tenths * len(ranked) // 10) - 1] if ranked else None


def key_in_mart(breakdown: str, value: str | None) -> int | str | None:
    """The mart's spelling of a natural key."""
    if breakdown == "payer":
        return stable_key("payer", value or "", "1900-01-01")
    if breakdown == "location":
        return stable_key("location", value or "")
    return value


LEDGER_SUMS = """
    select
        {key} as key,
        count(distinct claim_id) as claims,
        sum(charge_amount) as charge_amount,
        sum(charge_amount) filter (where claim_kind = 'medication') as medication_charge_amount,
        sum(charge_amount) filter (where not is_billed_to_insurance) as uninsured_charge_amount,
        sum(payment_amount) filter (where paid_by = 'primary') as primary_paid_amount,
        sum(payment_amount) filter (where paid_by = 'secondary') as secondary_paid_amount,
        sum(payment_amount) filter (where paid_by = 'patient') as patient_paid_amount,
        sum(adjustment_amount) as adjustment_amount,
        sum(charge_amount - payment_amount + adjustment_amount) as open_amount
    from (
        select t.*, k.claim_kind, k.encounter_class, k.payer_id, l.is_billed_to_insurance
        from (select * exclude (encounter_id) from ledger) t
        join claim_kinds k on k.claim_id = t.claim_id
        join lines l on l.claim_id = t.claim_id and l.line_number = t.line_number
        where t.service_date between {start} and $day
    )
    group by 1
"""
LINE_BALANCES = """
    select key, sum(-balance) filter (where balance < 0) as overpaid_amount
    from (
        select {key} as key, t.claim_id, t.line_number, sum(charge_amount - payment_amount + adjustment_amount) as balance
        from ledger t join (select * exclude (organization_id) from claim_kinds) k on k.claim_id = t.claim_id
        where t.service_date between {start} and $day
        group by all
    )
    group by key
"""
ENCOUNTER_SUMS = """
    with served as (
        select k.encounter_id, sum(t.charge_amount) as charge, sum(t.payment_amount) filter (where t.paid_by = 'primary') as primary_paid
        from ledger t join claim_kinds k on k.claim_id = t.claim_id and k.claim_kind = 'encounter'
        where t.service_date <= $day
        group by 1
    )
    select
        {key} as key,
        count(*) as encounters,
        sum(v.billed_amount) as encounter_total_amount,
        sum(coalesce(s.charge, 0)) as encounter_charge_amount,
        sum(v.payer_coverage_amount) as payer_coverage_amount,
        sum(coalesce(s.primary_paid, 0)) as encounter_primary_paid_amount
    from visits v
    left join served s on s.encounter_id = v.encounter_id
    where v.visit_date between {start} and $day
    group by 1
"""
REVENUE_COLUMNS = (
    ["claims", "charge_amount", "medication_charge_amount", "uninsured_charge_amount", "primary_paid_amount", "secondary_paid_amount"]
    + ["patient_paid_amount", "adjustment_amount", "open_amount", "overpaid_amount", "encounters", "encounter_total_amount"]
    + ["encounter_charge_amount", "payer_coverage_amount", "encounter_primary_paid_amount"]
)


def revenue_cycle(oracle: Oracle, day: date) -> dict[Key, Row]:
    """What partition ``day`` of mart_revenue_cycle must hold in the breakdowns recomputed here."""
    result: dict[Key, Row] = {}
    for grain, start in PERIOD_STARTS.items():
        for breakdown, key in BREAKDOWNS.items():
            merged: dict[Any, Row] = {}
            for sql in (LEDGER_SUMS, LINE_BALANCES, ENCOUNTER_SUMS):
                for row in oracle.rows(sql.format(key=key, start=start), day=day):
                    merged.setdefault(row.pop("key"), dict.fromkeys(REVENUE_COLUMNS, 0)).update({k: v or 0 for k, v in row.items()})
            if breakdown == "total":
                merged.setdefault(None, dict.fromkeys(REVENUE_COLUMNS, 0))
            for value, row in merged.items():
                if breakdown == "total" or any(row.values()):
                    result[grain, breakdown, key_in_mart(breakdown, value)] = row
    for (grain, _, _), row in result.items():
        row["frame_charge_amount"] = result[grain, "total", None]["charge_amount"]
        row["encounter_gap_amount"] = row["encounter_total_amount"] - row["encounter_charge_amount"]
        row["charge_share"] = quotient(row["charge_amount"], row["frame_charge_amount"], 4)
        for part in ("primary", "secondary", "patient"):
            row[f"{part}_share"] = quotient(row[f"{part}_paid_amount"], row["charge_amount"], 4)
        row["uninsured_share"] = quotient(row["uninsured_charge_amount"], row["charge_amount"], 4)
    return result


VISIT_SUMS = """
    select
        {key} as key,
        count(*) filter (where is_in) as visits,
        count(distinct patient_id) filter (where is_in) as patients,
        coalesce(sum(duration_seconds) filter (where is_in), 0) as seconds,
        coalesce(sum(duration_seconds) filter (where is_in and not is_stay), 0) as clinic_seconds,
        list(duration_seconds) filter (where is_in) as durations,
        coalesce(sum(procedure_count) filter (where is_in), 0) as procedures,
        coalesce(sum(observation_count) filter (where is_in), 0) as observations,
        coalesce(sum(billed_amount) filter (where is_in), 0) as billed_amount,
        count(*) filter (where is_in and encounter_class = 'inpatient') as inpatient_visits,
        coalesce(sum(stay_days) filter (where is_in), 0) as inpatient_days,
        count(*) filter (where is_in and is_readmission_30d) as readmissions_30d,
        count(*) filter (where is_in and reason_code is not null) as coded_reason_visits,
        count(*) filter (where is_in and is_return_30d) as return_visits_30d,
        count(*) filter (where is_index) as index_visits,
        count(*) filter (where is_index and is_followed_30d) as returned_visits_30d,
        count(days_since_previous_visit) filter (where is_in) as repeat_visits,
        list(days_since_previous_visit) filter (where is_in) as gaps,
        count(wellness_gap) filter (where is_in) as wellness_repeat_visits,
        list(wellness_gap) filter (where is_in) as wellness_gaps,
        count(distinct provider_id) filter (where is_in) as clinicians,
        count(distinct (provider_id, visit_date)) filter (where is_in) as clinician_days
    from (
        select
            *,
            visit_date between {start} and $day as is_in,
            visit_date + 30 between {start} and $day as is_index,
            encounter_class in ('inpatient', 'snf', 'hospice') as is_stay,
            case when encounter_class = 'wellness'
                then visit_date - lag(visit_date) over (partition by patient_id, encounter_class order by visit_seq) end as wellness_gap
        from visits
        where visit_seq is not null
    )
    where is_in or is_index
    group by 1
"""


def appointment_efficiency(oracle: Oracle, day: date) -> dict[Key, Row]:
    """What partition ``day`` of mart_appointment_efficiency must hold in total, location and encounter_class."""
    result: dict[Key, Row] = {}
    for grain, start in PERIOD_STARTS.items():
        for breakdown, key in BREAKDOWNS.items():
            if breakdown == "payer":
                continue
            rows = oracle.rows(VISIT_SUMS.format(key=key, start=start), day=day)
            if breakdown == "total" and not rows:
                empty = oracle.rows(VISIT_SUMS.format(key=key, start=start).replace("group by 1", ""), day=day)
                rows = [row | {"key": None} for row in empty]
            for row in rows:
                result[grain, breakdown, key_in_mart(breakdown, row.pop("key"))] = row
    for (grain, _, _), row in result.items():
        add_visit_quotients(row, result[grain, "total", None]["visits"])
    return result


def add_visit_quotients(row: Row, period_visits: int) -> None:
    """Replace the helpers of one row by the mart's percentiles, minutes and rates."""
    seconds, clinic_seconds = row.pop("seconds"), row.pop("clinic_seconds")
    durations, gaps, wellness_gaps = row.pop("durations"), row.pop("gaps"), row.pop("wellness_gaps")
    for tenths in (5, 9):
        row[f"duration_minutes_p{tenths}0"] = quotient(percentile(durations, tenths), 60, 6)
        row[f"gap_days_p{tenths}0"] = percentile(gaps, tenths)
    row["wellness_gap_days_p50"] = percentile(wellness_gaps, 5)
    row["visit_minutes"] = quotient(seconds, 60, 6)
    row["period_visits"] = period_visits
    row["visit_share"] = quotient(row["visits"], period_visits, 4)
    row["readmission_rate_30d"] = quotient(row["readmissions_30d"], row["inpatient_visits"], 4)
    row["coded_reason_rate"] = quotient(row["coded_reason_visits"], row["visits"], 4)
    row["return_visit_rate_30d"] = quotient(row["return_visits_30d"], row["visits"], 4)
    row["returned_rate_30d"] = quotient(row["returned_visits_30d"], row["index_visits"], 4)
    row["visits_per_clinician_day"] = quotient(row["visits"], row["clinician_days"], 6)
    row["minutes_per_clinician_day"] = quotient(Decimal(clinic_seconds) / 60, row["clinician_days"], 6)
