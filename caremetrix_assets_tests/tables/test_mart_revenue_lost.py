"""mart_revenue_lost on literal visits, claims, plans, lines and procedures: each type, status, probability, and losses seen twice."""

import hashlib

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import entry, event, line, mart, of, pick, sk

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
    when = {"scheduled_start_at": f"{day} 09:00:00", "partition_date": day, "appointment_id": f"a{patient}{day}"}
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


def claim(name: str = "c1") -> Row:
    return {"claim_id": name, "patient_id": "p1", **KEYS, "service_date": "2025-03-01", "partition_date": "2025-03-01"}


def denied_example() -> dict[str, list[Row]]:
    """100.00 and 50.00 charged; 20.00 paid before the denial on 10 March; submitted again on the 20th, 90.00 paid on 5 April."""
    return {
        "fact_claim": [claim()],
        "fact_claim_line": [line("c1:1", "2025-03-01", "100.00"), line("c1:2", "2025-03-01", "50.00"), line("c1:3", "2025-03-12", "7.00")],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "denied", "2025-03-10"),
            event("c1", 3, "resubmitted", "2025-03-20"),
            event("c1", 4, "adjudicated", "2025-04-04", paid_amount="90.00", allowed_amount="90.00"),
        ],
        "fact_payment": [
            entry("c1:1", "2025-03-01", "2025-03-05", "payment", "patient", "20.00"),
            entry("c1:1", "2025-03-01", "2025-04-05", "payment", "primary", "80.00"),
            entry("c1:2", "2025-03-01", "2025-04-05", "payment", "primary", "10.00"),
            entry("c1:2", "2025-03-01", "2025-05-05", "payment", "patient", "40.00"),
            entry("c1:3", "2025-03-12", "2025-05-06", "payment", "patient", "7.00"),
        ],
    }


def test_a_denied_claim():
    rows = lost(["2025-03-09", "2025-03-10", "2025-03-20", "2025-04-05", "2025-05-05"], **denied_example())
    assert [of(r, "partition_date", *MONEY) for r in rows] == [
        ["2025-03-10", "open", "130.00", "0.00", "130.00", None],
        ["2025-03-20", "in_progress", "130.00", "0.00", "130.00", None],
        ["2025-04-05", "open", "130.00", "90.00", "40.00", None],
        ["2025-05-05", "recovered", "130.00", "130.00", "0.00", "2025-05-05"],
    ]
    assert of(rows[0], "opportunity_type", "subtype", "source_id", "priority_score") == ["denied_claim", "denied", "c1", 55]


def test_a_claim_that_is_given_up_or_has_nothing_open_is_expired():
    given = denied_example()
    given["fact_claim_event"][2:] = [event("c1", 3, "closed", "2025-03-25")]
    rows = lost(["2025-03-24", "2025-03-25"], **{**given, "fact_payment": []})
    assert [r["status"] for r in rows] == ["open", "expired"]
    written = [
        entry(f"c1:{n}", "2025-03-01", "2025-03-20", "contractual", "primary", amount)
        for n, amount in ((1, "-100.00"), (2, "-50.00"), (3, "-7.00"))
    ]
    rows = lost(["2025-03-19", "2025-03-20"], **{**denied_example(), "fact_payment": written})
    assert [r["status"] for r in rows] == ["open", "expired"]


def test_money_that_is_taken_back_is_lost_again():
    given = denied_example()
    given["fact_payment"].append(entry("c1:1", "2025-03-01", "2025-05-10", "takeback", "primary", "-80.00"))
    [row] = lost(["2025-05-10"], **given)
    # 137.00 came after the denial, the line of 12 March included; 80.00 went back
    assert of(row, *MONEY) == ["open", "130.00", "57.00", "73.00", None]


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


def test_a_write_off():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-01-01", "100.00")],
        "fact_payment": [
            entry("c1", "2025-01-01", "2025-01-05", "payment", "patient", "10.00"),
            entry("c1", "2025-01-01", "2025-02-01", "courtesy", "patient", "-20.00"),
            entry("c1", "2025-01-01", "2025-03-01", "bad_debt", "patient", "-30.00"),
            entry("c1", "2025-01-01", "2025-03-02", "courtesy", "patient", "-5.00", reversed_date="2025-03-04"),
            entry("c1", "2025-01-01", "2025-04-01", "payment", "patient", "45.00"),
            entry("c1", "2025-01-01", "2025-04-02", "payment", "patient", "15.00"),
        ],
    }
    rows = lost(["2025-02-28", "2025-03-02", "2025-04-01", "2025-04-02"], **given)
    assert [of(r, "subtype", "first_seen_date", *MONEY) for r in rows] == [
        ["courtesy", "2025-02-01", "open", "20.00", "0.00", "20.00", None],
        ["bad_debt", "2025-02-01", "open", "55.00", "0.00", "55.00", None],
        ["bad_debt", "2025-02-01", "open", "50.00", "45.00", "5.00", None],
        ["bad_debt", "2025-02-01", "recovered", "50.00", "50.00", "0.00", "2025-04-02"],
    ]
    assert of(rows[0], "recovery_probability", "expected_recoverable_amount", "source_id") == ["0.1000", "2.00", sk("c1")]


def procedure(name: str, charge: str | None, **more: object) -> Row:
    claim_id, _, number = (charge or "").partition(":")
    own = {
        "procedure_sk": sk(name),
        "procedure_key": 70,
        "started_at": "2025-03-10 09:00:00",
        "base_cost_amount": "60.00",
        "patient_id": "p1",
    }
    return {
        **own,
        **KEYS,
        "claim_id": claim_id or None,
        "line_number": int(number) if charge else None,
        "partition_date": "2025-03-10",
        **more,
    }


def test_work_without_a_charge():
    """No line; a line served two days later; charged nothing where two of three lines are charged, or one of two."""
    lines = [
        line("c1:1", "2025-03-12", "60.00"),
        line("c1:2", "2025-03-10", "0.00"),
        line("old:1", "2025-03-09", "60.00"),
        line("old:2", "2024-03-11", "60.00"),
        line("old:3", "2024-03-10", "0.00"),
        line("c2:1", "2025-03-10", "0.00", procedure_key=71),
        line("c2:2", "2025-03-09", "60.00", procedure_key=71),
    ]
    done = [procedure("a", None), procedure("b", "c1:1"), procedure("c", "c1:2"), procedure("d", "c2:1", procedure_key=71)]
    rows = lost(["2025-03-11", "2025-03-12"], fact_procedure=done, fact_claim_line=lines)
    found = {(r["partition_date"].day, r["source_id"]): r["subtype"] for r in rows}
    assert found == {
        (11, sk("a")): "no_line",
        (11, sk("b")): "no_line",
        (11, sk("c")): "zero_charge",
        (12, sk("a")): "no_line",
        (12, sk("c")): "zero_charge",
    }
    assert of(rows[0], "opportunity_type", "gross_lost_amount", "status", "recovery_probability") == [
        "missed_charge",
        "60.00",
        "open",
        "0.5000",
    ]
    assert lost(["2025-03-11"], fact_procedure=done) == []


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


def test_a_write_off_of_a_denied_claim_counts_with_the_claim():
    given = denied_example()
    given["fact_payment"] = [entry("c1:1", "2025-03-01", "2025-03-15", "bad_debt", "primary", "-30.00")]
    rows = {r["opportunity_type"]: r for r in lost(["2025-03-20"], **given)}
    assert rows["write_off"]["dedupe_group"] == name_of("denied_claim", "c1")
    assert [rows[kind]["is_counted"] for kind in ("denied_claim", "write_off")] == [True, False]


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
