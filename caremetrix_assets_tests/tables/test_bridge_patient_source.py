"""bridge_patient_source on literal touches: which count, how the credit is shared, what was known on the day."""

from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key
from caremetrix_assets_tests.tables.checked import offenders

ONE, NONE = Decimal("1.0000"), Decimal("0.0000")


def touch(seq: int, when: str, channel: str = "online", patient: str = "p1", **more: object) -> Row:
    return {"patient_id": patient, "touch_seq": seq, "touched_at": f"{when} 09:00:00", "channel": channel, "source_name": "web", **more}


def visit(start: str, patient: str = "p1", code: str = "185349003", **more: object) -> Row:
    return {"id": f"{patient}-{start}", "patient": patient, "start": f"{start} 02:00:00", "code": code, **more}


def bridge(
    touches: list[Row], visits: list[Row] | None = None, bookings: list[Row] | None = None, dates: list[str] | None = None
) -> list[Row]:
    given = {"raw_patient_sources": touches, "raw_encounters": visits or [], "raw_appointments": bookings or []}
    return build("bridge_patient_source", given=given, dates=dates or ["2025-01-31"])


def weights(rows: list[Row]) -> list[tuple[Decimal, Decimal, Decimal]]:
    return [(r["first_touch_weight"], r["last_touch_weight"], r["fractional_weight"]) for r in rows]


def test_credit_of_three_touches_before_the_first_visit_and_one_after():
    touches = [
        touch(3, "2025-01-09", "patient_referral"),
        touch(1, "2025-01-01"),
        touch(2, "2025-01-05", "campaign"),
        touch(4, "2025-01-11"),
    ]
    rows = bridge(touches, [visit("2025-01-10"), visit("2025-01-20")])
    assert [r["touch_seq"] for r in rows] == [1, 2, 3, 4]
    assert weights(rows) == [
        (ONE, NONE, Decimal("0.3333")),
        (NONE, NONE, Decimal("0.3333")),
        (NONE, ONE, Decimal("0.3334")),
        (NONE, NONE, NONE),
    ]
    assert rows[1]["source_key"] == stable_key("patient_source", "campaign", "web")


def test_a_touch_on_the_day_of_the_first_visit_counts_whatever_the_hour():
    assert weights(bridge([touch(1, "2025-01-10")], [visit("2025-01-10")])) == [(ONE, ONE, ONE)]


def test_touches_that_are_all_later_weigh_nothing():
    assert weights(bridge([touch(1, "2025-01-11"), touch(2, "2025-01-12")], [visit("2025-01-10")])) == [(NONE, NONE, NONE)] * 2


def test_without_a_visit_all_touches_up_to_the_day_count():
    rows = bridge([touch(1, "2025-01-01"), touch(2, "2025-01-05"), touch(3, "2025-01-06")], dates=["2025-01-05"])
    half = Decimal("0.5000")
    assert weights(rows) == [(ONE, NONE, half), (NONE, ONE, half), (NONE, NONE, NONE)]


def test_a_death_certification_is_no_visit_and_neither_is_a_later_one():
    touches = [touch(1, "2025-01-01"), touch(2, "2025-01-08")]
    visits = [visit("2025-01-05", code="308646001"), visit("2025-01-07")]
    assert weights(bridge(touches, visits, dates=["2025-01-08"]))[1] == (NONE, NONE, NONE)
    assert weights(bridge(touches, visits[:1], dates=["2025-01-08"]))[1] == (NONE, ONE, Decimal("0.5000"))
    assert weights(bridge(touches, [visit("2025-01-09", partition_date="2025-01-08")], dates=["2025-01-08"]))[1][1] == ONE


def test_a_completed_booking_without_a_visit_counts_on_its_day():
    touches = [touch(1, "2025-01-01"), touch(2, "2025-01-08")]
    booking = {"appointment_id": "a1", "patient_id": "p1", "scheduled_start_at": "2025-01-05 10:00:00", "status": "completed"}
    assert weights(bridge(touches, bookings=[booking])) == [(ONE, ONE, ONE), (NONE, NONE, NONE)]
    assert weights(bridge(touches, bookings=[{**booking, "status": "no_show"}]))[1][1] == ONE
    # a booking that became a visit counts on the day of the visit
    became = {**booking, "encounter_id": "e1"}
    assert weights(bridge(touches, [visit("2025-01-09")], [became]))[1][1] == ONE


def test_what_the_practice_enters_later_counts_from_then_on():
    touches = [touch(1, "2025-01-01", entered_at="2025-01-10 08:00:00"), touch(2, "2025-01-05", entered_at="2025-01-05 12:00:00")]
    rows = bridge(touches, [visit("2025-01-06")], dates=["2025-01-09", "2025-01-10"])
    assert [(r["partition_date"].day, r["touch_seq"], r["first_touch_weight"]) for r in rows] == [
        (9, 1, NONE),
        (9, 2, ONE),
        (10, 1, ONE),
        (10, 2, NONE),
    ]
    assert [r["entered_at"] for r in rows[:2]] == [datetime(2025, 1, 10, 8), datetime(2025, 1, 5, 12)]


def test_a_touch_without_entry_was_known_when_it_happened():
    row = bridge([touch(1, "2025-01-01", cost="12.50", is_simulated=True, source_name=None)])[0]
    assert (row["entered_at"], row["cost_amount"], row["is_simulated"]) == (datetime(2025, 1, 1, 9), Decimal("12.50"), True)
    assert row["source_key"] == stable_key("patient_source", "online", "")


def test_the_change_log_up_to_the_day_counts():
    touches = [
        touch(1, "2025-01-01"),
        touch(1, "2025-01-01", "campaign", partition_date="2025-01-10", change_type="update"),
        touch(1, "2025-01-01", "campaign", partition_date="2025-01-20", change_type="delete"),
        touch(2, "2025-01-08", partition_date="2025-01-15"),
    ]
    visits = [visit("2025-01-05"), visit("2025-01-05", partition_date="2025-01-15", change_type="delete")]
    rows = bridge(touches, visits, dates=["2025-01-09", "2025-01-10", "2025-01-15", "2025-01-20"])
    online, campaign = stable_key("patient_source", "online", "web"), stable_key("patient_source", "campaign", "web")
    assert [(r["partition_date"], r["touch_seq"], r["source_key"], r["last_touch_weight"]) for r in rows] == [
        (date(2025, 1, 9), 1, online, ONE),
        (date(2025, 1, 10), 1, campaign, ONE),
        (date(2025, 1, 15), 1, campaign, NONE),
        (date(2025, 1, 15), 2, online, ONE),
        (date(2025, 1, 20), 2, online, ONE),
    ]


def test_patients_do_not_share_touches_or_visits():
    rows = bridge([touch(1, "2025-01-05"), touch(1, "2025-01-05", patient="p2")], [visit("2025-01-01", patient="p2")])
    assert weights(rows) == [(ONE, ONE, ONE), (NONE, NONE, NONE)]


def test_weights_that_do_not_add_up_and_missing_touches_are_found():
    log = {"change_type": "insert", "drop_id": "d", "drop_sequence": 0, "drop_date": "2025-01-01", "partition_date": "2025-01-01"}
    known = {"raw_patient_sources": [{**touch(seq, "2025-01-01"), **log} for seq in (1, 2)]}

    def row(seq: int, first: str, last: str, part: str) -> Row:
        weighed = {"first_touch_weight": first, "last_touch_weight": last, "fractional_weight": part}
        return {"patient_id": "p1", "touch_seq": seq, "partition_date": "2025-01-31", **weighed}

    clean = [row(1, "1", "0", "0.5"), row(2, "0", "1", "0.5")]
    name, check = "bridge_patient_source", "bridge_weights_one"
    assert offenders(name, check, clean, known) == []
    assert offenders(name, check, [row(1, "0", "0", "0"), row(2, "0", "0", "0")], known) == []
    for wrong in (row(2, "1", "1", "0.5"), row(2, "0", "0", "0.5"), row(2, "0", "1", "0.4999")):
        assert offenders(name, check, [clean[0], wrong], known) == ["p1"]
    assert offenders(name, check, clean) == "no touch of a patient in any drop so far"
    assert offenders(name, "dimension_complete", clean, known, newest="2025-01-31") == []
    assert offenders(name, "dimension_complete", clean[:1], known, newest="2025-01-31") == ["p1|2"]
    assert offenders(name, "dimension_complete", [*clean, row(3, "0", "0", "0")], known, newest="2025-01-31") == ["p1|3"]
