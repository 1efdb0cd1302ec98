-- Everyone born and alive on each day to build, with the attributes of the day.
select
    r.partition_date, p.patient_id, coalesce(p.gender, 'Unknown') as gender, coalesce(p.race, 'Unknown') as race,
    coalesce(p.ethnicity, 'Unknown') as ethnicity, coalesce(p.county, 'Unknown') as county,
    coalesce(age_band(age_years(p.birth_date, r.partition_date)), 'Unknown') as age_band
from run_dates as r
inner join dim_patient as p on p.valid_from <= r.partition_date and r.partition_date < p.valid_to
where
    p.patient_key not in (-1, -2, -3) and (p.death_date is null or p.death_date > r.partition_date)
    and (p.birth_date is null or p.birth_date <= r.partition_date)
