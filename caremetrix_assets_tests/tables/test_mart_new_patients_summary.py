"""mart_new_patients_summary on literal histories: shares, missed first appointments, matured windows, new places, no feed."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import mart, missed, picked, row_of, touch, visit

NAME = "mart_new_patients_summary"
CHECKS = sorted(load_catalog().table(NAME).checks)
D = "2025-03-31"


def listed(patient: str, first: str, day: str = D, **more: object) -> Row:
    """A line of mart_new_patients."""
    row = {"patient_id": patient, "acquisition_date": first, "location_key": 10, "provider_key": 20, "source_key": -1, "visits_180d": 1}
    return {**row, "production_365d_amount": "0.00", "partition_date": day, **more}


def summary(dates: list[str], appointments: list[Row], newcomers: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, mart_new_patients=newcomers, **given)


VISITS = [
    visit("a", "2025-03-02", 1, "a", "new"),
    visit("b", "2025-03-05", 1, "b", "new", location_key=11, provider_key=25),
    *[visit(f"c{n}", f"2025-03-{n:02}", n, "c") for n in range(3, 11)],
]
NO_SHOW = missed("n", "2025-03-20", patient="z", kind="prospect", location_key=11)
LIST = [listed("a", "2025-03-02", lead_time_days=4), listed("b", "2025-03-05", location_key=11, provider_key=25, lead_time_days=9)]


def test_worked_example():
    row = row_of(summary([D], [*VISITS, NO_SHOW], LIST), period_grain="month", breakdown="total")
    assert picked(row, "new_patients", "visits", "new_visit_share") == [2, 10, Decimal("0.2000")]
    assert picked(row, "first_visit_no_shows", "first_visit_no_show_rate", "lead_time_days_p50") == [1, Decimal("0.3333"), 4]


def test_worked_example_of_second_visits():
    """The 180 days of those won from 2 September to 2 October end in March."""
    newcomers = [
        listed("a", "2024-09-01"),
        listed("b", "2024-09-02", visits_180d=2),
        listed("c", "2024-09-15"),
        listed("d", "2024-10-02", visits_180d=3),
        listed("e", "2024-10-03", visits_180d=2),
    ]
    row = row_of(summary([D], VISITS, newcomers), period_grain="month", breakdown="total")
    names = ("matured_180d_patients", "returned_180d_patients", "second_visit_rate_180d", "new_patients")
    assert picked(row, *names) == [3, 2, Decimal("0.6667"), 0]


def test_the_first_year_counts_when_it_is_over():
    newcomers = [
        listed("a", "2024-03-01", production_365d_amount="100.00"),
        listed("b", "2024-03-31", production_365d_amount="50.01"),
        listed("c", "2024-04-01", production_365d_amount="900.00"),
    ]
    row = row_of(summary([D], VISITS, newcomers), period_grain="month", breakdown="total")
    names = ("matured_365d_patients", "matured_production_365d_amount", "production_per_new_patient_365d")
    # 365 days after 31 March 2024 is 31 March 2025; after 1 March 2024 it is 1 March 2025
    assert picked(row, *names) == [2, Decimal("150.01"), 75.005]


def test_no_shows_have_their_own_type_and_no_rate_where_rows_part_them():
    rows = [r for r in summary([D], [*VISITS, NO_SHOW], LIST) if r["period_grain"] == "month"]
    names = ("new_patients", "visits", "first_visit_no_shows", "first_visit_no_show_rate")
    assert picked(row_of(rows, breakdown="patient_type", patient_type="new"), *names) == [2, 2, 0, None]
    assert picked(row_of(rows, breakdown="patient_type", patient_type="prospect"), *names) == [0, 0, 1, None]
    assert picked(row_of(rows, breakdown="patient_type", patient_type="established"), *names) == [0, 8, 0, None]
    assert picked(row_of(rows, breakdown="location", location_key=11), *names) == [1, 1, 1, Decimal("0.5000")]
    assert picked(row_of(rows, breakdown="detail", location_key=11, provider_key=20), *names) == [0, 0, 1, None]


def test_new_to_a_place():
    history = [
        visit("a", "2025-02-28", 1, "a", "new", location_key=10),
        visit("b", "2025-03-01", 2, "a", location_key=11, provider_key=25),
        visit("c", "2025-03-02", 3, "a", location_key=10),
        visit("d", "2025-03-03", 4, "a", location_key=11),
        visit("e", "2025-03-04", 5, "a", location_key=12),
    ]
    rows = [r for r in summary([D], history, [listed("a", "2025-02-28")]) if r["period_grain"] == "month"]
    assert row_of(rows, breakdown="total")["new_to_location_patients"] == 2
    places = {r["location_key"]: r["new_to_location_patients"] for r in rows if r["breakdown"] == "location"}
    assert places == {10: 0, 11: 1, 12: 1}
    assert {r["provider_key"]: r["new_to_location_patients"] for r in rows if r["breakdown"] == "provider"} == {20: 1, 25: 1}


def test_without_a_feed():
    row = row_of(summary([D], VISITS, [listed("a", "2025-03-02")]), period_grain="month", breakdown="total")
    names = ("first_visit_no_shows", "first_visit_no_show_rate", "lead_time_days_p50", "data_basis")
    assert picked(row, *names) == [None, None, None, "derived"]


def test_a_quiet_day_has_its_total_row():
    rows = [r for r in summary(["2025-12-31"], VISITS, [listed("a", "2025-03-02", "2025-12-31")]) if r["period_grain"] == "day"]
    assert [picked(r, "breakdown", "new_patients", "visits", "new_visit_share") for r in rows] == [["total", 0, 0, None]]


def test_sources_of_the_simulator_mark_their_rows():
    touches = [touch("2025-01-01", 1, 40, "a", is_simulated=True)]
    rows = summary([D], VISITS, [listed("a", "2025-03-02", source_key=40), listed("b", "2025-03-05")], bridge_patient_source=touches)
    found = {
        r["source_key"]: (r["new_patients"], r["visits"], r["data_basis"])
        for r in rows
        if r["breakdown"] == "acquisition_source" and r["period_grain"] == "month"
    }
    assert found == {40: (1, 1, "simulated"), -1: (1, 9, "derived")}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    newcomers = [*[{**n, "follow_up_days": 26} for n in LIST], listed("m", "2024-09-20", visits_180d=2, follow_up_days=192)]
    history = [*VISITS, visit("m", "2024-09-20", 1, "m", "new")]
    rows = summary([D], history, newcomers)
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("month", breakdown) else r for r in rows]
    flows = [{k: r[k] for k in (*load_catalog().table(NAME).key, "new_patients", "partition_date")} for r in rows]
    neighbours = {"fact_appointment": history, "mart_new_patients": newcomers}
    neighbours["mart_patient_growth"] = [{**f, "payer_class": "all"} for f in flows]
    return offenders(NAME, check, changed, neighbours)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", visits=9) == ["month"]
    assert found("detail_rebuilds_summary", returned_180d_patients=0) == ["month"]
    assert found("detail_rebuilds_summary", matured_production_365d_amount="1.00") == ["month"]
    assert found("mart_identity_new_patients_of_growth", "location", new_patients=7) == ["month|location", "month|location"]
    assert found("mart_identity_returned_within_matured", "provider", returned_180d_patients=7) == ["month|provider", "month|provider"]
