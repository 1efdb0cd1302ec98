"""dim_medication on literal orders: texts and what they say, opioids, the median price."""

from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key
from caremetrix_assets_tests.tables.checked import offenders

PLAIN = "Simvastatin 10 MG Oral Tablet"


def order(number: int = 1, code: str = "314231", description: str | None = PLAIN, **more: object) -> Row:
    start = {"patient": f"p{number}", "encounter": f"e{number}", "start": "2024-06-01 10:00:00"}
    return {**start, "code": code, "description": description, **more}


def drugs(orders: list[Row], dates: list[str] | None = None) -> list[Row]:
    built = build("dim_medication", given={"raw_medications": orders}, dates=dates or ["2025-01-31"])
    return [r for r in built if r["medication_key"] > 0]


@pytest.mark.parametrize(
    ("text", "ingredient", "strength", "dose_form"),
    [
        (PLAIN, "simvastatin", "10 MG", "Oral Tablet"),
        ("Acetaminophen 325 MG Oral Tablet [Tylenol]", "acetaminophen", "325 MG", "Oral Tablet"),
        ("Acetaminophen 300 MG / HYDROcodone 5 MG Oral Tablet", "acetaminophen / hydrocodone", "300 MG / 5 MG", "Oral Tablet"),
        (
            "a 1 MG / b 2 MG / c 3 MG / d 4 MG / e 5 MG / f 6 MG Gel",
            "a / b / c / d / e / f",
            "1 MG / 2 MG / 3 MG / 4 MG / 5 MG / 6 MG",
            "Gel",
        ),
        ("a 1 MG / b 2 MG / c 3 MG / d 4 MG / e 5 MG / f 6 MG / g 7 MG Gel", None, None, None),
        ("1 ML Epoetin Alfa 4000 UNT/ML Injection [Epogen]", "epoetin alfa", "4000 UNT/ML", "Injection"),
        ("NDA020503 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", "albuterol", "0.09 MG/ACTUAT", "Metered Dose Inhaler"),
        ("Abuse-Deterrent 12 HR Oxycodone 15 MG Extended Release Oral Tablet", "oxycodone", "15 MG", "Extended Release Oral Tablet"),
        ("insulin isophane  human 70 UNT/ML Injectable Suspension", "insulin isophane human", "70 UNT/ML", "Injectable Suspension"),
        ("Vitamin B12 5 MG/ML Injectable Solution", "vitamin b12", "5 MG/ML", "Injectable Solution"),
        ("Doxycycline 100 MG Extended Release 24 HR Oral Tablet", "doxycycline", "100 MG", "Extended Release 24 HR Oral Tablet"),
        ("Mirena 52 MG Intrauterine System", None, None, None),
        ("Trinessa 28 Day Pack", None, None, None),
        ("Mestranol / Norethynodrel", None, None, None),
        ("NuvaRing 0.12/0.015 MG per 24HR 21 Day Vaginal System", None, None, None),
        ("bivalirudin 50 ML; 5 MG/ML Injection", None, None, None),
        ("{21 (Norethindrone 1 MG Oral Tablet) / 7 (Inert Oral Tablet) } Pack", None, None, None),
    ],
)
def test_ingredient_strength_and_form_are_read_from_the_text(text: str, ingredient: str, strength: str, dose_form: str):
    row = drugs([order(description=text)])[0]
    assert (row["ingredient"], row["strength"], row["dose_form"]) == (ingredient, strength, dose_form)
    assert row["description"] == text


@pytest.mark.parametrize(
    ("text", "is_opioid"),
    [
        ("Acetaminophen 300 MG / HYDROcodone Bitartrate 5 MG Oral Tablet", True),
        ("72 HR Fentanyl 0.025 MG/HR Transdermal System", True),
        ("buprenorphine/naloxone 8 MG Sublingual Film", True),
        ("Naloxone hydrochloride 4 MG Nasal Spray", False),
        ("Acetaminophen 21.7 MG/ML / Dextromethorphan Hydrobromide 1 MG/ML Oral Solution", False),
        ("apomorphine 10 MG/ML Injection", False),
        (PLAIN, False),
        (None, False),
    ],
)
def test_a_drug_is_an_opioid_when_its_text_names_one_as_a_word(text: str | None, is_opioid: bool):
    assert drugs([order(description=text)])[0]["is_opioid"] is is_opioid


def test_text_is_the_most_frequent_then_the_latest_then_by_alphabet():
    a, b = "aspirin 81 MG Oral Tablet", "Aspirin 81 MG Oral Tablet"
    orders = [order(1, description=a), order(2, description=b), order(3, description=b, partition_date="2025-01-10", drop_id="d2")]
    orders += [
        order(4, description=a, partition_date="2025-01-20", drop_id="d3"),
        order(3, description=b, partition_date="2025-01-25", drop_id="d4", change_type="delete"),
    ]
    rows = drugs(orders, ["2025-01-09", "2025-01-10", "2025-01-20", "2025-01-25"])
    # one each and one drop: capitals come first; two to one; two each and the later drop; two to one
    assert [(r["description"], r["description_variants"]) for r in rows] == [(b, 2), (b, 2), (a, 2), (a, 2)]
    assert rows[0]["medication_key"] == stable_key("medication", "314231")
    assert rows[0]["medication_code"] == "314231"


def test_price_is_the_discrete_median_of_orders_started_up_to_the_day():
    costs = [order(i, base_cost=cost) for i, cost in enumerate(["4.00", "1.00", "3.00", "2.00"])]
    later = order(9, base_cost="9.00", start="2025-01-20 10:00:00")
    corrected = order(3, base_cost="8.00", partition_date="2025-01-25", change_type="update")
    rows = drugs([*costs, later, corrected, order(10), order(11, "5", base_cost="7.00")], ["2025-01-19", "2025-01-20", "2025-01-25"])
    found = [(r["medication_code"], r["median_unit_cost_amount"]) for r in sorted(rows, key=lambda r: r["partition_date"])]
    # 1 2 3 4; 1 2 3 4 9; 1 3 4 8 9
    assert [f for f in found if f[0] == "314231"] == [("314231", Decimal(n)) for n in ("2.00", "3.00", "4.00")]
    assert [f for f in found if f[0] == "5"] == [("5", Decimal("7.00"))] * 3


def test_a_drug_counts_from_its_drop_on_and_keeps_its_row_without_an_order():
    orders = [
        order(1, "5", base_cost="1.00", partition_date="2025-01-10"),
        order(1, "5", partition_date="2025-01-20", change_type="delete"),
    ]
    rows = drugs(orders, ["2025-01-09", "2025-01-10", "2025-01-20"])
    assert [(r["partition_date"].day, r["median_unit_cost_amount"]) for r in rows] == [(10, Decimal("1.00")), (20, None)]


def test_reserved_members():
    rows = build("dim_medication")
    assert [(r["medication_key"], r["medication_code"], r["ingredient"], r["is_opioid"], r["median_unit_cost_amount"]) for r in rows] == [
        (-3, "All", "All", None, None),
        (-2, "Not applicable", "Not applicable", None, None),
        (-1, "Unknown", "Unknown", None, None),
    ]


def test_drugs_without_a_text_are_found():
    members: list[Row] = [{"medication_key": -1}, {"medication_key": 1, "medication_code": "a", "description": "x"}]
    assert offenders("dim_medication", "code_known", members) == []
    assert offenders("dim_medication", "code_known", [*members, {"medication_key": 2, "medication_code": "b"}]) == ["b"]
