-- One item per active patient and measure it belongs to, on each day to build.
with newest as (
    select
        partition_date, patient_id, max(case when code_list = 'wellness' then event_date end) as wellness,
        max(case when code_list = 'blood_pressure' then event_date end) as pressure,
        max(case when code_list = 'blood_pressure' then value end) as systolic,
        max(case when code_list = 'blood_pressure' then second_value end) as diastolic,
        max(case when code_list = 'hba1c' then event_date end) as hba1c,
        max(case when code_list = 'hba1c' then value end) as hba1c_value, max(case when code_list = 'egfr' then event_date end) as egfr,
        max(case when code_list = 'albumin_creatinine_ratio' then event_date end) as uacr,
        max(case when code_list = 'statin' then event_date end) as statin,
        max(case when code_list = 'influenza_vaccine' then event_date end) as vaccine,
        max(case when code_list = 'dental_consultation' then event_date end) as dental,
        max(case when code_list = 'depression_screening' then event_date end) as depression,
        max(case when code_list = 'dialysis' then event_date end) as dialysis,
        max(case when code_list = 'colonoscopy' then event_date end) as colonoscopy,
        max(case when code_list in ('stool_blood_test', 'stool_blood_result') then event_date end) as stool_test
    from latest
    group by partition_date, patient_id
),

-- Dates outside the 12 months do not count; a colonoscopy counts for ten years.
facts as (
    select
        p.*, add_months(p.partition_date, -12) as before_window, c.has_hypertension, c.has_diabetes, c.had_heart_disease,
        coalesce(c.has_renal_disease, false) as has_renal_disease, coalesce(c.is_pregnant, false) as is_pregnant,
        coalesce(c.had_colon_cancer, false) as had_colon_cancer, n.wellness, n.pressure, n.systolic, n.diastolic, n.hba1c, n.hba1c_value,
        case
            when n.egfr <= add_months(p.partition_date, -12) or n.uacr <= add_months(p.partition_date, -12) then null
            when n.egfr > n.uacr then n.egfr
            when n.egfr is not null then n.uacr
        end as kidney, n.statin, n.vaccine, n.dental, n.depression, n.dialysis, n.stool_test,
        case when n.colonoscopy > add_months(p.partition_date, -120) then n.colonoscopy end as colonoscopy
    from people as p
    left join newest as n on n.partition_date = p.partition_date and n.patient_id = p.patient_id
    left join conditions as c on c.partition_date = p.partition_date and c.patient_id = p.patient_id
),

measured as (
    select
        f.*, m.measure_id, case m.measure_id
            when 'wellness_visit_12m' then f.wellness when 'bp_control_hypertension' then f.pressure
            when 'hba1c_tested_diabetes' then f.hba1c when 'hba1c_poor_control_diabetes' then f.hba1c
            when 'kidney_check_diabetes' then f.kidney
            when 'statin_ischemic_heart' then f.statin when 'influenza_vaccine_12m' then f.vaccine when 'dental_visit_12m' then f.dental
            when 'depression_screening_12m' then f.depression
        end as done_date
    from facts as f
    inner join dim_quality_measure as m
        on m.measure_basis = 'patient'
        and case m.measure_id
            when 'bp_control_hypertension' then f.age >= 18 and f.has_hypertension
            when 'hba1c_tested_diabetes' then f.age between 18 and 75 and f.has_diabetes
            when 'hba1c_poor_control_diabetes' then f.age between 18 and 75 and f.has_diabetes
            when 'kidney_check_diabetes' then f.age between 18 and 75 and f.has_diabetes
            when 'statin_ischemic_heart' then f.age >= 21 and f.had_heart_disease
            when 'influenza_vaccine_12m' then f.is_half_a_year
            when 'dental_visit_12m' then f.age >= 2
            when 'depression_screening_12m' then f.age >= 12
            when 'colorectal_screening' then f.age between 45 and 75
            else true
        end
),

judged as (
    select
        *, case when done_date > before_window then done_date end as in_window,
        case measure_id
            when 'bp_control_hypertension'
                then has_renal_disease or is_pregnant or coalesce(dialysis > before_window, false)
            when 'kidney_check_diabetes' then has_renal_disease
            when 'colorectal_screening' then had_colon_cancer
            else false
        end as is_excluded,
        case
            when colonoscopy is null or stool_test > before_window and stool_test > colonoscopy
                then case when stool_test > before_window then stool_test end
            else colonoscopy
        end as screened, no_birth_date or no_gender or no_race or no_ethnicity or no_city or no_state or no_zip
        or no_marital_status as has_gap
    from measured
),

decided as (
    select
        *, not is_excluded and case measure_id
            when 'bp_control_hypertension' then coalesce(in_window is not null and systolic < 140 and diastolic < 90, false)
            when 'hba1c_poor_control_diabetes' then in_window is null or hba1c_value > 9
            when 'colorectal_screening' then screened is not null
            when 'patient_record_complete' then not has_gap
            else in_window is not null
        end as is_met, measure_id = 'patient_record_complete' as is_record
    from judged
)

select
    partition_date, patient_id, measure_id, location_key, provider_key, patient_type, source_key, is_simulated, is_excluded, is_met,
    case
        when not is_met or is_record then null when measure_id = 'colorectal_screening' then screened else in_window
    end as evidence_date,
    case
        when in_window is null then null when measure_id = 'bp_control_hypertension' then systolic
        when measure_id in ('hba1c_tested_diabetes', 'hba1c_poor_control_diabetes') then hba1c_value
    end as evidence_value,
    case when is_record then case when coalesce(age, 18) >= 18 then 8 else 7 end end as required,
    is_record and no_birth_date as gap_1, is_record and no_city as gap_2, is_record and no_ethnicity as gap_3,
    is_record and no_gender as gap_4, is_record and no_marital_status as gap_5, is_record and no_race as gap_6,
    is_record and no_state as gap_7, is_record and no_zip as gap_8
from decided
