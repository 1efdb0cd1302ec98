"""mart_patient_engagement on literal messages, plans and lists: windows, the score and its parts, tiers, no feed."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import mart, missed, picked, touch, visits

NAME = "mart_patient_engagement"
CHECKS = sorted(load_catalog().table(NAME).checks)
D = "2025-12-31"


def listed(patient: str = "p1", **more: object) -> Row:
    """A line of mart_patient_retention."""
    keys = {"patient_key": 1, "location_key": 10, "provider_key": 20, "patient_type": "established", "source_key": -1}
    return {"patient_id": patient, **keys, "visits_12m": 0, "partition_date": D, **more}


def message(name: str, sent: str, hours: float | None = None, **more: object) -> Row:
    row = {"communication_sk": name, "communication_id": name, "patient_id": "p1", "direction": "outbound", "purpose": "recall"}
    facts = {"channel": "sms", "delivery_status": "delivered", "is_opt_out": False, "is_simulated": False}
    return {**row, **facts, "sent_at": f"{sent} 09:00:00", "response_hours": hours, **more}


def item(name: str, presented: str, accepted: str | None = None) -> Row:
    row = {"plan_item_sk": name, "patient_id": "p1", "presented_at": f"{presented} 10:00:00", "is_simulated": False}
    return {**row, "accepted_at": accepted and f"{accepted} 23:00:00"}


def gap(days: int | None, program: str = "wellness") -> Row:
    return {"patient_id": "p1", "program": program, "days_past_due": days, "partition_date": D}


def engagement(appointments: list[Row], people: list[Row] | None = None, **given: list[Row]) -> list[Row]:
    return mart(NAME, [D], appointments, **{"mart_patient_retention": people or [listed()], **given})


def test_worked_example():
    """Kept 8 of 10, answered 2 of 5, nothing late: 28 + 10 + 20 of 80."""
    messages = [message(f"m{n}", "2025-06-01", 2.0 if n < 2 else None) for n in range(5)]
    (row,) = engagement(
        [missed("n", "2025-05-01"), missed("c", "2025-05-02", "cancelled_late")],
        [listed(visits_12m=8, no_shows_12m=1)],
        fact_communication=messages,
        mart_hygiene_retention=[gap(-3)],
    )
    assert picked(row, "adherence_rate_12m", "response_rate_12m", "on_time_payment_rate_12m", "preventive_gap_days") == [
        Decimal("0.8000"),
        Decimal("0.4000"),
        None,
        0,
    ]
    assert picked(row, "engagement_score", "components_available", "engagement_tier") == [72.5, 3, "medium"]


def test_messages_had_a_week_to_be_answered():
    messages = [
        message("a", "2024-12-31", 1.0),
        message("b", "2025-01-01", 168.0),
        message("c", "2025-12-24", 168.1),
        message("d", "2025-12-25", 1.0),
        message("e", "2025-06-01", 1.0, purpose="results"),
        message("f", "2025-06-01", 1.0, direction="inbound"),
        message("g", "2025-06-01", 1.0, delivery_status="bounced"),
    ]
    (row,) = engagement([], fact_communication=messages)
    assert picked(row, "outreach_delivered_12m", "outreach_replied_12m", "is_opted_out") == [2, 1, False]


def test_opting_out_once_is_remembered():
    wish = message("o", "2020-01-01", direction="inbound", purpose="other", delivery_status=None, is_opt_out=True)
    assert engagement([], fact_communication=[wish])[0]["is_opted_out"] is True
    assert engagement([], fact_communication=[{**wish, "sent_at": "2026-01-01 00:00:00"}])[0]["is_opted_out"] is None


def test_plan_items_had_90_days():
    """E is 2025-10-02: the year before it begins on 2024-10-03."""
    items = [
        item("a", "2024-10-02", "2024-10-03"),
        item("b", "2024-10-03", "2025-01-01"),
        item("c", "2025-10-02", "2026-01-01"),
        item("d", "2025-10-03", "2025-10-04"),
    ]
    (row,) = engagement([], fact_treatment_plan_item=items)
    assert picked(row, "plan_items_presented", "plan_items_accepted", "plan_acceptance_rate") == [2, 1, Decimal("0.5000")]
    assert picked(row, "components_available", "engagement_score") == [0, None]


def test_the_latest_program_counts_and_lateness_is_not_negative():
    assert engagement([], mart_hygiene_retention=[gap(-3), gap(40, "hygiene")])[0]["preventive_gap_days"] == 40
    assert engagement([], mart_hygiene_retention=[gap(-3), gap(-40, "hygiene")])[0]["preventive_gap_days"] == 0
    assert engagement([], mart_hygiene_retention=[gap(None)])[0]["preventive_gap_days"] is None


@pytest.mark.parametrize(
    ("kept", "paid", "late", "score", "tier"),
    [(1, 1, 0, 100.0, "high"), (1, 0, 0, 73.3, "medium"), (0, 1, 1, 26.7, "low"), (0, 0, 1, 0.0, "disengaged")],
)
def test_tiers(kept: int, paid: int, late: int, score: float, tier: str):
    """35 for adherence, 20 for paying, 20 for prevention, of 75."""
    people = [listed(visits_12m=kept, no_shows_12m=1 - kept, statements_due_12m=1, statements_paid_on_time_12m=paid)]
    (row,) = engagement([missed("n", "2020-01-01")], people, mart_hygiene_retention=[gap(late)])
    assert picked(row, "engagement_score", "engagement_tier", "components_available") == [score, tier, 3]


def test_without_a_feed():
    (row,) = engagement(visits("p1", "2025-01-01"), [listed(visits_12m=1)], mart_hygiene_retention=[gap(0)])
    null = ("outreach_delivered_12m", "response_rate_12m", "is_opted_out", "no_shows_12m", "late_cancellations_12m", "adherence_rate_12m")
    assert (
        picked(row, *null, "plan_items_presented", "plan_acceptance_rate", "statements_due_12m", "on_time_payment_rate_12m") == [None] * 10
    )
    assert picked(row, "kept_visits_12m", "components_available", "engagement_score", "engagement_tier", "data_basis") == [
        1,
        1,
        100.0,
        "insufficient_data",
        "derived",
    ]


def test_simulated_inputs_mark_rows():
    assert engagement([], fact_communication=[message("a", "2025-01-01", is_simulated=True)])[0]["data_basis"] == "simulated"
    touches = [touch("2025-01-01", is_simulated=True)]
    rows = engagement([], [listed("p1", source_key=40), listed("p2")], bridge_patient_source=touches)
    assert [r["data_basis"] for r in rows] == ["simulated", "derived"]


def found(check: str, **changes: object) -> list[str] | str:
    came = [*visits("p1", "2025-04-01"), missed("n", "2025-05-01"), missed("c", "2025-05-02", "cancelled_late")]
    facts = {"fact_communication": [message("m", "2025-06-01", 2.0)], "fact_treatment_plan_item": [item("i", "2025-07-01")]}
    people = [listed(visits_12m=1, no_shows_12m=1)]
    rows = engagement(came, people, mart_hygiene_retention=[gap(0)], **facts)
    neighbours = {"mart_patient_retention": people, "fact_appointment": came, **facts}
    return offenders(NAME, check, [{**r, **changes} for r in rows], neighbours)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


@pytest.mark.parametrize(
    "column", ["kept_visits_12m", "no_shows_12m", "late_cancellations_12m", "outreach_delivered_12m", "plan_items_presented"]
)
def test_what_the_facts_do_not_say_is_found(column: str):
    assert found("mart_equals_fact", **{column: 2}) == ["p1"]


def test_checks_find_what_is_wrong():
    assert found("mart_identity_parts_within_wholes", outreach_replied_12m=2) == ["p1"]
    assert found("mart_identity_tier_follows_score", engagement_tier="low") == ["p1"]
    assert found("mart_identity_tier_follows_score", engagement_score=None) == ["p1"]
    assert found("detail_rebuilds_summary", kept_visits_12m=2) == ["p1"]
    assert found("detail_rebuilds_summary", patient_id="p9") == ["p1", "p9"]
