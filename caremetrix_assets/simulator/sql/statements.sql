-- One statement per patient, billing day and stage; collections go by letter.
create table feed_statements as
select
    id_of('statement', patient_id || '|' || sent_day || '|' || stage) as statement_id,
    patient_id,
    sent_day as sent_date,
    cast(sent_day + money_statement_due() as date) as due_date,
    cents(sum(open_amount)) as amount_due,
    case when stage = 4 then 'letter' else money_statement_channels(u(patient_id, 'statement channel')) end as channel,
    case stage when 1 then 'first' when 2 then 'reminder' when 3 then 'final' else 'collections' end as statement_type
from line_statement
where sent_day <= end_date()
group by patient_id, sent_day, stage;
