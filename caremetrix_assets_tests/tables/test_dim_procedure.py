"""dim_procedure on literal rows: code systems, texts, categories, the standard fee, typical times, thirds."""

from decimal import Decimal
from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def procedure(number: int = 1, code: str = "430193006", start: str = "2024-06-01 10:00:00", stop: str | None = None, **more: object) -> Row:
    text = {"description": "Medication Reconciliation (procedure)", "system": "SNOMED-CT"}
    return {"patient": f"p{number}", "encounter": f"e{number}", "code": code, "start": start, "stop": stop, **text, **more}


def charge(number: int, code: str, notes: str, **more: object) -> Row:
    return {"claimid": f"c{number}", "line_ordinal": 1, "type": "CHARGE", "procedurecode": code, "notes": notes, **more}


def codes(dates: list[str] | None = None, **given: list[Row]) -> list[Row]:
    built = build("dim_procedure", given={f"raw_{name}": rows for name, rows in given.items()}, dates=dates or ["2025-01-31"])
    return [r for r in built if r["procedure_key"] > 0]


def test_ledger_codes_take_the_system_of_the_file_they_stand_in():
    rows = codes(
        procedures=[procedure()],
        encounters=[{"id": "e1", "code": "185349003"}],
        immunizations=[{"code": "08", "patient": "p1", "encounter": "e1", "date": "2024-06-01 10:00:00"}],
        medications=[{"code": "834061", "patient": "p1", "encounter": "e1", "start": "2024-06-01 10:00:00"}],
        claims_transactions=[
            charge(1, "185349003", "Encounter for check up (procedure)"),
            charge(2, "430193006", "Medication Reconciliation (procedure)"),
            charge(3, "08", "Hep B  adolescent or pediatric"),
            charge(4, "834061", "Penicillin V Potassium 250 MG Oral Tablet"),
            charge(5, "999", "Something else"),
            charge(6, "12", "Paid", type="PAYMENT"),
        ],
    )
    assert {(r["code_system"], r["procedure_code"]): (r["procedure_category"], r["semantic_tag"]) for r in rows} == {
        ("SNOMED", "185349003"): ("evaluation", "procedure"),
        ("SNOMED", "430193006"): ("evaluation", "procedure"),
        ("CVX", "08"): ("immunization", None),
        ("RXNORM", "834061"): ("medication", None),
        ("OTHER", "999"): ("other", None),
    }
    assert {r["procedure_key"] for r in rows if r["procedure_code"] == "08"} == {stable_key("procedure", "CVX", "08")}


def test_code_systems_by_the_system_column():
    systems = {"1": "http://snomed.info/sct", "2": None, "D1110": "http://www.ada.org/cdt", "4": "ICD10", "5": "LOCAL"}
    rows = codes(procedures=[procedure(i, c, system=s) for i, (c, s) in enumerate(systems.items())])
    assert {r["procedure_code"]: r["code_system"] for r in rows} == {
        "1": "SNOMED",
        "2": "SNOMED",
        "D1110": "CDT",
        "4": "OTHER",
        "5": "OTHER",
    }


@pytest.mark.parametrize(
    ("code", "text", "category", "is_dental", "is_hygiene"),
    [
        ("1260009003", "Removal of supragingival plaque and calculus (procedure)", "preventive", True, True),
        ("1260010008", "Removal of subgingival plaque and calculus (procedure)", "preventive", True, True),
        ("68071007", "Dental fluoride treatment (procedure)", "preventive", True, True),
        ("34043003", "Dental consultation and report (procedure)", "evaluation", True, False),
        ("274788003", "Examination of gingivae (procedure)", "diagnostic", True, False),
        ("241046008", "Dental X-ray bitewing (procedure)", "imaging", True, False),
        ("81733005", "Dental surgical procedure (procedure)", "oral_surgery", True, False),
        ("64544008", "Gingivectomy or gingivoplasty  per tooth (procedure)", "periodontic", True, False),
        ("1256042007", "Restoration of tooth with coverage of all cusps (procedure)", "restorative", True, False),
        ("1269321004", "Fitting of denture (procedure)", "prosthodontic", True, False),
        ("243092004", "Education about orthodontic appliance (procedure)", "orthodontic", True, False),
        ("103697008", "Patient referral for dental care (procedure)", "evaluation", False, False),
        ("1", "Root canal therapy (procedure)", "endodontic", True, False),
        ("1", "Insertion of dental implant (procedure)", "implant", True, False),
        ("399208008", "Plain chest X-ray (procedure)", "imaging", False, False),
        ("104326007", "Measurement of Varicella-zoster virus antibody", "laboratory", False, False),
        ("171207006", "Depression screening (procedure)", "preventive", False, False),
        ("90470006", "Prostatectomy", "surgery", False, False),
        ("91251008", "Physical therapy procedure (regime/therapy)", "therapy", False, False),
        ("76601001", "Intramuscular injection", "medication", False, False),
        ("29303009", "Electrocardiographic procedure", "diagnostic", False, False),
        ("308646001", "Death Certification", "other", False, False),
    ],
)
def test_categories(code: str, text: str, category: str, is_dental: bool, is_hygiene: bool):
    row = codes(procedures=[procedure(code=code, description=text)])[0]
    assert (row["procedure_category"], row["is_dental"], row["is_hygiene"]) == (category, is_dental, is_hygiene)


def test_text_is_the_most_frequent_over_both_files_and_all_texts_are_counted():
    given = {
        "procedures": [procedure(1, description="Reconciliation"), procedure(2), procedure(3, description="Reconciliation")],
        "claims_transactions": [charge(1, "430193006", "Medication Reconciliation (procedure)"), charge(2, "430193006", "Meds")],
    }
    # 2 rows each and one drop: the alphabet decides; then 3 to 2; then 3 each and the later drop decides
    long, short = "Medication Reconciliation (procedure)", "Reconciliation"
    given["claims_transactions"] += [
        charge(3, "430193006", long, partition_date="2025-01-10", drop_id="d2"),
        charge(4, "430193006", short, partition_date="2025-01-20", drop_id="d3"),
    ]
    rows = codes(["2025-01-09", "2025-01-10", "2025-01-20"], **given)
    assert [(r["description"], r["description_variants"]) for r in rows] == [
        ("Medication Reconciliation", 3),
        ("Medication Reconciliation", 3),
        ("Reconciliation", 3),
    ]


def test_a_planned_code_is_a_member_and_takes_the_text_of_the_other_files():
    plan = {"procedure_system": "CDT", "procedure_code": "D1110", "presented_at": "2024-06-01 10:00:00"}
    given = {
        "treatment_plan_items": [
            {**plan, "plan_item_id": "i1"},
            {**plan, "plan_item_id": "i2", "procedure_system": "http://snomed.info/sct", "procedure_code": "430193006"},
            {**plan, "plan_item_id": "i3", "procedure_code": "D2330", "change_type": "delete"},
            {**plan, "plan_item_id": "i4", "procedure_code": "D2391", "partition_date": "2025-01-20"},
        ],
        "procedures": [procedure()],
        "claims_transactions": [charge(1, "D2391", "Resin, one surface", partition_date="2025-01-20")],
    }
    rows = codes(["2025-01-19", "2025-01-20"], **given)
    assert [
        (r["partition_date"].day, r["code_system"], r["procedure_code"], r["description"], r["description_variants"])
        for r in sorted(rows, key=lambda r: (r["partition_date"], r["procedure_code"]))
    ] == [
        (19, "SNOMED", "430193006", "Medication Reconciliation", 1),
        (19, "CDT", "D1110", "D1110", 0),
        (20, "SNOMED", "430193006", "Medication Reconciliation", 1),
        (20, "CDT", "D1110", "D1110", 0),
        (20, "CDT", "D2391", "Resin, one surface", 1),
    ]
    first = next(r for r in rows if r["procedure_code"] == "D1110")
    assert (first["procedure_category"], first["is_hygiene"], first["standard_fee_amount"]) == ("preventive", True, None)


def test_a_rewritten_claim_counts_once_and_its_old_code_stays_a_member():
    rows = codes(
        ["2025-01-09", "2025-01-10"],
        encounters=[{"id": "e1", "code": "1"}, {"id": "e2", "code": "2"}],
        claims_transactions=[
            charge(1, "1", "One"),
            charge(2, "2", "Two"),
            charge(2, "2", "Zwei", partition_date="2025-01-10", change_type="update"),
            charge(1, "2", "Zwei", partition_date="2025-01-10", change_type="update"),
        ],
    )
    assert [
        (r["partition_date"].day, r["procedure_code"], r["description"], r["description_variants"])
        for r in sorted(rows, key=lambda r: (r["partition_date"], r["procedure_code"]))
    ] == [(9, "1", "One", 1), (9, "2", "Two", 1), (10, "1", "One", 1), (10, "2", "Zwei", 2)]


def costs(*amounts: str, year: int, code: str = "430193006") -> list[Row]:
    return [procedure(i, code, f"{year}-03-01 10:00:00", base_cost=a) for i, a in enumerate(amounts, 100 * year)]


def test_standard_fee_is_the_median_by_rank_of_the_year_before():
    rows = costs("5.00", "1.00", "4.00", "2.00", "3.00", "9.00", year=2024) + costs("0.10", "0.10", "0.10", year=2023)
    rows += costs("50.00", "50.00", "50.00", year=2025)
    assert codes(["2025-12-31"], procedures=rows)[0]["standard_fee_amount"] == Decimal("3.00")


def test_standard_fee_with_fewer_than_five_rows_takes_all_years_before():
    rows = costs("1.00", "2.00", "3.00", "4.00", year=2024) + costs("90.00", "91.00", "92.00", "93.00", "94.00", year=2022)
    assert codes(procedures=rows)[0]["standard_fee_amount"] == Decimal("90.00")
    assert codes(procedures=costs("50.00", year=2025))[0]["standard_fee_amount"] is None


def test_standard_fee_moves_on_new_year_and_knows_only_the_drops_up_to_the_day():
    rows = costs("1.00", "1.00", "1.00", "1.00", "1.00", year=2024)
    rows += [{**r, "partition_date": "2025-06-01"} for r in costs("7.00", "7.00", "7.00", "7.00", "7.00", year=2025)]
    built = codes(["2025-12-31", "2026-01-01"], procedures=rows)
    assert [r["standard_fee_amount"] for r in built] == [Decimal("1.00"), Decimal("7.00")]
    late = [{**r, "partition_date": "2025-02-01"} for r in rows[:1]]
    assert [r["standard_fee_amount"] for r in codes(["2025-02-01"], procedures=late)] == [Decimal("1.00")]


def test_typical_minutes_are_discrete_percentiles_of_rows_started_up_to_the_day():
    minutes = [10, 20, 30, 40]
    rows = [procedure(i, stop=f"2024-06-01 10:{m}:00") for i, m in enumerate(minutes)]
    rows.append(procedure(9, start="2025-01-20 10:00:00", stop="2025-01-20 10:45:00"))
    rows.append(procedure(10))
    built = codes(["2025-01-19", "2025-01-20"], procedures=rows)
    # of 10 20 30 40, then of 10 20 30 40 45; without a stop there is no time
    assert [(r["typical_minutes_p50"], r["typical_minutes_p75"]) for r in built] == [(20.0, 30.0), (30.0, 40.0)]
    seconds = procedure(1, stop="2024-06-01 10:01:30")
    assert codes(procedures=[seconds])[0]["typical_minutes_p50"] == 1.5


def test_thirds_leave_out_codes_without_a_value_and_ties_share_theirs():
    minutes = {"1": 10, "2": 10, "3": 20, "4": 30, "5": 40}
    rows = [procedure(i, c, stop=f"2024-06-01 10:{m}:00", base_cost=str(m)) for i, (c, m) in enumerate(minutes.items())]
    built = codes(procedures=[*rows, procedure(9, "6", start="2025-01-01 10:00:00")])
    # smaller values before it: 0 0 2 3 4 of 5 codes
    expected = {"1": "low", "2": "low", "3": "medium", "4": "medium", "5": "high", "6": None}
    assert {r["procedure_code"]: r["complexity"] for r in built} == expected
    assert {r["procedure_code"]: r["revenue_tier"] for r in built} == expected


def test_reserved_members():
    rows = build("dim_procedure")
    assert [(r["procedure_key"], r["procedure_category"], r["complexity"], r["is_dental"], r["standard_fee_amount"]) for r in rows] == [
        (-3, "All", "All", None, None),
        (-2, "Not applicable", "Not applicable", None, None),
        (-1, "Unknown", "Unknown", None, None),
    ]


def test_missing_extra_textless_and_unmapped_members_are_found(tmp_path: Path):
    catalog = load_catalog()
    files = [catalog.table(f"raw_{name}") for name in ("procedures", "claims_transactions", "treatment_plan_items")]
    checks = ("dimension_complete", "code_known", "unmapped_share")

    def checked(*members: Row) -> dict[str, tuple[str, str]]:
        lab = Lab(tmp_path, catalog.table("dim_procedure"), *files)
        lab.relation("raw_procedures", files[0], [{"code": "1", "change_type": "insert"}])
        ledger = {"claimid": "c", "change_type": "insert"}
        charges = [{**ledger, "procedurecode": "2", "type": "CHARGE"}, {**ledger, "procedurecode": "3", "type": "PAYMENT"}]
        lab.relation("raw_claims_transactions", files[1], charges)
        lab.relation("raw_treatment_plan_items", files[2], [{"procedure_code": "4", "change_type": "insert"}])
        full = [{"procedure_key": i, "description": "x", "procedure_category": "surgery", **m} for i, m in enumerate(members, 1)]
        results = lab.stage(full).run()
        return {n: (results.of(n).status, results.of(n).sample_keys or "") for n in checks}

    one, two, four = ({"procedure_code": code} for code in "124")
    assert checked(one, two, four) == dict.fromkeys(checks, ("passed", ""))
    assert checked(one, four)["dimension_complete"] == ("failed", "2")
    assert checked(one, two)["dimension_complete"] == ("failed", "4")
    assert checked(one, two, four, {"procedure_code": "3"})["dimension_complete"] == ("failed", "3")
    assert checked(one, {**two, "description": None})["code_known"] == ("failed", "2")
    assert checked(one, {**two, "procedure_category": "other"})["unmapped_share"] == ("warned", "2")
