-- The day of a patient's newest payment, between two days on which it may change, [valid_from, valid_to).
with days as (
    select l.patient_id, e.entry_date, e.undone_date, max(case when e.is_simulated then 1 else 0 end) as simulated
    from shared_money_entries as e
    inner join shared_money_lines as l on l.claim_line_sk = e.claim_line_sk
    where e.entry_type = 'payment' and e.party = 'patient' and not e.is_undoing
    group by l.patient_id, e.entry_date, e.undone_date
)

select
    patient_id, entry_date, entry_date as valid_from,
    coalesce(lead(entry_date) over (partition by patient_id order by entry_date), date '9999-12-31') as valid_to, simulated
from days
where undone_date is null
union all
select patient_id, entry_date, entry_date, undone_date, simulated from days where undone_date is not null
