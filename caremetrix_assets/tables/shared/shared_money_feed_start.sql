-- First day of the records about money: charges by day of service, receipts of the practice by the day they count from, claim events by
-- their day. Null without them.
select
    (select min(service_date) from fact_claim_line) as charges_from,
    (select min(entry_date) from shared_money_entries where entry_source = 'receipt') as receipts_from,
    (select min(cast(event_at as date)) from fact_claim_event) as events_from
