"""mart_patient_engagement_channels on literal messages: funnel, answers and bookings that matured, opt-outs, no messages."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import mart, picked, row_of, touch

NAME = "mart_patient_engagement_channels"
CHECKS = sorted(load_catalog().table(NAME).checks)
D = "2025-03-31"


def message(name: str, sent: str, **more: object) -> Row:
    row = {"communication_sk": name, "communication_id": name, "patient_id": "p1", "direction": "outbound", "purpose": "recall"}
    keys = {"location_key": 10, "provider_key": -2, "patient_type": "established", "source_key": -1}
    facts = {"channel": "sms", "delivery_status": "delivered", "is_opt_out": False, "led_to_booking_14d": False, "is_simulated": False}
    return {**row, **keys, **facts, "sent_at": f"{sent} 09:00:00", **more}


def channels(dates: list[str], messages: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, [], fact_communication=messages, dim_patient=[], **given)


def month(messages: list[Row], breakdown: str = "total", day: str = D, **keys: object) -> Row:
    return row_of(channels([day], messages), period_grain="month", breakdown=breakdown, **keys)


def test_worked_example():
    answers = {0: 2.0, 1: 5.0, 2: 30.0}
    messages = [message(f"m{n}", "2025-03-05", response_hours=answers.get(n), opened_at="2025-03-06 10:00:00") for n in range(4)]
    messages += [message(f"n{n}", "2025-03-24") for n in range(2)]
    messages += [message(f"l{n}", "2025-03-25") for n in range(2)]
    messages += [message("b1", "2025-03-05", delivery_status="bounced"), message("b2", "2025-03-05", delivery_status=None)]
    row = month(messages)
    assert picked(row, "outreach_sent", "outreach_delivered", "outreach_opened") == [10, 8, 4]
    assert picked(row, "delivery_rate", "open_rate") == [Decimal("0.8000"), Decimal("0.5000")]
    assert picked(row, "matured_7d_delivered", "replied_7d", "response_rate_7d", "response_hours_p50") == [6, 3, Decimal("0.5000"), 5.0]


def test_messages_of_the_month_before_mature_in_this_one():
    messages = [
        message("a", "2025-02-21", response_hours=1.0, led_to_booking_14d=True),
        message("b", "2025-02-22", response_hours=168.0, led_to_booking_14d=True),
        message("c", "2025-02-22", response_hours=168.01),
        message("d", "2025-02-14", led_to_booking_14d=True),
        message("e", "2025-03-17", led_to_booking_14d=True),
        message("f", "2025-03-18", led_to_booking_14d=True),
    ]
    row = month(messages)
    # 7 days after 21 February is still February; 14 days after 18 March is April
    assert picked(row, "outreach_sent", "matured_7d_delivered", "replied_7d", "response_hours_p50") == [2, 4, 1, 168.0]
    assert picked(row, "matured_14d_delivered", "booked_14d", "conversion_rate_14d") == [4, 3, Decimal("0.7500")]


def test_only_outreach_counts():
    messages = [
        message("a", "2025-03-01"),
        message("b", "2025-03-01", direction="inbound"),
        message("c", "2025-03-01", purpose="results"),
        message("d", "2025-03-01", purpose="billing"),
    ]
    assert month(messages)["outreach_sent"] == 2
    assert month(messages, "purpose", purpose="billing")["outreach_sent"] == 1


def test_what_is_opened_or_refused_later_is_not_known_yet():
    messages = [
        message("a", "2025-03-01", opened_at="2025-03-03 10:00:00"),
        message("r", "2025-03-04", direction="inbound", purpose="other", in_reply_to_id="a", is_opt_out=True, delivery_status=None),
    ]
    rows = channels(["2025-03-02", "2025-03-03", "2025-03-04"], messages)
    found = [picked(r, "outreach_opened", "opt_outs") for r in rows if (r["breakdown"], r["period_grain"]) == ("total", "month")]
    assert found == [[0, 0], [1, 0], [1, 1]]


def test_opt_outs_hold_for_their_channel_from_then_on():
    wish = message("r", "2025-03-04", direction="inbound", purpose="other", is_opt_out=True, delivery_status=None)
    messages = [
        wish,
        message("a", "2025-03-03"),
        message("b", "2025-03-05"),
        message("c", "2025-03-05", channel="email"),
        message("d", "2025-03-05", patient_id="p2"),
    ]
    assert month(messages)["sent_after_opt_out"] == 1
    assert month(messages, "channel", channel="sms")["sent_after_opt_out"] == 1
    assert month(messages, "channel", channel="email")["sent_after_opt_out"] == 0
    unread = channels(["2025-03-03"], [message("o", "2025-03-03", is_opt_out=True, direction="outbound")])
    assert row_of(unread, period_grain="day", breakdown="total")["opt_outs"] == 1


def test_breakdowns_have_the_keys_of_the_message():
    messages = [
        message("a", "2025-03-01", provider_key=22, location_key=11, campaign="Check-up"),
        message("b", "2025-03-01", patient_type="prospect"),
    ]
    rows = [r for r in channels([D], messages) if r["period_grain"] == "month"]
    assert {r["provider_key"]: r["outreach_sent"] for r in rows if r["breakdown"] == "provider"} == {20: 1, -2: 1}
    assert {r["campaign"]: r["outreach_sent"] for r in rows if r["breakdown"] == "campaign"} == {"Check-up": 1, "Not applicable": 1}
    assert {r["patient_type"]: r["outreach_sent"] for r in rows if r["breakdown"] == "patient_type"} == {"established": 1, "prospect": 1}
    detail = row_of(rows, breakdown="detail", location_key=11)
    assert picked(detail, "provider_key", "patient_type", "source_key", "channel", "campaign") == [20, "established", -1, "all", "all"]


def test_without_messages_there_are_empty_totals():
    rows = channels([D], [message("a", "2025-04-01")])
    assert [picked(r, "breakdown", "outreach_sent", "opt_outs", "sent_after_opt_out", "booked_14d", "data_basis") for r in rows] == [
        ["total", None, None, None, None, "not_available"]
    ] * 5


def test_a_quiet_day_after_the_first_message_has_zeros():
    rows = [r for r in channels(["2026-12-31"], [message("a", "2025-03-01")]) if r["period_grain"] == "day"]
    assert [picked(r, "breakdown", "outreach_sent", "delivery_rate", "response_hours_p50", "data_basis") for r in rows] == [
        ["total", 0, None, None, "derived"]
    ]


def test_sources_are_those_known_on_the_day():
    touches = [touch("2025-01-01", 1, 40, entered_at="2025-03-20 00:00:00", is_simulated=True)]
    rows = channels(["2025-03-19", "2025-03-20"], [message("a", "2025-03-05")], bridge_patient_source=touches)
    found = [
        (str(r["partition_date"]), r["source_key"], r["outreach_sent"], r["data_basis"])
        for r in rows
        if (r["breakdown"], r["period_grain"]) == ("acquisition_source", "month")
    ]
    assert found == [("2025-03-19", -1, 1, "derived"), ("2025-03-20", 40, 1, "simulated")]
    assert {r["data_basis"] for r in channels([D], [message("a", "2025-03-05", is_simulated=True)])} == {"simulated"}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    messages = [message("a", D, opened_at=f"{D} 10:00:00"), message("b", "2025-03-05", response_hours=3.0)]
    rows = channels([D], messages)
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("day", breakdown) else r for r in rows]
    return offenders(NAME, check, changed, {"fact_communication": messages})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", outreach_delivered=0) == ["day"]
    assert found("mart_identity_funnel", "channel", outreach_opened=2) == ["day|channel"]
    assert found("mart_identity_breakdowns_add_up", "campaign", outreach_opened=0) == ["day|campaign"]
    assert found("opt_outs_respected", sent_after_opt_out=1) == ["day"]
    early = [message("a", D, response_hours=-1.0)]
    assert offenders(NAME, "mart_identity_no_reply_before_outreach", channels([D], early), {"fact_communication": early}) == ["a"]
    assert offenders(NAME, "mart_equals_fact", [], {}) == "no message in any drop so far"
