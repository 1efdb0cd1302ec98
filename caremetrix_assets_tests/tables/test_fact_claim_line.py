"""fact_claim_line on literal ledgers: which line is which, payers, keys, folding."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
VISIT = "185345009"


def charge(claim: str, ordinal: int, code: str, amount: str | None = "10.00", when: str = "2025-01-05 10:00:00", **more: object) -> Row:
    row = {"claimid": claim, "line_ordinal": ordinal, "type": "CHARGE", "procedurecode": code, "amount": amount, "fromdate": when}
    return {**row, "patientid": "p1", "providerid": "d1", "placeofservice": "o1", "appointmentid": "e1", "transfertype": "1", **more}


def paid(claim: str, ordinal: int, amount: str) -> Row:
    return {**charge(claim, ordinal, VISIT), "type": "PAYMENT", "amount": None, "payments": amount, "transfertype": None}


def claim(name: str, kind: str = "encounter", **more: object) -> Row:
    return {"claim_key": int(name[1:]), "claim_id": name, "encounter_id": "e1", "claim_kind": kind, **more}


def lines(ledger: list[Row], claims: list[Row], newest: str = "2026-12-31", opening: str = "2020-01-01", **given: list[Row]) -> list[Row]:
    return build(
        "fact_claim_line",
        given={"raw_claims_transactions": ledger, "dim_claim": claims, **given},
        dates=[newest],
        opening=opening,
    )


def by_line(rows: list[Row], name: str) -> dict[tuple[str, int], object]:
    return {(r["claim_id"], r["line_number"]): r[name] for r in rows}


def test_lines_are_numbered_by_charge_and_named_by_claim_and_number():
    rows = lines([charge("c1", 4, "430193006"), paid("c1", 2, "10.00"), charge("c1", 1, VISIT), paid("c1", 5, "1.00")], [claim("c1")])
    keys = {n: hashlib.md5(f"claim_line|c1|{n}".encode()).hexdigest() for n in (1, 2)}
    assert by_line(rows, "claim_line_sk") == {("c1", 1): keys[1], ("c1", 2): keys[2]}


def test_kinds_of_lines():
    """The n-th further line of a code is the visit's n-th procedure of it; what is left is a vaccine, a drug claim's line a drug."""
    done = [
        {"start": "2025-01-05 10:10:00", "stop": "2025-01-05 10:20:00", "patient": "p1", "encounter": "e1", "code": "430193006"},
        {"start": "2025-01-05 10:30:00", "stop": "2025-01-05 10:40:00", "patient": "p1", "encounter": "e1", "code": "430193006"},
        {"start": "2025-01-05 10:30:00", "stop": "2025-01-05 10:40:00", "patient": "p1", "encounter": "e1", "code": VISIT},
        {"start": "2025-01-05 10:30:00", "stop": "2025-01-05 10:40:00", "patient": "p1", "encounter": "e2", "code": "140"},
    ]
    rows = lines(
        [
            charge("c1", 1, VISIT),
            charge("c1", 2, "430193006"),
            charge("c1", 3, "140"),
            charge("c1", 4, "430193006"),
            charge("c1", 5, "430193006"),
            charge("c1", 6, VISIT),
            charge("c2", 1, "310965"),
        ],
        [claim("c1"), claim("c2", "medication")],
        raw_procedures=done,
    )
    assert by_line(rows, "line_kind") == {
        ("c1", 1): "visit",
        ("c1", 2): "procedure",
        ("c1", 3): "immunization",
        ("c1", 4): "procedure",
        ("c1", 5): "immunization",  # a third line of a code with two procedures
        ("c1", 6): "procedure",  # line 1 is the visit itself and asks for no procedure
        ("c2", 1): "medication",
    }
    assert by_line(rows, "claim_kind")["c2", 1] == "medication"


def test_a_code_of_two_vocabularies_is_a_drug_only_on_a_drug_claim():
    rows = lines(
        [charge("c1", 1, VISIT), charge("c1", 2, "310965"), charge("c1", 3, "08"), charge("c1", 4, "777"), charge("c2", 1, "310965")],
        [claim("c1"), claim("c2", "medication")],
        dim_procedure=[
            {"procedure_key": 1, "code_system": "SNOMED", "procedure_code": VISIT},
            {"procedure_key": 2, "code_system": "SNOMED", "procedure_code": "310965"},
            {"procedure_key": 3, "code_system": "RXNORM", "procedure_code": "310965"},
            {"procedure_key": 4, "code_system": "CVX", "procedure_code": "08"},
        ],
    )
    expected = {("c1", 1): 1, ("c1", 2): 2, ("c1", 3): 4, ("c1", 4): -1, ("c2", 1): 3}
    assert by_line(rows, "procedure_key") == expected


def test_payers():
    """The claim's insurer; without one the visit's payer, never SELF_PAY; -1 when that is missing too. No second insurer is -2."""
    rows = lines(
        [
            charge("c1", 1, VISIT),
            charge("c2", 1, VISIT, transfertype="p", appointmentid="e2"),
            charge("c3", 1, VISIT, appointmentid="e3"),
            charge("c4", 1, VISIT, appointmentid="e4"),
            charge("c5", 1, VISIT, transfertype="p"),
        ],
        [
            claim("c1", primary_payer_id="y1", secondary_payer_id="y2"),
            claim("c2"),
            claim("c3"),
            claim("c4", primary_payer_id="y8", secondary_payer_id="y9"),
            claim("c5", primary_payer_id="y1"),
        ],
        dim_encounter=[
            {"encounter_key": 1, "encounter_id": "e1", "payer_id": "y2"},
            {"encounter_key": 2, "encounter_id": "e2", "payer_id": "y0"},
            {"encounter_key": 3, "encounter_id": "e3", "payer_id": None},
            {"encounter_key": 4, "encounter_id": "e4", "payer_id": "y1"},
        ],
        dim_payer=[{"payer_key": 50 + n, "payer_id": f"y{n}", **ALWAYS} for n in (0, 1, 2)]
        + [{"payer_key": 99, "payer_id": "SELF_PAY", **ALWAYS}],
    )
    found = {r["claim_id"]: (r["primary_payer_key"], r["secondary_payer_key"], r["is_billed_to_insurance"]) for r in rows}
    assert found == {
        "c1": (51, 52, True),
        "c2": (50, -2, False),
        "c3": (-1, -2, False),
        "c4": (-1, -1, True),
        "c5": (51, -2, False),  # has an insurer, but the line goes to the patient
    }


def test_a_line_served_later_keeps_the_visits_type_and_coverage_but_has_its_own_day():
    rows = lines(
        [charge("c1", 1, VISIT), charge("c1", 2, "430193006", when="2025-07-01 23:30:00", amount="5.25", units=1, unitamount="5.25")],
        [claim("c1")],
        fact_appointment=[{"encounter_id": "e1", "patient_type": "new", "insurance_key": 8, "partition_date": "2025-01-05"}],
        dim_patient=[
            {"patient_key": 1, "patient_id": "p1", "valid_from": "1900-01-01", "valid_to": "2025-07-01"},
            {"patient_key": 2, "patient_id": "p1", "valid_from": "2025-07-01", "valid_to": "9999-12-31"},
        ],
        dim_provider=[{"provider_key": 3, "provider_id": "d1", **ALWAYS}],
        dim_organization=[{"organization_key": 4, "organization_id": "o1", **ALWAYS}],
        dim_location=[{"location_key": 5, "location_id": "o1"}],
        dim_encounter=[{"encounter_key": 6, "encounter_id": "e1"}],
    )
    names = ("patient_key", "provider_key", "organization_key", "location_key", "encounter_key", "claim_key", "source_key", "insurance_key")
    assert [[r[n] for n in names] for r in rows if r["line_number"] == 1] == [[1, 3, 4, 5, 6, 1, -1, 8]]
    late = next(r for r in rows if r["line_number"] == 2)
    assert [late[n] for n in names] == [2, 3, 4, 5, 6, 1, -1, 8]
    assert (late["patient_type"], late["service_date"], late["date_key"]) == ("new", date(2025, 7, 1), 20250701)
    assert (late["service_at"], late["partition_date"]) == (datetime(2025, 7, 1, 23, 30), date(2025, 7, 1))
    assert (late["units"], late["unit_amount"], late["charge_amount"]) == (1, Decimal("5.25"), Decimal("5.25"))


def test_nothing_known_beside_the_ledger_loses_no_row():
    row = lines([charge("c1", 1, VISIT, amount=None)], [])[0]
    keys = {n: v for n, v in row.items() if n.endswith("_key") and n != "date_key"}
    assert set(keys.values()) == {-1, -2} and keys["secondary_payer_key"] == -2
    assert (row["charge_amount"], row["patient_type"]) == (Decimal("0.00"), "prospect")


def test_lines_of_one_claim_stand_on_their_own_days():
    rows = lines(
        [
            charge("c1", 1, VISIT, when="2024-12-30 10:00:00"),
            charge("c1", 2, "1", when="2025-01-02 10:00:00"),
            charge("c1", 3, "2", when="2025-01-03 00:00:00"),
        ],
        [claim("c1")],
        newest="2025-01-02",
        opening="2025-01-01",
    )
    assert by_line(rows, "partition_date") == {("c1", 1): date(2025, 1, 1), ("c1", 2): date(2025, 1, 2)}
