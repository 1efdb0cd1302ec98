"""Synthea headers release by release, and one small row per file that every release can say in its own columns."""

from __future__ import annotations

BASE = {
    "patients": "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,BIRTHPLACE,"
    "ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE",
    "encounters": "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,BASE_ENCOUNTER_COST,"
    "TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION",
    "conditions": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION",
    "allergies": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION",
    "medications": "START,STOP,PATIENT,PAYER,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,PAYER_COVERAGE,DISPENSES,TOTALCOST,REASONCODE,"
    "REASONDESCRIPTION",
    "procedures": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,REASONCODE,REASONDESCRIPTION",
    "observations": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,VALUE,UNITS,TYPE",
    "immunizations": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST",
    "careplans": "Id,START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,REASONCODE,REASONDESCRIPTION",
    "devices": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,UDI",
    "supplies": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,QUANTITY",
    "imaging_studies": "Id,DATE,PATIENT,ENCOUNTER,SERIES_UID,BODYSITE_CODE,BODYSITE_DESCRIPTION,MODALITY_CODE,MODALITY_DESCRIPTION,"
    "INSTANCE_UID,SOP_CODE,SOP_DESCRIPTION,PROCEDURE_CODE",
    "organizations": "Id,NAME,ADDRESS,CITY,STATE,ZIP,LAT,LON,PHONE,REVENUE,UTILIZATION",
    "providers": "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,UTILIZATION",
    "payers": "Id,NAME,ADDRESS,CITY,STATE_HEADQUARTERED,ZIP,PHONE,AMOUNT_COVERED,AMOUNT_UNCOVERED,REVENUE,COVERED_ENCOUNTERS,"
    "UNCOVERED_ENCOUNTERS,COVERED_MEDICATIONS,UNCOVERED_MEDICATIONS,COVERED_PROCEDURES,UNCOVERED_PROCEDURES,COVERED_IMMUNIZATIONS,"
    "UNCOVERED_IMMUNIZATIONS,UNIQUE_CUSTOMERS,QOLS_AVG,MEMBER_MONTHS",
    "payer_transitions": "PATIENT,START_YEAR,END_YEAR,PAYER,OWNERSHIP",
}
CLAIMS = {
    "claims": "Id,PATIENTID,PROVIDERID,PRIMARYPATIENTINSURANCEID,SECONDARYPATIENTINSURANCEID,DEPARTMENTID,PATIENTDEPARTMENTID,DIAGNOSIS1,"
    "DIAGNOSIS2,DIAGNOSIS3,DIAGNOSIS4,DIAGNOSIS5,DIAGNOSIS6,DIAGNOSIS7,DIAGNOSIS8,REFERRINGPROVIDERID,APPOINTMENTID,CURRENTILLNESSDATE,"
    "SERVICEDATE,SUPERVISINGPROVIDERID,STATUS1,STATUS2,STATUSP,OUTSTANDING1,OUTSTANDING2,OUTSTANDINGP,LASTBILLEDDATE1,LASTBILLEDDATE2,"
    "LASTBILLEDDATEP,HEALTHCARECLAIMTYPEID1,HEALTHCARECLAIMTYPEID2",
    "claims_transactions": "ID,CLAIMID,CHARGEID,PATIENTID,TYPE,AMOUNT,METHOD,FROMDATE,TODATE,PLACEOFSERVICE,PROCEDURECODE,MODIFIER1,"
    "MODIFIER2,DIAGNOSISREF1,DIAGNOSISREF2,DIAGNOSISREF3,DIAGNOSISREF4,UNITS,DEPARTMENTID,NOTES,UNITAMOUNT,TRANSFEROUTID,TRANSFERTYPE,"
    "PAYMENTS,ADJUSTMENTS,TRANSFERS,OUTSTANDING,APPOINTMENTID,LINENOTE,PATIENTINSURANCEID,FEESCHEDULEID,PROVIDERID,SUPERVISINGPROVIDERID",
}


def _changed(headers: dict[str, str], **changes: str) -> dict[str, str]:
    """Headers with columns exchanged: ``patients="ZIP>FIPS,ZIP"`` writes ``FIPS,ZIP`` where ``ZIP`` stood."""
    result = dict(headers)
    for file, edits in changes.items():
        for edit in edits.split(" "):
            old, _, new = edit.partition(">")
            columns = result[file].split(",")
            columns[columns.index(old)] = new
            result[file] = ",".join(columns)
    return result


_ALLERGIES_3 = "CODE,SYSTEM,DESCRIPTION,TYPE,CATEGORY,REACTION1,DESCRIPTION1,SEVERITY1,REACTION2,DESCRIPTION2,SEVERITY2"
R27 = BASE
R30 = {
    **_changed(
        BASE,
        procedures="DATE>START,STOP",
        observations="ENCOUNTER>ENCOUNTER,CATEGORY",
        payer_transitions="PATIENT>PATIENT,MEMBERID PAYER>PAYER,SECONDARY_PAYER OWNERSHIP>OWNERSHIP,OWNERNAME",
    ),
    **CLAIMS,
    "allergies": f"START,STOP,PATIENT,ENCOUNTER,{_ALLERGIES_3}",
}
R31 = _changed(R30, patients="HEALTHCARE_COVERAGE>HEALTHCARE_COVERAGE,INCOME")
R32 = _changed(
    R31,
    patients="COUNTY>COUNTY,FIPS",
    providers="UTILIZATION>ENCOUNTERS,PROCEDURES",
    payers="NAME>NAME,OWNERSHIP",
    payer_transitions="START_YEAR>START_DATE END_YEAR>END_DATE OWNERSHIP>PLAN_OWNERSHIP OWNERNAME>OWNER_NAME",
)
R33 = _changed(R32, patients="FIRST>FIRST,MIDDLE", conditions="CODE>SYSTEM,CODE", procedures="CODE>SYSTEM,CODE")
MASTER = _changed(R33, organizations="UTILIZATION>UTILIZATION,NPI", providers="PROCEDURES>PROCEDURES,NPI")
RELEASES = {"2.7": R27, "3.0": R30, "3.1": R31, "3.2": R32, "3.3": R33, "master": MASTER}

_WHEN, _UNTIL = "2025-01-02T10:00:00Z", "2025-01-02T10:15:00Z"
_VISIT = {"PATIENT": "p1", "ENCOUNTER": "e1", "START": _WHEN, "STOP": _UNTIL, "DATE": _WHEN, "CODE": "185349003", "DESCRIPTION": "Check up"}
_DAY = {**_VISIT, "START": "2025-01-02", "STOP": "", "DATE": "2025-01-02"}
_SPAN = {"PATIENT": "p1", "PAYER": "y1", "OWNERSHIP": "Self", "PLAN_OWNERSHIP": "Self", "MEMBERID": "m1"}
_LEDGER = {
    "ID": "t1",
    "CLAIMID": "c1",
    "CHARGEID": "0",
    "PATIENTID": "p1",
    "TYPE": "CHARGE",
    "AMOUNT": "10.00",
    "FROMDATE": _WHEN,
    "TODATE": "1970-01-01T00:00:00Z",
    "PLACEOFSERVICE": "o1",
    "PROCEDURECODE": "185349003",
    "UNITS": "1",
    "UNITAMOUNT": "10.00",
    "APPOINTMENTID": "e1",
    "PROVIDERID": "v1",
}
ROWS: dict[str, list[dict[str, str]]] = {
    "patients": [{"Id": "p1", "BIRTHDATE": "1980-02-29", "FIRST": "Ann", "LAST": "Li", "GENDER": "F", "RACE": "white", "ZIP": "02081"}],
    "encounters": [
        {**_VISIT, "Id": "e1", "ORGANIZATION": "o1", "PROVIDER": "v1", "PAYER": "y1", "ENCOUNTERCLASS": "wellness"}
        | {"BASE_ENCOUNTER_COST": "10.00", "TOTAL_CLAIM_COST": "10.00", "PAYER_COVERAGE": "0.00"}
    ],
    "conditions": [_DAY],
    "allergies": [_DAY],
    "medications": [{**_VISIT, "PAYER": "y1", "BASE_COST": "5.00", "DISPENSES": "2", "TOTALCOST": "10.00", "PAYER_COVERAGE": "0.00"}],
    "procedures": [{**_VISIT, "BASE_COST": "431.40"}],
    "observations": [{**_VISIT, "VALUE": "140.3", "UNITS": "cm", "TYPE": "numeric", "CATEGORY": "vital-signs"}],
    "immunizations": [{**_VISIT, "CODE": "08", "BASE_COST": "136.00"}],
    "careplans": [{**_DAY, "Id": "cp1"}],
    "devices": [{**_VISIT, "UDI": "(01)7"}],
    "supplies": [{**_DAY, "QUANTITY": "1"}],
    "imaging_studies": [{**_VISIT, "Id": "i1", "SERIES_UID": "1.2", "INSTANCE_UID": "1.2.3", "MODALITY_CODE": "DX"}],
    "organizations": [{"Id": "o1", "NAME": "Clinic", "ZIP": "02081", "PHONE": "1 Or 2", "REVENUE": "0.0", "UTILIZATION": "1"}],
    "providers": [{"Id": "v1", "ORGANIZATION": "o1", "NAME": "Dr", "ENCOUNTERS": "1", "PROCEDURES": "0", "UTILIZATION": "1"}],
    "payers": [{"Id": "y1", "NAME": "Medicare", "QOLS_AVG": "0.5", "MEMBER_MONTHS": "12"}],
    "payer_transitions": [{**_SPAN, "START_DATE": "2025-01-01T00:00:00Z", "END_DATE": "2026-01-01T00:00:00Z"}],
    "claims": [{"Id": "c1", "PATIENTID": "p1", "PROVIDERID": "v1", "APPOINTMENTID": "e1", "SERVICEDATE": _WHEN}],
    "claims_transactions": [
        _LEDGER,
        {**_LEDGER, "ID": "t2", "CHARGEID": "1", "TYPE": "PAYMENT", "AMOUNT": "", "UNITAMOUNT": "", "METHOD": "CASH", "PAYMENTS": "10.00"},
    ],
}


def csv_text(header: str, *rows: dict[str, str]) -> str:
    """A CSV with the header as given; a column that a row does not name is empty."""
    return "".join(f"{line}\n" for line in [header, *(",".join(row.get(c, "") for c in header.split(",")) for row in rows)])


def release_files(release: str) -> dict[str, str]:
    """All files of a release, ``patients.csv`` to text, one row each (the ledger two)."""
    years = {"START_YEAR": "2025", "END_YEAR": "2025"} if release == "2.7" else {}
    full = {"START_YEAR": "2025-01-01T00:00:00Z", "END_YEAR": "2026-01-01T00:00:00Z"}
    return {
        f"{file}.csv": csv_text(header, *({**full, **row, **years} for row in ROWS[file])) for file, header in RELEASES[release].items()
    }
