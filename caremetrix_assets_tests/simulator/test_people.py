"""Messages, first contacts and staff on tiny histories, every share forced."""

from datetime import date, datetime, timedelta

import pytest

from caremetrix_assets_tests.simulator.lab import changed, feed_of, patient, visit, write_drop

QUIET = {f"messages__{name}": 0.0 for name in ("results", "clinical", "outreach", "other")}
FORWARD = {"forward__recall_booked": 1.0, "forward__recall_at_checkout": 1.0, "fate__moved": 0.0, "fate__cancelled": 0.0, "fate__late": 0.0}
DUE = datetime(2024, 3, 6, 12, 45)  # the recall of a visit on 1 March 2023


@pytest.fixture
def feed(tmp_path):
    def make(*visits, end, died="", **parameters):
        folder = write_drop(tmp_path / "drop", patients=[patient(died=died)], encounters=list(visits))
        return feed_of(folder, end=date.fromisoformat(end), parameters=changed(**QUIET | FORWARD | parameters))

    return make


def sent(found, where="direction = 'outbound'"):
    return [row["sent_at"] for row in found.sql(f"select sent_at from communications where {where} order by sent_at")]


@pytest.mark.parametrize(("end", "count"), [("2024-03-02", 0), ("2024-03-03", 1), ("2024-03-05", 2), ("2024-03-20", 2)])
def test_two_reminders_go_out_before_a_forward_booking(feed, end, count):
    found = feed(visit("seed", "2023-03-01"), end=end)
    assert sent(found) == [DUE - timedelta(hours=72), DUE - timedelta(hours=24)][:count]


def test_bookings_told_with_their_visit_get_none(feed):
    assert sent(feed(visit("v", "2023-03-01", "outpatient"), end="2023-03-01", forward__follow_up_other=0.0)) == []


def test_a_cancelled_booking_gets_none_after_its_end(feed):
    found = feed(visit("seed", "2023-03-01"), end="2024-03-20", fate__cancelled=1.0)
    assert sent(found) == [
        t
        for t in (DUE - timedelta(hours=72), DUE - timedelta(hours=24))
        if t < found.one("select status_at from appointments where status = 'cancelled'")
    ]


REFUSING = {
    "messages__outreach": 1.0,
    "messages__outreach_channels": {"email": 1.0, "sms": 0.0, "letter": 0.0},
    "messages__delivery": {"delivered": 1.0, "bounced": 0.0, "failed": 0.0},
    "messages__reply_outreach": 1.0,
    "messages__opt_out": 1.0,
}


def test_replies_answer_their_message(feed):
    message, reply = feed(visit("v", "2023-03-01", "outpatient"), end="2024-03-01", **REFUSING).sql(
        "select * from communications order by sent_at"
    )
    assert (message["direction"], message["purpose"], message["channel"], message["user_id"]) == ("outbound", "outreach", "email", None)
    assert 20 <= (message["sent_at"].date() - date(2023, 3, 1)).days <= 60
    assert (reply["direction"], reply["in_reply_to_id"], reply["opted_out"]) == ("inbound", message["communication_id"], True)
    assert message["sent_at"] <= message["opened_at"] <= reply["sent_at"] <= message["sent_at"] + timedelta(days=5)


@pytest.mark.parametrize(("refused", "answered"), [("email", "email"), ("sms", "sms"), ("letter", "phone")])
def test_who_wants_no_more_on_a_channel_is_written_letters_and_not_reminded(feed, refused, answered):
    """Outreach for the first visit is refused on its channel; a letter by a call, which refuses calls."""
    found = feed(
        visit("v", "2023-03-01"),
        visit("w", "2023-09-01", "outpatient"),
        end="2024-03-20",
        forward__recall_at_checkout=0.0,
        forward__follow_up_other=0.0,
        **REFUSING
        | {
            "messages__outreach_channels": {"email": 0.0, "sms": 0.0, "letter": 0.0} | {refused: 1.0},
            "messages__reminder_channels": {"sms": 0.0, "email": 0.0, "phone": 0.0} | {answered: 1.0},
            "messages__recall_channels": {"sms": 0.0, "email": 0.0, "phone": 0.0, "letter": 0.0} | {answered: 1.0},
        },
    )
    rows = found.sql("select * from communications where direction = 'outbound' order by sent_at")
    by = {purpose: [r["channel"] for r in rows if r["purpose"] == purpose] for purpose in ("outreach", "reminder", "recall")}
    assert by == {"outreach": [refused, "letter"], "reminder": [], "recall": ["letter"]}
    assert {r["channel"] for r in found.sql("select channel from communications where opted_out")} == {answered}


def test_the_dead_are_not_written_to(feed):
    everything = {f"messages__{name}": 1.0 for name in ("results", "outreach")}
    found = feed(visit("v", "2023-03-01", "outpatient"), end="2024-03-20", died="2023-03-02", **everything)
    assert all(t < datetime(2023, 3, 10, 9) for t in sent(found, "true")) and len(sent(found)) == 1  # results, but no outreach


def test_a_new_patient_was_in_touch_before_and_is_entered_with_the_visit(feed):
    found = feed(visit("v", "2023-03-01", "outpatient"), end="2023-03-01", touches__none=0.0)
    (touch,) = found.sql("select * from patient_sources")
    assert 1 <= (date(2023, 3, 1) - touch["touched_at"].date()).days <= 20
    assert (touch["touch_seq"], touch["entered_at"]) == (1, datetime(2023, 3, 1, 12, 35))
    assert feed(visit("v", "2023-03-01", "outpatient"), end="2023-03-01", touches__none=1.0).sql("select * from patient_sources") == []


def test_who_came_before_the_start_was_in_touch_before_it(feed):
    found = feed(visit("v", "2021-03-01"), end="2022-01-01", touches__none=0.0)
    (touch,) = found.sql("select * from patient_sources")
    assert touch["entered_at"] == touch["touched_at"] < datetime(2013, 1, 1)


def test_a_campaign_is_answered_later(feed):
    visits = [visit("v", "2023-03-01", "outpatient"), visit("w", "2023-03-02", "outpatient")]
    found = feed(*visits, end="2024-03-01", touches__none=0.0, touches__second=1.0)
    _, second = found.sql("select * from patient_sources order by touch_seq")
    assert (second["touch_seq"], second["channel"], second["entered_at"]) == (2, "campaign", second["touched_at"])
    assert 29 <= (second["touched_at"].date() - date(2023, 3, 2)).days <= 300 and second["cost"] > 0 and second["campaign"]


def test_what_staff_does_for_a_visit(feed):
    sure = {"staff__login": 1.0, "staff__login_failed": 1.0, "staff__inbox": 1.0, "staff__report": 1.0, "staff__mobile": 1.0}
    found = feed(visit("v", "2023-03-01", "outpatient"), end="2023-03-02", forward__follow_up_other=0.0, **sure)
    (a,) = found.sql("select * from appointments")
    rows = found.sql("select acted_at, role, module, action, interface, entity_id from staff_actions order by acted_at, module, action")
    done = {(r["role"], r["module"], r["action"]): r for r in rows}
    assert len(done) == len(rows) == 9
    assert done["front_desk", "schedule", "create"]["acted_at"] == a["entered_at"]
    assert done["front_desk", "schedule", "update"]["acted_at"] == max(a["arrived_at"], a["entered_at"] + timedelta(minutes=1))
    assert done["provider", "chart", "view"]["acted_at"] == a["seated_at"] and done["provider", "chart", "view"]["interface"] == "mobile"
    assert a["seated_at"] < done["provider", "chart", "update"]["acted_at"] < a["dismissed_at"]
    assert timedelta() <= done["provider", "chart", "sign"]["acted_at"] - a["dismissed_at"] <= timedelta(hours=10)
    assert done["provider", "chart", "login"]["acted_at"] - done["provider", "chart", "login_failed"]["acted_at"] == timedelta(minutes=1)
    assert {("front_desk", "messages", "view"), ("manager", "reports", "view")} < done.keys()
    assert {r["entity_id"] for r in rows} == {a["appointment_id"], "v", "p", None}


def test_who_does_not_come_is_closed_when_it_is_certain(feed):
    found = feed(visit("seed", "2023-03-01"), end="2024-03-14")
    assert found.one("select acted_at from staff_actions where action = 'update' and acted_at > timestamp '2024-01-01'") == datetime(
        2024, 3, 14, 9
    )
