"""bridge_appointment_observation on literal observations: those that name a visit, numbered as they were taken."""

import hashlib
from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders

KINDS = [
    {"observation_key": 1, "category": "vital-signs", "observation_code": "8480-6", "unit": "mm[Hg]", "value_type": "numeric"},
    {"observation_key": 2, "category": "laboratory", "observation_code": "9999-9", "unit": "mg", "value_type": "numeric"},
    {"observation_key": 3, "category": "social-history", "observation_code": "1-1", "unit": None, "value_type": "text"},
]
SK = hashlib.md5(b"appointment|encounter|e1").hexdigest()
OTHER = hashlib.md5(b"appointment|encounter|e2").hexdigest()
VISITS = [{"fact_appointment_sk": SK, "encounter_id": "e1"}, {"fact_appointment_sk": OTHER, "encounter_id": "e2"}]


def seen(key: int, at: str = "2025-01-05 10:00:00", value: str = "1", visit: str | None = "e1", ordinal: int = 0) -> Row:
    kind = KINDS[key - 1]
    row = {"category": kind["category"], "code": kind["observation_code"], "units": kind["unit"], "type": kind["value_type"]}
    return {**row, "date": at, "value": value, "patient": "p1", "encounter": visit, "source_ordinal": ordinal}


def bridged(rows: list[Row], opening: str = "2000-01-01", newest: str = "2026-12-31") -> list[Row]:
    given = {"raw_observations": rows, "dim_observation": KINDS, "fact_appointment": VISITS}
    return build("bridge_appointment_observation", given=given, dates=[newest], opening=opening)


def test_observations_of_a_visit_are_numbered_by_time_then_kind():
    """At one moment laboratory stands before vital signs, and both before what no rule names."""
    rows = bridged(
        [
            seen(3),
            seen(1, value="130"),
            seen(1, value="120"),
            seen(1, value="120", ordinal=1),
            seen(2),
            seen(3, at="2025-01-05 09:59:00"),
            seen(1, visit="e2"),
            {**seen(1, at="2025-01-05 12:00:00"), "units": "kPa"},
        ]
    )
    found = {(r["fact_appointment_sk"], r["observation_seq"]): r["observation_key"] for r in rows}
    first_visit = {1: 3, 2: 2, 3: 1, 4: 1, 5: 1, 6: 3, 7: -1}
    assert found == {**{(SK, n): key for n, key in first_visit.items()}, (OTHER, 1): 1}


def test_yearly_scores_belong_to_no_visit():
    assert bridged([seen(1, visit=None)]) == []


def test_a_visit_that_is_not_dated_yet_has_its_later_name():
    later = hashlib.md5(b"appointment|encounter|e9").hexdigest()
    assert [r["fact_appointment_sk"] for r in bridged([seen(1, visit="e9")])] == [later]


def test_rows_fold_and_wait_by_their_own_day():
    days = ("2024-12-31 10:00:00", "2025-01-02 10:00:00", "2025-01-03 00:00:00")
    rows = bridged([seen(1, at=day) for day in days], "2025-01-01", "2025-01-02")
    assert [(r["observation_seq"], r["partition_date"]) for r in rows] == [(1, date(2025, 1, 1)), (2, date(2025, 1, 2))]


def test_the_check_appointment_exists():
    def found(appointments: list[Row], started: str) -> list[str] | str:
        row = {"fact_appointment_sk": SK, "observation_seq": 1, "partition_date": "2025-01-05"}
        given = {"fact_appointment": appointments, "raw_encounters": [{"id": "e1", "start": started}]}
        return offenders("bridge_appointment_observation", "appointment_exists", [row], given, newest="2025-01-05")

    assert found(VISITS, "2025-01-05 10:00:00") == []
    assert found(VISITS[1:], "2025-01-05 10:00:00") == [SK]
    assert found(VISITS[1:], "2025-01-06 00:10:00") == []
