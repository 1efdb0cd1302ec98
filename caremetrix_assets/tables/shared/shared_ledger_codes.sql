-- The procedure behind a code of the ledger, which names no code system: drugs stand on medication claims, care on the others.
select
    procedure_code,
    min_by(procedure_key, case code_system when 'SNOMED' then '' else code_system end) as care_key,
    min_by(procedure_key, case code_system when 'RXNORM' then '' else code_system end) as drug_key
from dim_procedure
group by procedure_code
