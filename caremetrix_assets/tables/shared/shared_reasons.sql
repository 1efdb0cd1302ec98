-- One code is one reason, whatever file names it; SNOMED first where two vocabularies share a code.
select reason_code, min_by(reason_key, case code_system when 'SNOMED' then '' else code_system end) as reason_key
from dim_reason
group by reason_code
