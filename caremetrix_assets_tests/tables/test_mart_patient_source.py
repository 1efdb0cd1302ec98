"""mart_patient_source on literal touches: three ways to share the credit, leads that mature, whole cents, costs, no feed."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import booked, charge, mart, person, picked, row_of, touch, visits

NAME = "mart_patient_source"
CHECKS = sorted(load_catalog().table(NAME).checks)
SOURCES = [
    {"source_key": 41, "channel": "online"},
    {"source_key": 42, "channel": "campaign"},
    {"source_key": 43, "channel": "patient_referral"},
]
TOUCHES = [touch("2025-03-01", 1, 41), touch("2025-03-05", 2, 42, cost_amount="30.00"), touch("2025-03-09", 3, 43)]
HISTORY = visits("p1", "2025-03-10")
CHARGES = [charge("2025-03-10", "100.00")]
D = "2025-03-31"


def listed(patient: str, first: str, day: str = D, **more: object) -> Row:
    """A line of mart_new_patients."""
    row = {"patient_id": patient, "acquisition_date": first, "location_key": 10, "provider_key": 20, "source_key": -1}
    return {**row, "production_365d_amount": "0.00", "partition_date": day, **more}


def sources(
    dates: list[str], newcomers: list[Row], touches: list[Row], appointments: list[Row] | None = None, **given: list[Row]
) -> list[Row]:
    usual = {"dim_patient_source": SOURCES, "fact_claim_line": CHARGES, "bridge_patient_source": touches, "mart_new_patients": newcomers}
    return mart(NAME, dates, HISTORY if appointments is None else appointments, **{**usual, **given})


def by_channel(rows: list[Row], model: str, *names: str, grain: str = "month") -> dict[str, list[object]]:
    wanted = {"period_grain": grain, "breakdown": "channel", "attribution_model": model}
    return {r["channel"]: picked(r, *names) for r in rows if all(r[k] == v for k, v in wanted.items())}


def test_worked_example():
    rows = sources([D], [listed("p1", "2025-03-10")], TOUCHES)
    names = ("new_patients", "lifetime_production_amount")
    costs = [0.0, Decimal("0.00")]
    assert by_channel(rows, "first_touch", *names) == {"online": [1.0, Decimal("100.00")], "campaign": costs}
    assert by_channel(rows, "last_touch", *names) == {"patient_referral": [1.0, Decimal("100.00")], "campaign": costs}
    assert by_channel(rows, "fractional", *names) == {
        "online": [0.3333, Decimal("33.33")],
        "campaign": [0.3333, Decimal("33.33")],
        "patient_referral": [0.3334, Decimal("33.34")],
    }


def test_totals_are_equal_in_every_model():
    rows = [r for r in sources([D], [listed("p1", "2025-03-10")], TOUCHES) if r["breakdown"] == "total" and r["period_grain"] == "month"]
    names = ("leads", "new_patients", "all_new_patients", "new_patient_share", "lifetime_production_amount", "cost_amount")
    assert [picked(r, *names) for r in rows] == [[1.0, 1.0, 1.0, Decimal("1.0000"), Decimal("100.00"), Decimal("30.00")]] * 3
    assert [picked(r, "cost_per_new_patient", "production_to_cost_ratio") for r in rows] == [[30.0, 3.333333]] * 3
    # 9, 5 and 1 days before the visit: first, all, last
    assert {r["attribution_model"]: r["days_lead_to_visit_p50"] for r in rows} == {"first_touch": 9, "fractional": 5, "last_touch": 1}


def test_shares_are_of_the_total():
    newcomers = [listed("p1", "2025-03-10"), listed("p2", "2025-03-11"), listed("p3", "2025-02-11")]
    rows = sources([D], newcomers, TOUCHES)
    found = by_channel(rows, "first_touch", "new_patients", "all_new_patients", "new_patient_share")
    assert found["online"] == [1.0, 2.0, Decimal("0.5000")]
    assert found["Unknown"] == [1.0, 2.0, Decimal("0.5000")]


def test_a_lead_matures_after_90_days():
    """Four leads of 1 January: came on day 90, came on day 91, booked on day 90 and never came, only asked."""
    touches = [touch("2025-01-01", 1, 41, p) for p in ("a", "b", "c", "d")]
    history = [*visits("a", "2025-04-01"), *visits("b", "2025-04-02")]
    newcomers = [listed("a", "2025-04-01", "2025-04-01")]
    newcomers += [listed(p, d, "2025-04-02") for p, d in (("a", "2025-04-01"), ("b", "2025-04-02"))]
    book = [booked("x", "2025-05-01", "2025-04-01", d, "c") for d in ("2025-04-01", "2025-04-02")]
    rows = sources(["2025-03-31", "2025-04-01", "2025-04-02"], newcomers, touches, history, fact_booking=book)
    names = ("matured_leads_90d", "booked_leads_90d", "converted_leads_90d", "booking_rate_90d", "conversion_rate_90d")
    found = [r for r in rows if (r["breakdown"], r["period_grain"], r["attribution_model"]) == ("total", "month", "last_touch")]
    assert picked(found[0], *names) == [0.0, 0.0, 0.0, None, None]
    assert [picked(r, *names) for r in found[1:]] == [[4.0, 2.0, 1.0, Decimal("0.5000"), Decimal("0.2500")]] * 2


def test_who_comes_without_a_contact_is_a_lead_of_the_booking_or_the_visit():
    newcomers = [listed("p1", "2025-03-10"), listed("w", "2025-03-20"), listed("b", "2025-03-20")]
    history = [*HISTORY, *visits("w", "2025-03-20"), *visits("b", "2025-03-20")]
    history[-1] = {**history[-1], "appointment_id": "b1", "booked_at": "2025-02-27 10:00:00", "scheduled_start_at": "2025-03-20 09:00:00"}
    rows = sources([D], newcomers, TOUCHES, history)
    row = row_of(rows, breakdown="channel", channel="Unknown", period_grain="month", attribution_model="fractional")
    assert picked(row, "leads", "new_patients", "days_lead_to_visit_p50") == [1.0, 2.0, 0]
    row = row_of(rows, breakdown="acquisition_source", source_key=-1, period_grain="rolling_90d", attribution_model="fractional")
    assert picked(row, "leads", "days_lead_to_visit_p50") == [2.0, 0]


def test_leads_and_costs_stand_under_sources_only():
    rows = sources([D], [listed("p1", "2025-03-10", location_key=11)], TOUCHES)
    row = row_of(rows, breakdown="location", location_key=11, period_grain="month", attribution_model="first_touch")
    assert picked(row, "leads", "matured_leads_90d", "conversion_rate_90d", "cost_amount", "cost_per_new_patient") == [None] * 5
    assert picked(row, "new_patients", "lifetime_production_amount", "days_lead_to_visit_p50") == [1.0, Decimal("100.00"), 9]
    detail = row_of(rows, breakdown="detail", period_grain="month", attribution_model="fractional", source_key=42)
    assert picked(detail, "location_key", "provider_key", "patient_type", "channel", "new_patients") == [11, 20, "new", "all", 0.3333]


def test_the_first_year_is_split_to_the_cent():
    newcomers = [listed("p1", "2025-03-10", "2026-03-10", production_365d_amount="0.05")]
    rows = sources(["2026-03-10"], newcomers, TOUCHES)
    names = ("matured_365d_patients", "matured_production_365d_amount")
    found = by_channel(rows, "fractional", *names, grain="day")
    # a third of 5 cents is 1.67: 2 and 2, and 1 is left
    assert found == {
        "online": [0.3333, Decimal("0.02")],
        "campaign": [0.3333, Decimal("0.02")],
        "patient_referral": [0.3334, Decimal("0.01")],
    }


def test_contacts_after_the_visit_or_not_known_yet_weigh_nothing_but_cost():
    touches = [*TOUCHES, touch("2025-03-11", 4, 41, cost_amount="5.00"), touch("2025-03-02", 5, 43, entered_at="2025-04-01 00:00:00")]
    rows = sources([D], [listed("p1", "2025-03-10")], touches)
    assert by_channel(rows, "fractional", "new_patients", "cost_amount")["online"] == [0.3333, Decimal("5.00")]
    later = sources(["2025-04-01"], [listed("p1", "2025-03-10", "2025-04-01")], touches)
    assert by_channel(later, "fractional", "new_patients", grain="rolling_30d") == {
        "online": [0.25],
        "campaign": [0.25],
        "patient_referral": [0.5],
    }


def test_without_a_feed_all_is_unknown():
    rows = sources([D], [listed("p1", "2025-03-10")], [])
    assert {r["source_key"] for r in rows if r["breakdown"] == "acquisition_source"} == {-1}
    row = row_of(rows, breakdown="total", period_grain="month", attribution_model="first_touch")
    nothing = ("leads", "matured_leads_90d", "booking_rate_90d", "days_lead_to_visit_p50", "cost_amount", "cost_per_new_patient")
    assert picked(row, *nothing, "production_to_cost_ratio") == [None] * 7
    assert picked(row, "new_patients", "lifetime_production_amount", "data_basis") == [1.0, Decimal("100.00"), "derived"]


def test_simulated_contacts_mark_every_row():
    rows = sources([D], [listed("p1", "2025-03-10")], [{**t, "is_simulated": True} for t in TOUCHES])
    assert {r["data_basis"] for r in rows} == {"simulated"}


def test_people_who_died_or_never_came_are_leads_too():
    rows = sources([D], [], [touch("2025-03-01", 1, 41, "x")], [], dim_patient=[person("x", died="2025-03-02")])
    assert by_channel(rows, "first_touch", "leads", "new_patients") == {"online": [1.0, 0.0]}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    rows = sources([D], [listed("p1", "2025-03-10")], TOUCHES)
    wanted = ("month", breakdown, "first_touch")
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"], r["attribution_model"]) == wanted else r for r in rows]
    total = [r for r in rows if r["breakdown"] == "total" and r["attribution_model"] == "first_touch"]
    names = ("period_grain", "breakdown", "new_patients", "matured_production_365d_amount", "partition_date")
    neighbours = {"mart_new_patients_summary": [{n: r[n] for n in names} for r in total]}
    return offenders(NAME, check, changed, {**neighbours, "fact_appointment": HISTORY, "fact_claim_line": CHARGES})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", new_patients=1.5) == ["month|first_touch"]
    assert found("mart_equals_fact", lifetime_production_amount="99.99") == ["month|first_touch"]
    assert found("mart_identity_new_patients_of_summary", new_patients=2) == ["month|first_touch|total"]
    assert found("mart_identity_amounts_of_sources", lifetime_production_amount="99.99") == [
        "month|first_touch|acquisition_source",
        "month|first_touch|channel",
    ]
    assert found("mart_identity_totals_of_models", cost_amount="29.99") == ["month"]
    assert found("mart_identity_funnel", "channel", converted_leads_90d=1) == ["month|first_touch|channel"] * 2
