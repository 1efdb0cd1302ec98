"""fact_appointment on literal visits: numbers, gaps, returns and readmissions in a patient's history, and patient types."""

import hashlib

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.test_fact_appointment import appointments, column, visit


def test_history_of_the_worked_example():
    rows = appointments(
        [
            visit("a", "2025-03-01 09:00:00", kind="wellness"),
            visit("b", "2025-03-20 23:50:00", kind="emergency"),
            visit("c", "2026-03-05 00:10:00", kind="wellness"),
            visit("x", "2025-03-10 09:00:00", patient="p2"),
        ]
    )
    assert column(rows, "visit_seq") == {"a": 1, "b": 2, "c": 3, "x": 1}
    assert column(rows, "days_since_previous_visit") == {"a": None, "b": 19, "c": 350, "x": None}
    assert column(rows, "is_return_30d") == {"a": False, "b": True, "c": False, "x": False}
    assert column(rows, "patient_type") == {"a": "new", "b": "established", "c": "established", "x": "new"}


def test_reactivated_is_after_the_lapse_date_of_the_visit_before():
    """18 months after 2023-02-28 is 2024-08-28; 2025-02-31 does not exist, so 2023-08-31 lapses on 2025-03-01."""
    rows = appointments(
        [
            visit("a1", "2023-02-28 09:00:00", patient="a"),
            visit("a2", "2024-08-28 09:00:00", patient="a"),
            visit("b1", "2023-02-28 09:00:00", patient="b"),
            visit("b2", "2024-08-29 09:00:00", patient="b"),
            visit("c1", "2023-08-31 09:00:00", patient="c"),
            visit("c2", "2025-03-01 09:00:00", patient="c"),
            visit("d1", "2023-08-31 09:00:00", patient="d"),
            visit("d2", "2025-03-02 09:00:00", patient="d"),
        ]
    )
    seconds = {key: kind for key, kind in column(rows, "patient_type").items() if key.endswith("2")}
    assert seconds == {"a2": "established", "b2": "reactivated", "c2": "established", "d2": "reactivated"}


def test_second_visit_on_one_day_is_no_return():
    rows = appointments([visit("late", "2025-03-01 15:00:00"), visit("early", "2025-03-01 09:00:00"), visit("next", "2025-03-31 09:00:00")])
    assert column(rows, "visit_seq") == {"early": 1, "late": 2, "next": 3}
    assert column(rows, "days_since_previous_visit") == {"early": None, "late": 0, "next": 30}
    assert column(rows, "is_return_30d") == {"early": False, "late": False, "next": True}


def test_return_looks_past_a_visit_of_the_same_day():
    rows = appointments([visit("a", "2025-03-01 09:00:00"), visit("b", "2025-03-05 09:00:00"), visit("c", "2025-03-05 10:00:00")])
    assert column(rows, "is_return_30d") == {"a": False, "b": True, "c": True}


def test_thirty_one_days_are_no_return():
    rows = appointments([visit("a", "2025-03-01 23:59:00"), visit("b", "2025-04-01 00:01:00")])
    assert rows["b"]["is_return_30d"] is False


def test_visits_of_one_moment_are_numbered_by_their_key():
    rows = appointments([visit("a", "2025-03-01 09:00:00"), visit("b", "2025-03-01 09:00:00")])
    keys = {name: hashlib.md5(f"appointment|encounter|{name}".encode()).hexdigest() for name in ("a", "b")}
    assert column(rows, "fact_appointment_sk") == keys
    assert sorted(keys, key=lambda name: keys[name]) == sorted(rows, key=lambda name: rows[name]["visit_seq"])


def test_death_certification_is_no_visit():
    rows = appointments(
        [
            visit("first", "2025-03-01 09:00:00"),
            visit("death", "2025-03-01 10:00:00", code="308646001"),
            visit("again", "2026-12-01 09:00:00", patient="p2"),
            visit("before", "2024-01-01 09:00:00", patient="p2"),
            visit("end", "2026-12-20 09:00:00", patient="p2", code="308646001"),
            visit("alone", "2025-03-01 09:00:00", patient="p3", code="308646001"),
        ]
    )
    assert column(rows, "outcome") == dict.fromkeys(rows, "completed")
    assert column(rows, "visit_seq") == {"first": 1, "death": None, "before": 1, "again": 2, "end": None, "alone": None}
    # never `new`, else the type of the latest visit
    assert [rows[n]["patient_type"] for n in ("death", "end", "alone")] == ["established", "reactivated", "prospect"]
    assert [rows[n]["is_return_30d"] for n in ("death", "end")] == [False, False]
    assert [rows[n]["days_since_previous_visit"] for n in ("death", "end")] == [None, None]


def test_death_certification_sorts_behind_a_later_visit_of_its_day():
    rows = appointments([visit("death", "2025-03-01 08:00:00", code="308646001"), visit("v", "2025-03-01 10:00:00")])
    assert (rows["v"]["visit_seq"], rows["v"]["patient_type"], rows["death"]["patient_type"]) == (1, "new", "established")


def test_readmission_within_30_days_of_an_inpatient_stop():
    def stay(name: str, start: str, stop: str, kind: str = "inpatient") -> Row:
        return visit(name, f"{start} 10:00:00", f"{stop} 09:00:00", kind=kind)

    rows = appointments(
        [
            stay("s1", "2025-01-01", "2025-01-05"),
            stay("transfer", "2025-01-05", "2025-01-07"),
            stay("day30", "2025-02-06", "2025-02-08"),
            stay("day31", "2025-03-11", "2025-03-12"),
            stay("ward", "2025-03-13", "2025-03-14", kind="snf"),
        ]
    )
    expected = {"s1": False, "transfer": False, "day30": True, "day31": False, "ward": False}
    assert column(rows, "is_readmission_30d") == expected
