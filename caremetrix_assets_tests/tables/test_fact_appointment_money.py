"""fact_appointment on literal visits and ledgers: totals, charges, and what an appointment of a type usually brings."""

from decimal import Decimal

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.test_fact_appointment import appointments, column, visit


def test_money_of_the_visit():
    """Total and coverage are the visit's; charge_amount adds up all its claims, drugs and later services included."""
    rows = appointments(
        [
            visit("a", "2025-01-01 09:00:00", total_claim_cost="130.00", payer_coverage="60.00"),
            visit("b", "2025-01-02 09:00:00", total_claim_cost="20.00", payer_coverage="0.00"),
        ],
        raw_claims_transactions=[
            {"claimid": "c1", "line_ordinal": 1, "type": "CHARGE", "amount": "80.00", "fromdate": "2025-01-01 09:00:00"},
            {"claimid": "c1", "line_ordinal": 2, "type": "PAYMENT", "payments": "80.00", "fromdate": "2025-01-01 09:00:00"},
            {"claimid": "c1", "line_ordinal": 3, "type": "CHARGE", "amount": "20.00", "fromdate": "2025-03-01 09:00:00"},
            {"claimid": "c2", "line_ordinal": 1, "type": "CHARGE", "amount": "5.55", "fromdate": "2025-01-01 09:00:00"},
        ],
        dim_claim=[
            {"claim_id": "c1", "encounter_id": "a", "claim_kind": "encounter"},
            {"claim_id": "c2", "encounter_id": "a", "claim_kind": "medication"},
        ],
    )
    money = ("billed_amount", "payer_coverage_amount", "charge_amount")
    assert [rows["a"][n] for n in money] == [Decimal("130.00"), Decimal("60.00"), Decimal("105.55")]
    assert [rows["b"][n] for n in money] == [Decimal("20.00"), Decimal("0.00"), None]


def test_estimated_production_is_the_discrete_median_of_the_90_days_before():
    """Encounter-claim charges of the day, same type, dated 1 to 90 days before; drugs and later lines do not count."""

    def charge(claim: str, amount: str, when: str) -> Row:
        return {"claimid": claim, "line_ordinal": 1, "type": "CHARGE", "amount": amount, "fromdate": f"{when} 09:00:00"}

    days = {"v1": "2025-01-01", "v2": "2025-01-11", "v3": "2025-01-21", "v4": "2025-01-31", "v5": "2025-04-01", "well": "2025-04-02"}
    visits = [visit(n, f"{d} 09:00:00", patient=n, kind="wellness" if n == "well" else "ambulatory") for n, d in days.items()]
    visits.append(visit("death", "2025-01-02 09:00:00", patient="v1", code="308646001"))
    claims = [{"claim_id": f"c-{v['id']}", "encounter_id": v["id"], "claim_kind": "encounter"} for v in visits]
    claims.append({"claim_id": "drug", "encounter_id": "v1", "claim_kind": "medication"})
    rows = appointments(
        visits,
        raw_claims_transactions=[
            charge("c-v1", "10.00", "2025-01-01"),
            charge("drug", "7.00", "2025-01-01"),
            charge("c-v2", "40.00", "2025-01-11"),
            charge("c-v3", "20.00", "2025-01-21"),
            {**charge("c-v3", "500.00", "2025-02-21"), "line_ordinal": 2},
            charge("c-v4", "30.00", "2025-01-31"),
            charge("c-death", "1.00", "2025-01-02"),
        ],
        dim_claim=claims,
    )
    expected = {
        "v1": None,  # nothing before
        "death": Decimal("10.00"),
        "v2": Decimal("10.00"),
        "v3": Decimal("10.00"),  # of 10, 40: the smallest with half of the rows
        "v4": Decimal("20.00"),  # of 10, 20, 40
        "v5": Decimal("20.00"),  # v1 is 90 days before: 10, 20, 30, 40
        "well": None,  # no wellness visit before
    }
    assert column(rows, "estimated_production_amount") == expected


def estimate_of(days: dict[str, str]) -> Decimal | None:
    """The estimate of 2025-04-02 after one visit on each of the days with the charge given."""
    visits = [visit(f"v{i}", f"{day} 09:00:00", patient=f"p{i}") for i, day in enumerate(days)]
    ledger = [
        {"claimid": f"v{i}", "line_ordinal": 1, "type": "CHARGE", "amount": amount, "fromdate": f"{day} 09:00:00"}
        for i, (day, amount) in enumerate(days.items())
    ]
    claims = [{"claim_id": v["id"], "encounter_id": v["id"], "claim_kind": "encounter"} for v in visits]
    rows = appointments([*visits, visit("now", "2025-04-02 09:00:00")], raw_claims_transactions=ledger, dim_claim=claims)
    return rows["now"]["estimated_production_amount"]


def test_the_median_reaches_back_to_day_90_and_not_to_day_91():
    assert estimate_of({"2025-01-02": "10.00"}) == Decimal("10.00")
    assert estimate_of({"2025-01-01": "10.00"}) is None
    assert estimate_of({"2025-01-01": "10.00", "2025-02-01": "40.00"}) == Decimal("40.00")


def test_the_median_leaves_out_the_day_itself():
    assert estimate_of({"2025-04-01": "10.00", "2025-04-02": "5.00"}) == Decimal("10.00")


def test_the_median_of_many_charges():
    """Charges 1.00 to 75.00 on 75 days: the 38th; the days are in no order of the charges."""
    days = {f"2025-{1 + n // 28:02}-{1 + n % 28:02}": f"{1 + (n * 37) % 75}.00" for n in range(6, 81)}
    assert len(set(days.values())) == 75
    assert estimate_of(days) == Decimal("38.00")
