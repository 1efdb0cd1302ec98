"""The feed of the sample: keys, order in time, real visits, money, categories. Each query returns what breaks a promise."""

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.simulator.feed import KEYS
from caremetrix_assets.sources.contracts import raw_files
from caremetrix_assets_tests.simulator.lab import KNOWN_FROM

BROKEN = {
    "booked before the start": "select * from appointments where booked_at >= scheduled_start_at or entered_at < booked_at",
    "arrived, seated, dismissed": "select * from appointments where not (arrived_at <= seated_at and seated_at < dismissed_at)",
    "a visit's times only when completed": """select * from appointments where (status = 'completed') <> (encounter_id is not null)
        or (arrived_at is null) <> (status <> 'completed')
        or (seated_at is null) <> (status <> 'completed') or (dismissed_at is null) <> (status <> 'completed')""",
    "reasons and successors": """select * from appointments where (status = 'cancelled') <> (cancel_reason is not null)
        or (status = 'rescheduled') <> (rescheduled_to_id is not null)""",
    "a successor takes over": """select a.* from appointments as a left join appointments as s on s.appointment_id = a.rescheduled_to_id
        where a.status = 'rescheduled' and s.booked_at is distinct from a.status_at""",
    "ended before the start": """select * from appointments where status in ('cancelled', 'rescheduled')
        and not (booked_at < status_at and status_at < scheduled_start_at)""",
    "confirmed in between": "select * from appointments where not (booked_at < confirmed_at and confirmed_at < scheduled_start_at)",
    "nothing is left open": "select * from appointments where status = 'scheduled' and scheduled_start_at < end_at() - interval 8 day",
    "own visit": """select a.* from appointments as a left join state_encounters as e on e.id = a.encounter_id
        where a.encounter_id is not null
        and (a.patient_id, a.provider_id, a.organization_id, a.scheduled_start_at::date, a.arrived_at::date)
        is distinct from (e.patient, e.provider, e.organization, e.start::date, e.start::date)""",
    "every visit in one booking": """select v.encounter_id from visit as v left join appointments as a using (encounter_id)
        where v.is_simulated and v.is_booked_kind group by v.encounter_id having count(a.appointment_id) <> 1""",
    "no booking for death and hospital": """select a.* from appointments as a inner join state_encounters as e on e.id = a.encounter_id
        where e.code = '308646001' or e.encounterclass in ('emergency', 'inpatient', 'snf', 'hospice')""",
    "forward bookings are of their seed's patient": """select f.* from forward_booking as f inner join state_encounters as e
        on e.id = f.seed_id
        where e.patient <> f.patient_id or e.start::date > f.booked_at::date""",
    "rooms of the place": """select a.* from appointments as a left join rooms as r using (room_id)
        where (a.appointment_type = 'telehealth') <> (a.room_id is null)
        or (a.room_id is not null and (not r.is_active or r.organization_id <> a.organization_id))""",
    "blocks within a day": "select * from provider_schedules where stop_at <= start_at or start_at::date <> stop_at::date",
    "blocks hold their bookings": """select b.* from booking as b left join provider_schedules as s on s.provider_id = b.provider_id
        and s.block_type = 'clinic' and s.start_at <= b.start_at and s.stop_at >= minutes_later(b.start_at, b.minutes)
        where b.start_at < end_at() and b.booking_channel <> 'walk_in' and b.status <> 'rescheduled' and b.purpose <> 'missed'
        and s.schedule_id is null""",
    "opened after sending": """select * from communications where opened_at < sent_at
        or (opened_at is not null and delivery_status <> 'delivered')""",
    "replies": """select r.* from communications as r left join communications as m on m.communication_id = r.in_reply_to_id
        where r.direction = 'inbound' and not coalesce(r.sent_at > m.sent_at and m.delivery_status = 'delivered' and r.purpose = m.purpose
        and r.patient_id = m.patient_id and coalesce(m.opened_at <= r.sent_at, true)
        and r.appointment_id is not distinct from m.appointment_id, false)""",
    "columns of directions": """select * from communications where (direction = 'outbound') <> (delivery_status is not null)
        or (direction = 'inbound') <> (in_reply_to_id is not null) or (opted_out and direction = 'outbound')""",
    "reminders": """select c.* from communications as c left join appointments as a using (appointment_id) where c.purpose = 'reminder'
        and not coalesce(c.sent_at < a.scheduled_start_at and c.sent_at > a.entered_at, false)""",
    "reminders are of forward bookings": """select * from communications where (purpose = 'reminder') <> (appointment_id is not null)
        or appointment_id not in (select appointment_id from forward_booking)""",
    "no reminder after the end": """select c.* from communications as c inner join appointments as a using (appointment_id)
        where c.direction = 'outbound' and a.status in ('cancelled', 'rescheduled') and c.sent_at >= a.status_at""",
    "one billing message per statement": """select patient_id, sent_at::date as day, count(*) from communications
        where purpose = 'billing' and direction = 'outbound' group by all
        except select patient_id, sent_date, count(*) from statements group by all""",
    "opt-outs are honoured": """select m.* from communications as m inner join communications as o on o.opted_out
        and o.patient_id = m.patient_id and o.channel = m.channel and o.sent_at < m.sent_at
        where m.direction = 'outbound' and m.purpose in ('recall', 'outreach')""",
    "plan steps": """select * from treatment_plan_items where not coalesce(presented_at < accepted_at, true)
        or not coalesce(accepted_at < scheduled_at, true) or not coalesce(scheduled_at < completed_at, true)
        or not coalesce(presented_at < declined_at, true) or (scheduled_at is not null and accepted_at is null)
        or (completed_at is not null and scheduled_at is null) or (accepted_at is not null and declined_at is not null)""",
    "plan states": """select * from treatment_plan_items where status is distinct from case
        when completed_at is not null then 'completed' when declined_at is not null then 'declined'
        when presented_at < end_at() - interval 188 day then 'expired' when scheduled_at is not null then 'scheduled'
        when accepted_at is not null then 'accepted' else 'presented' end
        or (status = 'completed') <> (procedure_encounter_id is not null)""",
    "plan visits hold the code": """select i.* from treatment_plan_items as i left join state_procedures as p
        on p.encounter = i.procedure_encounter_id and p.code = i.procedure_code and p.patient = i.patient_id
        where i.status = 'completed' and p.code is null""",
    "events in order": """select * from (select *, lag(event_at) over w as before, row_number() over w as n from claim_events
        window w as (partition by claim_id order by event_seq)) where event_seq <> n or event_at <= before""",
    "service before submission": """select e.* from claim_events as e inner join state_claims as c on c.id = e.claim_id
        inner join (select claimid, max(fromdate)::date as last_day from state_claims_transactions where type = 'CHARGE' group by 1) as t
        on t.claimid = e.claim_id where e.event_at::date < greatest(c.servicedate::date, t.last_day)""",
    "steps of a rank on later days": """select * from (select *,
        lag(event_at::date) over (partition by claim_id, rank order by event_seq) as before from claim_events)
        where event_at::date <= before""",
    "payers of the rank": """select e.* from claim_events as e inner join state_claims as c on c.id = e.claim_id
        where e.payer_id is distinct from
        case e.rank when 'primary' then c.primarypatientinsuranceid else c.secondarypatientinsuranceid end""",
    "amounts of events": """select * from claim_events where (event = 'adjudicated') <> (allowed_amount is not null)
        or (event in ('adjudicated', 'denied', 'closed')) <> (paid_amount is not null)
        or (event in ('rejected', 'denied')) <> (reason_code is not null)
        or paid_amount > allowed_amount or allowed_amount > billed_amount""",
    "payer money on the closing day": """select r.* from receipts as r left join claim_events as e
        on e.claim_id = r.claim_id and e.rank = r.party and e.event = 'closed' and e.event_at::date = r.posted_date
        where r.party <> 'patient' and r.entry_type = 'payment' and e.claim_id is null
        and not exists (select 1 from receipt as x
        where x.claim_id = r.claim_id and x.posted_day = r.posted_date and x.entry like 'twice%')""",
    "signs": """select * from receipts where amount = 0 or (amount > 0) <> (entry_type = 'payment')
        or (method is not null) <> (entry_type in ('payment', 'refund', 'takeback')) or (method is null) <> (deposit_id is null)""",
    "refunds within their payment": """select r.* from receipts as r left join receipts as p on p.receipt_id = r.original_receipt_id
        where (r.entry_type in ('refund', 'takeback')) <> (r.original_receipt_id is not null)
        or (r.original_receipt_id is not null and not coalesce(p.posted_date < r.posted_date and p.amount >= -r.amount
        and p.entry_type = 'payment' and p.status = 'posted' and p.claim_id = r.claim_id and p.line_number = r.line_number, false))""",
    "receipts after service": """select r.* from receipts as r inner join state_claims as c on c.id = r.claim_id
        where r.posted_date < c.servicedate::date""",
    "who pays": """select r.* from receipts as r inner join state_claims as c on c.id = r.claim_id where r.payer_id is distinct from
        case r.party when 'primary' then c.primarypatientinsuranceid when 'secondary' then c.secondarypatientinsuranceid end""",
    "reversals": "select * from receipts where (status = 'reversed') <> (reversed_date is not null) or reversed_date <> posted_date",
    "statements": "select * from statements where amount_due <= 0 or due_date <= sent_date",
    "contacts in order": """select * from (select *, lag(touched_at) over (partition by patient_id order by touch_seq) as before
        from patient_sources) where touched_at <= before or entered_at < touched_at""",
    "staff acts on what is there": """select * from staff_actions where (entity_type = 'appointment' and entity_id not in
        (select appointment_id from appointments)) or (entity_type = 'claim' and entity_id not in (select id from state_claims))
        or (entity_type = 'encounter' and entity_id not in (select id from state_encounters))""",
    "a failed login is followed by a login": """select f.* from staff_actions as f left join staff_actions as l
        on l.user_id = f.user_id and l.action = 'login' and l.acted_at = f.acted_at + interval 1 minute
        where f.action = 'login_failed' and l.user_id is null""",
}


@pytest.mark.parametrize("promise", BROKEN)
def test_promises_are_kept(newest_feed, promise):
    assert newest_feed.sql(BROKEN[promise])[:3] == []


@pytest.mark.parametrize("file", KEYS)
def test_keys_are_unique_and_nothing_is_known_too_early(newest_feed, file):
    assert len(newest_feed.by_key(file)) == newest_feed.one(f"select count(*) from {file}") > 0
    if file in KNOWN_FROM:
        assert newest_feed.sql(f"select * from {file} where {KNOWN_FROM[file]} >= end_at() or {KNOWN_FROM[file]} is null") == []


@pytest.mark.parametrize("file", KEYS)
def test_columns_are_those_of_the_contract(newest_feed, file):
    contract = raw_files(load_catalog())[file]
    columns = newest_feed.sql(f"describe {file}")
    assert [c["column_name"] for c in columns] == [c.name for c in contract.columns]
    required = [c.name for c in contract.columns if c.required]
    assert newest_feed.sql(f"select * from {file} where {' or '.join(f'{c} is null' for c in required)}") == []


def test_every_category_occurs_in_the_sample(newest_feed):
    missing = []
    for file in KEYS:
        for column in raw_files(load_catalog())[file].columns:
            wanted = set(column.values or ()) | ({True, False} if column.type == "bool" else set())
            found = {row[column.name] for row in newest_feed.sql(f"select distinct {column.name} from {file}")}
            missing += [f"{file}.{column.name} = {value}" for value in sorted(wanted - found, key=str)]
    assert missing == []


def test_every_line_is_settled_to_the_cent(newest_feed):
    lines = newest_feed.sql("""
        with charged as (
            select claimid, amount, row_number() over (partition by claimid order by chargeid::bigint) as line_number
            from state_claims_transactions where type = 'CHARGE'
        ),
        ledger as (
            select c.claimid, c.line_number, c.amount, count(r.claim_id) as entries,
                coalesce(sum(r.amount) filter (where r.entry_type in ('payment', 'refund', 'takeback')), 0) as paid,
                coalesce(sum(r.amount) filter (where r.entry_type not in ('payment', 'refund', 'takeback')), 0) as adjusted,
                bool_or(r.entry_type = 'payment' and r.party = 'primary') as has_payer
            from charged as c inner join state_claims as s on s.id = c.claimid
            left join receipts as r on r.claim_id = c.claimid and r.line_number = c.line_number and r.status = 'posted'
            where s.servicedate >= start_date() and s.servicedate < end_at() - interval 400 day
            group by all
        )
        select l.claimid, l.amount - l.paid + l.adjusted as balance, m.rest, m.way, o.overpaid,
            exists (
                select 1 from receipts as t
                where t.claim_id = l.claimid and t.line_number = l.line_number and t.entry_type = 'takeback'
            ) as is_back
        from ledger as l inner join line_money as m on m.claim_id = l.claimid and m.line_number = l.line_number
        left join line_statement as o on o.draw = m.draw and o.is_last""")
    assert len(lines) > 2000
    open_lines = [line for line in lines if line["balance"] != 0]
    assert all(line["balance"] == line["rest"] and line["way"] == "never" for line in open_lines if line["balance"] > 0)
    credits = [line for line in open_lines if line["balance"] < 0]
    assert all(-line["balance"] == (line["overpaid"] or 0) or not line["is_back"] for line in credits)
    assert len(open_lines) < len(lines) / 50


@pytest.mark.parametrize(
    ("figure", "query", "least", "most"),
    [
        ("no-show rate", "count(*) filter (status = 'no_show') / count(*) filter (status in ('no_show', 'completed'))", 0.04, 0.08),
        ("cancelled", "count(*) filter (status = 'cancelled') / count(*)", 0.05, 0.13),
        ("moved", "count(*) filter (status = 'rescheduled') / count(*)", 0.01, 0.05),
        ("told before", "avg((entered_at::date < scheduled_start_at::date)::int) filter (status = 'completed')", 0.2, 0.4),
    ],
)
def test_the_book_is_like_a_practices(full_feed, figure, query, least, most):
    assert least <= full_feed.one(f"select {query} from appointments") <= most, figure


def test_claims_are_like_a_practices(newest_feed):
    shares = newest_feed.sql("""
        with first as (select claim_id, arg_min(event, event_seq) filter (where event in ('denied', 'adjudicated')) as decision,
            bool_or(event in ('rejected', 'denied')) as is_touched from claim_events where rank = 'primary' group by claim_id)
        select avg((decision = 'denied')::int) as denied, 1 - avg(is_touched::int) as clean from first where decision is not null""")[0]
    assert 0.05 <= shares["denied"] <= 0.10 and 0.86 <= shares["clean"] <= 0.95
