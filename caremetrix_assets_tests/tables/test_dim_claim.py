"""dim_claim on literal claims: which claim is the visit's own, diagnoses, type, partitions."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key

VISIT = {"id": "e1", "code": "185349003", "start": "2025-01-05 10:00:00"}


def claim(name: str, **more: object) -> Row:
    return {"id": name, "appointmentid": "e1", "servicedate": "2025-01-05 10:00:00", **more}


def charge(claim_id: str, ordinal: int, code: str, type: str = "CHARGE") -> Row:
    return {"claimid": claim_id, "line_ordinal": ordinal, "procedurecode": code, "type": type}


def claims(claims: list[Row], ledger: list[Row]) -> dict[str, Row]:
    given = {"raw_claims": claims, "raw_claims_transactions": ledger, "raw_encounters": [VISIT]}
    return {r["claim_id"]: r for r in build("dim_claim", given=given, dates=["2025-01-31"]) if r["claim_key"] > 0}


def test_the_visits_own_claim_is_the_one_whose_first_charge_has_its_code():
    rows = claims(
        [claim("c1"), claim("c2"), claim("c3")],
        [
            charge("c1", 1, "310965"),
            charge("c2", 1, "185349003"),
            charge("c2", 2, "185349003", "PAYMENT"),
            charge("c2", 3, "430193006"),
            charge("c3", 2, "185349003"),
            charge("c3", 1, "430193006"),
        ],
    )
    assert {c: r["claim_kind"] for c, r in rows.items()} == {"c1": "medication", "c2": "encounter", "c3": "medication"}


def test_of_several_the_lowest_claim_id_is_the_visits_own():
    rows = claims([claim("c9"), claim("c10")], [charge("c9", 1, "185349003"), charge("c10", 1, "185349003")])
    assert {c: r["claim_kind"] for c, r in rows.items()} == {"c10": "encounter", "c9": "medication"}


def test_without_a_charge_line_the_kind_is_unknown():
    rows = claims([claim("c1")], [])
    assert rows["c1"]["claim_kind"] is None


def test_header_columns():
    row = claims(
        [
            claim(
                "c1",
                patientid="p1",
                providerid="d1",
                primarypatientinsuranceid="y1",
                healthcareclaimtypeid1="2",
                departmentid="20",
                diagnosis1="314529007",
                diagnosis2="73595000",
                diagnosis4="66383009",
                currentillnessdate="2024-12-31 23:00:00",
                status1="CLOSED",
                statusp="BILLED",
            )
        ],
        [charge("c1", 1, "185349003")],
    )["c1"]
    assert row["claim_key"] == stable_key("claim", "c1")
    assert (row["patient_id"], row["provider_id"], row["encounter_id"], row["department_id"]) == ("p1", "d1", "e1", "20")
    assert (row["primary_payer_id"], row["secondary_payer_id"], row["claim_type"]) == ("y1", None, "institutional")
    assert (row["diagnosis_code_1"], row["diagnosis_code_2"], row["diagnosis_code_3"]) == ("314529007", "73595000", None)
    assert (row["diagnosis_code_4"], row["diagnosis_count"]) == ("66383009", 3)
    assert (row["service_date"], row["current_illness_date"]) == (date(2025, 1, 5), date(2024, 12, 31))
    assert (row["source_status_primary"], row["source_status_patient"]) == ("CLOSED", "BILLED")


def test_partition_is_the_utc_day_of_service():
    rows = claims([claim("c1"), claim("c2", servicedate="2020-05-05 00:00:00"), claim("c3", servicedate="2025-02-01 00:00:00")], [])
    assert {c: r["partition_date"] for c, r in rows.items()} == {"c1": date(2025, 1, 5), "c2": date(2025, 1, 1)}


def test_reserved_members_stand_once_in_the_opening_partition():
    rows = build("dim_claim", dates=["2025-01-30", "2025-01-31"])
    assert [(r["claim_key"], r["claim_kind"], r["diagnosis_count"], r["partition_date"]) for r in rows] == [
        (-3, "All", None, date(2025, 1, 1)),
        (-2, "Not applicable", None, date(2025, 1, 1)),
        (-1, "Unknown", None, date(2025, 1, 1)),
    ]
