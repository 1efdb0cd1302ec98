"""dim_date: holidays and their observed days, ISO weeks, business days, fiscal periods, the start of history."""

from datetime import date
from functools import cache
from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.engines.given import create_seeds
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build


@cache
def calendar(fiscal_start_month: int = 10) -> dict[date, Row]:
    rows = build("dim_date", dates=["2025-01-31"], settings={"fiscal_start_month": fiscal_start_month})
    return {r["date_day"]: r for r in rows if r["date_key"] > 0}


def day(text: str, **settings: int) -> Row:
    return calendar(**settings)[date.fromisoformat(text)]


def test_every_day_from_1900_to_2100_once():
    days = sorted(calendar())
    assert (days[0], days[-1], len(days)) == (date(1900, 1, 1), date(2100, 12, 31), 73_414)
    assert [(b - a).days for a, b in zip(days, days[1:], strict=False)] == [1] * 73_413


def test_parts_agree_with_python_on_every_day():
    for d, row in calendar().items():
        iso = d.isocalendar()
        assert (row["date_key"], row["year"], row["month"], row["day_of_month"]) == (int(d.strftime("%Y%m%d")), d.year, d.month, d.day)
        assert (row["iso_year"], row["iso_week"], row["iso_day_of_week"]) == tuple(iso)
        assert (row["day_of_year"], row["day_name"], row["month_name"]) == (d.timetuple().tm_yday, d.strftime("%A"), d.strftime("%B"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2021-07-05", "Independence Day (observed)"),
        ("2021-07-04", "Independence Day"),
        ("2021-06-18", "Juneteenth National Independence Day (observed)"),
        ("2020-06-19", None),
        ("2021-12-31", "New Year's Day (observed)"),
        ("2022-01-01", "New Year's Day"),
        ("2023-01-16", "Birthday of Martin Luther King Jr."),
        ("1985-01-21", None),
        ("2024-02-19", "Washington's Birthday"),
        ("2024-05-27", "Memorial Day"),
        ("2023-05-29", "Memorial Day"),
        ("2024-09-02", "Labor Day"),
        ("2024-10-14", "Columbus Day"),
        ("1975-10-27", "Veterans Day"),
        ("2024-11-11", "Veterans Day"),
        ("2024-11-28", "Thanksgiving Day"),
        ("2023-11-23", "Thanksgiving Day"),
        ("2023-11-30", None),
        ("2100-12-31", "New Year's Day (observed)"),
    ],
)
def test_federal_holidays_by_the_rule_of_their_year(text: str, name: str | None):
    assert (day(text)["holiday_name"], day(text)["is_holiday"]) == (name, name is not None)


def test_business_days_leave_out_weekends_and_holidays():
    # March 2024 begins on a Friday: business days 1, 4, 5 ...
    march = {d: (day(f"2024-03-{d:02}")["is_business_day"], day(f"2024-03-{d:02}")["business_day_of_month"]) for d in range(1, 6)}
    assert march == {1: (True, 1), 2: (False, 1), 3: (False, 1), 4: (True, 2), 5: (True, 3)}
    assert (day("2021-07-05")["is_business_day"], day("2021-07-05")["business_day_of_month"]) == (False, 2)
    assert (day("2022-01-01")["business_day_of_month"], day("2021-12-31")["business_day_of_month"]) == (0, 22 - 1)


def test_iso_weeks_around_new_year():
    assert [(day(d)["iso_year"], day(d)["iso_week"], day(d)["iso_day_of_week"]) for d in ("2020-12-31", "2021-01-03", "2021-01-04")] == [
        (2020, 53, 4),
        (2020, 53, 7),
        (2021, 1, 1),
    ]


def test_leap_days():
    assert (day("2024-02-29")["same_day_prior_year_date"], day("2025-02-28")["same_day_prior_year_date"]) == (
        date(2023, 2, 28),
        date(2024, 2, 28),
    )
    assert (day("2024-02-10")["days_in_month"], day("2100-02-10")["days_in_month"]) == (29, 28)
    assert (day("2024-02-10")["month_start_date"], day("2024-02-10")["month_end_date"]) == (date(2024, 2, 1), date(2024, 2, 29))


def test_fiscal_year_starts_in_the_month_of_the_settings():
    assert [(day(d)["fiscal_year"], day(d)["fiscal_quarter"]) for d in ("2024-09-30", "2024-10-01", "2025-01-01")] == [
        (2024, 4),
        (2025, 1),
        (2025, 2),
    ]
    assert [
        (day(d, fiscal_start_month=1)["fiscal_year"], day(d, fiscal_start_month=1)["fiscal_quarter"]) for d in ("2024-12-31", "2025-01-01")
    ] == [
        (2024, 4),
        (2025, 1),
    ]
    assert [(day(d, fiscal_start_month=7)["fiscal_year"], day(d)["quarter"]) for d in ("2024-06-30", "2024-07-01")] == [
        (2024, 2),
        (2025, 3),
    ]


def first_day_of_history(dates: list[str], drops: list[Row], **settings: object) -> dict[str, date | None]:
    rows = [r for r in build("dim_date", dates=dates, drops=drops, settings=settings) if r["date_key"] > 0]
    return {
        d: min((r["date_day"] for r in rows if str(r["partition_date"]) == d and not r["is_before_history"]), default=None) for d in dates
    }


def drop(day: str, kind: str = "full", start: str | None = None, sequence: int = 0) -> Row:
    return {"drop_id": f"{day}-{sequence}", "drop_date": day, "drop_sequence": sequence, "kind": kind, "history_start": start}


def test_history_starts_ten_years_before_the_first_full_drop():
    drops = [drop("2025-01-01", "delta"), drop("2025-01-10"), drop("2025-01-20")]
    assert first_day_of_history(["2025-01-05", "2025-01-31"], drops) == {"2025-01-05": date(1900, 1, 1), "2025-01-31": date(2015, 1, 10)}


def test_the_newest_full_drop_that_states_a_start_wins_from_its_day_on():
    drops = [drop("2025-01-01", start="2014-01-01"), drop("2025-01-10", start="2016-05-01"), drop("2025-01-10", sequence=1)]
    drops.append(drop("2025-01-15", "delta", start="2000-01-01"))
    assert first_day_of_history(["2025-01-09", "2025-01-10", "2025-01-31"], drops) == {
        "2025-01-09": date(2014, 1, 1),
        "2025-01-10": date(2016, 5, 1),
        "2025-01-31": date(2016, 5, 1),
    }


def test_the_setting_wins_over_the_drops():
    drops = [drop("2025-01-01", start="2014-01-01")]
    assert first_day_of_history(["2025-01-31"], drops, history_start=date(2018, 3, 1)) == {"2025-01-31": date(2018, 3, 1)}


def test_reserved_members():
    rows = [r for r in build("dim_date", dates=["2025-01-31"]) if r["date_key"] < 0]
    assert [(r["date_key"], r["day_name"], r["month_name"], r["holiday_name"], r["date_day"], r["is_holiday"]) for r in rows] == [
        (-3, "All", "All", "All", None, None),
        (-2, "Not applicable", "Not applicable", "Not applicable", None, None),
        (-1, "Unknown", "Unknown", "Unknown", None, None),
    ]


def test_a_missing_day_a_doubled_day_and_a_wrong_fact_are_found(tmp_path: Path):
    catalog = load_catalog()
    good = list(calendar().values())
    lost = [r for r in good if r["date_day"] != date(2024, 2, 29)]
    wrong = [{**r, "is_holiday": False} if r["date_day"] == date(2021, 7, 5) else r for r in good]
    late = [{**r, "business_day_of_month": 3} if r["date_day"] == date(2024, 3, 4) else r for r in good]
    for rows, status, keys in (
        (good, "passed", ""),
        (lost, "failed", "days_73413"),
        ([*good, good[0]], "failed", "days_73414"),
        (wrong, "failed", "20210705"),
        (late, "failed", "20240304"),
    ):
        lab = Lab(tmp_path, catalog.table("dim_date"))
        create_seeds(lab.con, catalog, {"seed_known_dates"})
        result = lab.stage(rows).run().of("calendar_complete")
        assert (result.status, result.sample_keys or "") == (status, keys)
