-- First day of the practice's own money records: receipts by the day they count from, claim events by their day. Null without them.
select
    (select min(entry_date) from shared_money_entries where entry_source = 'receipt') as receipts_from,
    (select min(cast(event_at as date)) from fact_claim_event) as events_from
