"""mart_active_patients_summary on literal lists: stock of the last day, visits and charges of the period, panels, no feed."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import booked, charge, mart, person, picked, row_of, touch, visits

NAME = "mart_active_patients_summary"
CHECKS = sorted(load_catalog().table(NAME).checks)
D = "2025-03-31"
VISITS = [*visits("a", "2025-03-01", "2025-03-31"), *visits("b", "2024-12-01"), *visits("c", "2025-02-28", "2025-03-15", location_key=11)]
CHARGES = [charge("2025-03-31", "60.00", "a"), charge("2025-03-01", "40.00", "a"), charge("2025-03-15", "50.00", "c")]
CHARGES += [charge("2025-02-28", "9.00", "a"), charge("2025-04-01", "9.00", "b")]
PEOPLE = [person("a", "1990-04-01", key=1), person("b", "2000-01-01", key=2, gender="M"), person("c", "2020-03-31", key=3)]


def listed(patient: str, day: str = D, **more: object) -> Row:
    """A line of mart_active_patients."""
    row = {"patient_id": patient, "visits_12m": 1, "is_insured": False, "panel_provider_key": 20, "partition_date": day}
    return {**row, **more}


LIST = [
    listed("a", next_booked_date="2025-04-20", is_insured=True),
    listed("b", is_preventive_up_to_date=True),
    listed("c", panel_provider_key=25, is_preventive_up_to_date=False, visits_12m=0),
]
BOOK = [booked("b1", "2025-04-20", "2025-03-01", D, "a")]


def summary(dates: list[str], appointments: list[Row] = VISITS, actives: list[Row] = LIST, **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, mart_active_patients=actives, **{"dim_patient": PEOPLE, "fact_claim_line": CHARGES, **given})


def test_worked_example():
    """Three active patients with 2, 0, 1 visits and 100, 0, 50 in the month, one booked."""
    row = row_of(summary([D], fact_booking=BOOK), period_grain="month", breakdown="total")
    assert picked(row, "active_patients", "visits", "visits_per_patient") == [3, 3, 1.0]
    assert picked(row, "production_amount", "production_per_patient", "booked_patients", "booked_rate") == [
        Decimal("150.00"),
        50.0,
        1,
        Decimal("0.3333"),
    ]


def test_the_stock_is_that_of_the_last_day_in_every_grain():
    rows = [r for r in summary([D]) if r["breakdown"] == "total"]
    names = ("active_patients", "active_12m_patients", "up_to_date_patients", "insured_patients", "insured_share")
    assert {tuple(picked(r, *names)) for r in rows} == {(3, 2, 1, 1, Decimal("0.3333"))}
    assert {r["period_grain"]: r["visits"] for r in rows} == {"day": 1, "month": 3, "rolling_30d": 2, "rolling_90d": 4, "rolling_12m": 5}
    # 34, 25 and 5 completed years
    assert {r["age_years_mean"] for r in rows} == {21.333333}
    assert {r["is_small_cell"] for r in rows} == {True}


def test_breakdowns_have_the_keys_of_the_day():
    rows = [r for r in summary([D]) if r["period_grain"] == "month"]
    names = ("active_patients", "visits", "production_amount")
    assert picked(row_of(rows, breakdown="location", location_key=11), *names) == [1, 1, Decimal("50.00")]
    assert picked(row_of(rows, breakdown="gender", gender="M"), *names) == [1, 0, Decimal("0.00")]
    assert picked(row_of(rows, breakdown="age_band", age_band="18-34"), *names) == [2, 2, Decimal("100.00")]
    assert picked(row_of(rows, breakdown="payer_class", payer_class="private"), *names) == [3, 3, Decimal("150.00")]
    panel = row_of(rows, breakdown="panel_provider", provider_key=25)
    assert picked(panel, *names, "active_24m_patients", "location_key") == [1, 1, Decimal("50.00"), None, -3]
    assert picked(row_of(rows, breakdown="provider", provider_key=20), "active_patients", "active_24m_patients") == [3, 3]


def test_who_lapsed_counts_for_24_months_only():
    history = [*VISITS, *visits("d", "2023-04-01"), *visits("e", "2023-03-31"), *visits("f", "2023-08-01")]
    people = [*PEOPLE, person("d", key=4), person("e", key=5), person("f", died="2025-03-31", key=6)]
    rows = [r for r in summary([D], history, dim_patient=people) if r["period_grain"] == "month"]
    assert picked(row_of(rows, breakdown="total"), "active_patients", "active_24m_patients", "visits") == [3, 4, 3]
    assert picked(row_of(rows, breakdown="age_band", age_band="35-49"), "active_patients", "active_24m_patients") == [0, 1]
    assert not [r for r in rows if r["breakdown"] == "panel_provider" and r["active_patients"] == 0]


def test_without_a_feed_and_without_patients():
    row = row_of(summary([D]), period_grain="day", breakdown="total")
    assert picked(row, "booked_patients", "booked_rate", "data_basis") == [None, None, "derived"]
    rows = summary(["2020-01-01"], actives=[])
    assert {r["breakdown"] for r in rows} == {"total"}
    names = ("active_patients", "active_24m_patients", "up_to_date_rate", "visits_per_patient", "age_years_mean", "production_amount")
    assert picked(rows[0], *names) == [0, 0, None, None, None, Decimal("0.00")]


def test_simulated_inputs_mark_rows():
    touches = [touch("2025-01-01", 1, 40, "a", is_simulated=True)]
    rows = [r for r in summary([D], bridge_patient_source=touches) if r["period_grain"] == "day"]
    basis = {r["source_key"]: r["data_basis"] for r in rows if r["breakdown"] == "acquisition_source"}
    assert basis == {40: "simulated", -1: "derived"}
    book = [{**BOOK[0], "is_simulated": True}]
    assert {r["data_basis"] for r in summary([D], fact_booking=book)} == {"simulated"}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    rows = summary([D])
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("month", breakdown) else r for r in rows]
    flows = [r for r in rows if r["breakdown"] in ("total", "location", "payer_class")]
    keys = ("period_grain", "breakdown", "location_key", "provider_key", "patient_type", "source_key", "payer_class", "partition_date")
    neighbours = {"mart_active_patients": LIST, "fact_appointment": VISITS, "fact_claim_line": CHARGES}
    neighbours["mart_patient_growth"] = [{**{k: r[k] for k in keys}, "closing_active": r["active_patients"]} for r in flows]
    return offenders(NAME, check, changed, neighbours)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", visits=4) == ["month"]
    assert found("mart_equals_fact", production_amount="150.01") == ["month"]
    assert found("detail_rebuilds_summary", up_to_date_patients=2) == ["month"]
    assert found("mart_identity_windows_of_activity", active_24m_patients=2) == ["month|total"]
    assert found("mart_identity_breakdowns_add_up", "gender", active_patients=3) == ["month|gender"]
    assert found("mart_identity_closing_of_growth", "payer_class", active_patients=4) == ["month|payer_class"]
