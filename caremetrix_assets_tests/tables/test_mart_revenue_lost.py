"""mart_revenue_lost on literal visits and plans: status, probability, and losses seen twice."""

import hashlib

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import line, mart, of, pick, sk

NAME = "mart_revenue_lost"
PEOPLE = [
    {"patient_key": 100 + n, "member_key": 100 + n, "patient_id": f"p{n}", "birth_date": "1980-01-01", "is_current": True} for n in (1, 2)
]
KEYS = {"location_key": 10, "provider_key": 21, "patient_type": "established", "source_key": -1}
MONEY = ("status", "gross_lost_amount", "recovered_amount", "net_lost_amount", "resolved_date")


def lost(dates: list[str], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, **{"dim_patient": PEOPLE, **given})


def name_of(kind: str, source: str) -> str:
    return hashlib.md5(f"{kind}|{source}".encode(), usedforsecurity=False).hexdigest()


def visit(day: str, seq: int, outcome: str = "completed", patient: str = "p1", **more: object) -> Row:
    """An appointment that took place, or was missed."""
    own = {"fact_appointment_sk": sk(f"{patient}{day}{seq}"), "patient_id": patient, "outcome": outcome, "is_death_certification": False}
    flags = {"is_hygiene": False, "is_booking_simulated": False, "appointment_type": "follow_up", "encounter_class": "ambulatory"}
    when: Row = {"scheduled_start_at": f"{day} 09:00:00", "partition_date": day, "appointment_id": f"a{patient}{day}"}
    if outcome == "completed":
        when |= {"started_at": f"{day} 09:00:00", "visit_seq": seq, "encounter_id": f"e{patient}{day}"}
    return {**own, **KEYS, **flags, **when, **more}


def missed_example() -> list[Row]:
    """A no-show on 1 March expected to bring 180.00; a completed visit on 20 March."""
    return [visit("2025-03-01", 0, "no_show", estimated_production_amount="180.00"), visit("2025-03-20", 1)]


def booked(day: str, status: str = "scheduled") -> Row:
    return {"booking_sk": sk(day), "patient_id": "p1", "status": status, "scheduled_date": "2025-12-31", "partition_date": day}


def test_worked_example():
    rows = lost(["2025-03-15", "2025-03-31"], fact_appointment=missed_example())
    early, late = rows
    names = (*MONEY, "recovery_probability", "is_probability_observed", "expected_recoverable_amount")
    assert of(early, *names) == ["open", "180.00", "0.00", "180.00", None, "0.5000", False, "90.00"]
    assert of(late, *names) == ["recovered", "180.00", "180.00", "0.00", "2025-03-20", "0.5000", False, "0.00"]
    # 10 for the amount, 20 for the chance, 20 for a missed visit, 10 for being recent
    assert [r["priority_score"] for r in rows] == [60, 0]
    assert of(early, "opportunity_id", "subtype", "source_id", "first_seen_date", "age_days") == [
        name_of("missed_visit", "ap12025-03-01"),
        "no_show",
        "ap12025-03-01",
        "2025-03-01",
        14,
    ]
    assert of(early, "patient_key", "provider_key", "dedupe_group", "is_counted", "data_basis") == [
        101,
        20,
        early["opportunity_id"],
        True,
        "derived",
    ]


@pytest.mark.parametrize(
    ("day", "status"), [("2025-03-01", "open"), ("2025-03-02", "recovered"), ("2025-03-31", "recovered"), ("2025-04-01", "open")]
)
def test_a_visit_within_thirty_days_brings_a_missed_one_back(day: str, status: str):
    visits = [missed_example()[0], visit(day, 1)]
    assert [r["status"] for r in lost(["2025-04-30"], fact_appointment=visits)] == [status]


def test_states_of_a_missed_visit():
    visits = missed_example()[:1]
    rows = lost(
        ["2025-03-01", "2025-04-01", "2025-08-28", "2025-08-29"],
        fact_appointment=visits,
        fact_booking=[booked("2025-04-01"), booked("2025-03-01", "cancelled")],
    )
    assert [(r["partition_date"].isoformat(), r["status"]) for r in rows] == [
        ("2025-03-01", "open"),
        ("2025-04-01", "in_progress"),
        ("2025-08-28", "open"),
        ("2025-08-29", "expired"),
    ]
    assert [len(lost([day], fact_appointment=visits)) for day in ("2025-02-28", "2026-02-28", "2026-03-01")] == [0, 1, 0]
    assert lost(["2025-03-02"], fact_appointment=[{**visits[0], "outcome": "cancelled_early"}]) == []
    assert lost(["2025-03-02"], fact_appointment=[{**visits[0], "estimated_production_amount": None}]) == []


def item(name: str = "i1", **steps: object) -> Row:
    own = {
        "plan_item_sk": sk(name),
        "plan_item_id": name,
        "patient_id": "p1",
        "fee_amount": "300.00",
        "presented_at": "2025-01-01 09:00:00",
    }
    return {**own, **KEYS, **steps, "partition_date": "2025-01-01"}


@pytest.mark.parametrize(
    ("steps", "seen", "subtype", "status"),
    [
        ({}, "2025-04-01", "not_scheduled", "open"),
        ({"accepted_at": "2025-01-05"}, "2025-04-01", "not_scheduled", "in_progress"),
        ({"accepted_at": "2025-01-05", "scheduled_at": "2025-02-01"}, "2025-04-01", "not_done", "in_progress"),
        ({"declined_at": "2025-03-15"}, "2025-03-15", "declined", "open"),
        ({"declined_at": "2025-04-01"}, "2025-04-01", "declined", "open"),
        ({"accepted_at": "2025-01-05", "declined_at": "2025-04-02"}, "2025-04-01", "not_scheduled", "open"),
        ({"accepted_at": "2025-01-05", "completed_at": "2025-04-10"}, "2025-04-01", "not_scheduled", "recovered"),
    ],
)
def test_an_untreated_plan(steps: Row, seen: str, subtype: str, status: str):
    [row] = lost(["2025-04-20"], fact_treatment_plan_item=[item(**{k: f"{v} 10:00:00" for k, v in steps.items()})])
    assert of(row, "first_seen_date", "subtype", "status", "gross_lost_amount", "recovery_probability") == [
        seen,
        subtype,
        status,
        "300.00",
        "0.3000",
    ]


def test_what_is_done_in_time_is_not_lost():
    assert lost(["2025-04-20"], fact_treatment_plan_item=[item(completed_at="2025-04-01 10:00:00")]) == []
    assert lost(["2025-03-31"], fact_treatment_plan_item=[item()]) == []


def test_an_overdue_preventive_visit():
    """A 45-year-old is due 24 months after the check-up, 90 days later it is lost; the next check-up brings it back."""
    check = {"appointment_type": "wellness", "encounter_class": "wellness"}
    visits = [visit("2023-01-10", 1, **check), visit("2025-05-01", 2, **check), visit("2025-06-01", 3)]
    charges = [
        line("c1:1", "2023-01-10", "150.00", encounter_id="ep12023-01-10"),
        line("c1:2", "2023-01-11", "9.00", encounter_id="ep12023-01-10"),
    ]
    given = {"fact_appointment": visits, "fact_claim_line": charges}
    # due on 2025-01-10
    rows = lost(["2025-04-09", "2025-04-10", "2025-05-01"], **given)
    assert [of(r, "partition_date", "subtype", "first_seen_date", *MONEY) for r in rows] == [
        ["2025-04-10", "wellness", "2025-04-10", "open", "150.00", "0.00", "150.00", None],
        ["2025-05-01", "wellness", "2025-04-10", "recovered", "150.00", "150.00", "0.00", "2025-05-01"],
    ]
    assert rows[0]["source_id"] == "ep12023-01-10"
    dead = [{**PEOPLE[0], "death_date": "2025-04-10"}]
    assert lost(["2025-04-10"], **given, dim_patient=dead) == []
    [row] = lost(["2025-04-10"], **given, fact_booking=[booked("2025-04-10")])
    assert row["status"] == "in_progress"


def test_a_loss_seen_twice_counts_once():
    """The plan was to be done at the missed visit of 1 March; the check-up too was missed since."""
    missed = visit("2025-03-01", 0, "no_show", estimated_production_amount="180.00", appointment_type="wellness")
    check = visit("2022-11-01", 1, appointment_type="wellness", encounter_class="wellness")
    given: dict[str, list[Row]] = {
        "fact_appointment": [missed, check],
        "fact_claim_line": [line("c1", "2022-11-01", "150.00", encounter_id=check["encounter_id"])],
        "fact_treatment_plan_item": [item(accepted_at="2025-01-02 09:00:00", scheduled_at="2025-03-01 09:00:00")],
    }
    twin = name_of("missed_visit", missed["appointment_id"])
    rows = lost(["2025-04-15"], **given)
    assert {r["opportunity_type"]: of(r, "dedupe_group", "is_counted") for r in rows} == {
        "missed_visit": [twin, True],
        "untreated_plan": [twin, False],
        "overdue_preventive": [twin, False],
    }
    # a missed visit that came back is no loss any more, and hides none
    given["fact_appointment"].append(visit("2025-03-20", 2))
    rows = lost(["2025-04-15"], **given)
    assert {r["opportunity_type"]: r["is_counted"] for r in rows} == dict.fromkeys(
        ("missed_visit", "untreated_plan", "overdue_preventive"), True
    )


def test_chances_are_learnt_from_twenty_old_losses():
    """Of 20 visits missed 100 days ago 15 came back; a young one expects three quarters."""
    old = [visit("2025-03-01", 0, "no_show", patient=f"q{n}", estimated_production_amount="100.00") for n in range(20)]
    back = [visit("2025-03-05", 1, patient=f"q{n}") for n in range(15)]
    young = visit("2025-06-01", 0, "no_show", estimated_production_amount="100.00")
    rows = lost(["2025-06-09"], fact_appointment=[*old, *back, young])
    row = pick(rows, source_id=young["appointment_id"])
    assert of(row, "recovery_probability", "is_probability_observed", "expected_recoverable_amount", "priority_score") == [
        "0.7500",
        True,
        "75.00",
        70,
    ]
    [*few] = lost(["2025-06-09"], fact_appointment=[*old[1:], *back, young])
    assert of(pick(few, source_id=young["appointment_id"]), "recovery_probability", "is_probability_observed") == ["0.5000", False]


def test_simulated_bookings_make_the_row_simulated():
    assert [r["data_basis"] for r in lost(["2025-03-15"], fact_appointment=[{**missed_example()[0], "is_booking_simulated": True}])] == [
        "simulated"
    ]
    assert lost(["2025-03-15"]) == []


CHANGES = [
    ("mart_equals_fact", {"gross_lost_amount": "181.00"}, ["missed_visit"]),
    ("mart_equals_fact", {"opportunity_type": "denied_claim"}, [name_of("missed_visit", "ap12025-03-01"), "missed_visit"]),
    ("mart_identity_amounts", {"recovered_amount": "1.00"}, [name_of("missed_visit", "ap12025-03-01")]),
    ("mart_identity_recovered", {"status": "recovered"}, [name_of("missed_visit", "ap12025-03-01")]),
    ("mart_identity_recovered", {"resolved_date": "2025-03-10"}, [name_of("missed_visit", "ap12025-03-01")]),
    ("mart_identity_one_counted", {"is_counted": False}, [name_of("missed_visit", "ap12025-03-01")]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    rows = lost(["2025-03-15"], fact_appointment=missed_example())
    facts = {"fact_appointment": missed_example()}
    assert offenders(NAME, check, rows, facts) == []
    assert offenders(NAME, check, [{**rows[0], **changes}], facts) == keys
