"""Small practice feeds for tests: one valid row per file, changed where a test says so, as the text of a CSV."""

from __future__ import annotations

from caremetrix_assets_tests.sources.releases import csv_text

HEADERS = {
    "rooms": "room_id,organization_id,name,room_type,is_active,opens,closes,weekdays,valid_from",
    "provider_schedules": "schedule_id,provider_id,organization_id,room_id,start_at,stop_at,block_type",
    "appointments": "appointment_id,patient_id,provider_id,organization_id,room_id,encounter_id,appointment_type,booked_at,"
    "booking_channel,entered_at,scheduled_start_at,scheduled_minutes,status,status_at,cancel_reason,rescheduled_to_id,confirmed_at,"
    "arrived_at,seated_at,dismissed_at,estimated_production",
    "communications": "communication_id,patient_id,user_id,direction,channel,purpose,campaign,sent_at,delivery_status,opened_at,"
    "in_reply_to_id,appointment_id,opted_out",
    "treatment_plan_items": "plan_item_id,plan_id,patient_id,provider_id,organization_id,procedure_system,procedure_code,presented_at,fee,"
    "status,accepted_at,scheduled_at,completed_at,declined_at,procedure_encounter_id",
    "claim_events": "claim_id,event_seq,event,event_at,payer_id,rank,reason_code,billed_amount,allowed_amount,paid_amount",
    "receipts": "receipt_id,claim_id,line_number,patient_id,party,payer_id,entry_type,amount,method,posted_date,deposit_id,"
    "original_receipt_id,status,reversed_date",
    "statements": "statement_id,patient_id,sent_date,due_date,amount_due,channel,statement_type",
    "patient_sources": "patient_id,touch_seq,touched_at,entered_at,channel,source_name,campaign,referring_provider_id,"
    "referring_patient_id,cost",
    "staff_actions": "action_id,user_id,role,organization_id,acted_at,module,action,entity_type,entity_id,interface",
}
WHO = {"patient_id": "p1", "provider_id": "v1", "organization_id": "o1"}
ROWS: dict[str, dict[str, str]] = {
    "rooms": {"room_id": "r1", "organization_id": "o1", "name": "Room 1", "room_type": "exam", "is_active": "true"}
    | {"opens": "08:00", "closes": "18:00", "weekdays": "12345", "valid_from": "2020-01-01"},
    "provider_schedules": {**WHO, "schedule_id": "s1", "room_id": "r1", "block_type": "clinic"}
    | {"start_at": "2025-01-02T09:00:00Z", "stop_at": "2025-01-02T12:00:00Z"},
    "appointments": {**WHO, "appointment_id": "a1", "room_id": "r1", "encounter_id": "e1", "appointment_type": "wellness"}
    | {"booked_at": "2024-12-20T09:00:00Z", "booking_channel": "phone", "entered_at": "2024-12-20T09:05:00Z", "status": "completed"}
    | {"scheduled_start_at": "2025-01-02T10:00:00Z", "scheduled_minutes": "15", "status_at": "2025-01-02T10:20:00Z"}
    | {"arrived_at": "2025-01-02T09:50:00Z", "seated_at": "2025-01-02T10:02:00Z", "dismissed_at": "2025-01-02T10:20:00Z"},
    "communications": {"communication_id": "m1", "patient_id": "p1", "direction": "outbound", "channel": "sms", "purpose": "reminder"}
    | {"sent_at": "2025-01-01T08:00:00Z", "delivery_status": "delivered", "appointment_id": "a1", "opted_out": "false"},
    "treatment_plan_items": {**WHO, "plan_item_id": "i1", "plan_id": "l1", "procedure_system": "SNOMED", "procedure_code": "73761001"}
    | {"presented_at": "2025-01-02T10:10:00Z", "fee": "431.40", "status": "presented"},
    "claim_events": {"claim_id": "c1", "event_seq": "1", "event": "submitted", "event_at": "2025-01-03T09:00:00Z", "payer_id": "y1"}
    | {"rank": "primary", "billed_amount": "10.00"},
    "receipts": {"receipt_id": "k1", "claim_id": "c1", "line_number": "1", "patient_id": "p1", "party": "primary", "payer_id": "y1"}
    | {"entry_type": "payment", "amount": "8.00", "method": "eft", "posted_date": "2025-01-20", "deposit_id": "b1", "status": "posted"},
    "statements": {"statement_id": "n1", "patient_id": "p1", "sent_date": "2025-01-25", "due_date": "2025-02-15", "amount_due": "2.00"}
    | {"channel": "letter", "statement_type": "first"},
    "patient_sources": {"patient_id": "p1", "touch_seq": "1", "touched_at": "2024-12-01T12:00:00Z", "channel": "online"}
    | {"source_name": "Search", "cost": "3.50"},
    "staff_actions": {"action_id": "x1", "user_id": "u1", "role": "front_desk", "organization_id": "o1"}
    | {"acted_at": "2025-01-02T09:50:00Z", "module": "schedule", "action": "update", "entity_type": "appointment", "entity_id": "a1"}
    | {"interface": "ui"},
}


def rows(file: str, *changes: dict[str, str]) -> str:
    """A file of the feed with one row per change of the valid row; without any the valid row alone."""
    return csv_text(HEADERS[file], *({**ROWS[file], **change} for change in changes or ({},)))


def feed(**files: str) -> dict[str, str]:
    """All ten files under ``practice/``, those named replaced by a text."""
    return {f"practice/{name}.csv": files.get(name, rows(name)) for name in HEADERS}
