"""Plan items on a tiny history: what was done in January is proposed again in March, and done again in June."""

from datetime import date, datetime
from typing import Any

import pytest

from caremetrix_assets_tests.simulator.lab import changed, feed_of, patient, visit, write_drop

SURE: dict[str, Any] = {
    "plans__proposed": 1.0,
    "plans__accepted": 1.0,
    "plans__declined": 0.0,
    "plans__scheduled": 1.0,
    "plans__accepted_after": [7, 7],
    "plans__scheduled_after": [14, 14],
}
PROCEDURE = {"PATIENT": "p", "CODE": "34043003", "BASE_COST": "150.00"}
DONE = [
    {**PROCEDURE, "ENCOUNTER": "e", "START": "2024-01-10T12:00:00Z"},
    {**PROCEDURE, "ENCOUNTER": "again", "START": "2024-06-03T12:00:00Z"},
]
VISITS = [visit("e", "2024-01-10"), visit("then", "2024-03-01", "outpatient"), visit("again", "2024-06-03", "outpatient")]
CLAIM = {"Id": "c", "PATIENTID": "p", "APPOINTMENTID": "e", "SERVICEDATE": "2024-01-10T12:00:00Z", "PRIMARYPATIENTINSURANCEID": "blue"}


def charge(amount):
    row = {"CLAIMID": "c", "CHARGEID": 1, "PATIENTID": "p", "TYPE": "CHARGE", "AMOUNT": amount, "FROMDATE": "2024-01-10T12:00:00Z"}
    return {**row, "PLACEOFSERVICE": "org", "PROCEDURECODE": "34043003", "TRANSFERTYPE": "1"}


@pytest.fixture
def items(tmp_path):
    def found(end, ledger=True, amount="200.00", **parameters):
        tables = {"claims": [CLAIM] if ledger else None, "claims_transactions": [charge(amount)] if ledger else None}
        folder = write_drop(tmp_path / "drop", patients=[patient()], encounters=VISITS, procedures=DONE, **tables)
        feed = feed_of(folder, end=date.fromisoformat(end), parameters=changed(**SURE | parameters))
        return feed.sql("select * from treatment_plan_items order by presented_at")

    return found


def test_a_procedure_is_proposed_again(items):
    (item,) = items("2024-03-01")
    assert item["presented_at"] == datetime(2024, 3, 1, 13, 25)
    assert (item["fee"], item["status"], item["procedure_system"], item["procedure_code"]) == (200, "presented", "SNOMED-CT", "34043003")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("2024-03-07", "presented"),
        ("2024-03-08", "accepted"),
        ("2024-03-21", "accepted"),
        ("2024-03-22", "scheduled"),
        ("2024-06-03", "completed"),
    ],
)
def test_an_item_goes_its_way(items, end, status):
    assert items(end)[0]["status"] == status


def test_the_first_visit_with_the_code_completes_it(items):
    done = items("2024-06-03")[0]
    assert (done["procedure_encounter_id"], done["completed_at"].date()) == ("again", date(2024, 6, 3))
    assert done["presented_at"] < done["accepted_at"] < done["scheduled_at"] < done["completed_at"]


@pytest.mark.parametrize(("end", "status"), [("2024-09-04", "presented"), ("2024-09-05", "expired")])
def test_an_open_item_expires_after_188_days(items, end, status):
    assert items(end, plans__accepted=0.0)[0]["status"] == status


def test_an_item_is_declined(items):
    declined = items("2024-06-03", plans__accepted=0.0, plans__declined=1.0, plans__declined_after=[9, 9])[0]
    assert (declined["status"], declined["declined_at"].date()) == ("declined", date(2024, 3, 10))


def test_a_visit_too_late_completes_nothing(items):
    assert items("2024-12-31", plans__valid=93)[0]["status"] == "expired"  # 3 June is the 94th day
    assert items("2024-12-31", plans__valid=94)[0]["status"] == "completed"


def test_what_costs_little_or_lies_back_is_not_proposed(items):
    assert items("2024-03-01", amount="99.99") == []
    assert items("2024-03-01", plans__lookback=[1, 50]) == []  # 51 days before
    assert len(items("2024-03-01", plans__lookback=[1, 51])) == 1


def test_the_newest_procedure_decides(tmp_path):
    """Something cheap was done after the dear one: nothing is proposed. Before it, it does not count."""

    def proposed(day):
        cheap = {**PROCEDURE, "CODE": "5", "ENCOUNTER": "between", "START": f"{day}T12:00:00Z", "BASE_COST": "20.00"}
        visits = [*VISITS, visit("between", day, "outpatient")]
        folder = write_drop(tmp_path / day, patients=[patient()], encounters=visits, procedures=[DONE[0], cheap])
        feed = feed_of(folder, end=date(2024, 3, 1), parameters=changed(**SURE))
        return feed.one("select count(*) from treatment_plan_items where plan_id = (select md5('simulated plan|then'))")

    assert (proposed("2024-02-10"), proposed("2024-01-05")) == (0, 1)


def test_without_a_ledger_the_fee_is_the_base_cost(items):
    assert items("2024-03-01", ledger=False)[0]["fee"] == 150
