"""Freshness goes by the newest partition: what each kind of table owes by a time of day, who says so, and to whom."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.defs.alerts import table_freshness
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.lake.state import PartitionState, TableState, save_table
from caremetrix_assets.settings import load_settings
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets.steps.freshness import Freshness, freshness, judge, longest_pause, owed_day
from caremetrix_assets_tests.audit.support import contract
from caremetrix_assets_tests.runs import Place

MART = contract("mart_x", {"x_id": "id"}, ["x_id"])
FACT = contract("fact_x", {"x_sk": "text"}, ["x_sk"])
OPENING, MORNING = date(2025, 1, 1), datetime(2025, 2, 1, 8, 0, tzinfo=UTC)


def built(*days: date) -> TableState:
    return TableState("", "", {d.isoformat(): PartitionState(1, "", "", "") for d in days})


def days_of(last: date, pauses: list[int]) -> list[date]:
    """Days that end with ``last``, that many days apart."""
    found = [last]
    for pause in reversed(pauses):
        found.insert(0, found[0] - timedelta(days=pause))
    return found


def judged(table: Table, *days: date, now: datetime = MORNING, day: date | None = date(2025, 1, 31)) -> Freshness:
    return judge(table, built(*days), day, OPENING, now)


def test_a_mart_owes_the_day_of_the_nightly_run_whatever_was_backfilled_today():
    assert judged(MART, date(2025, 1, 30), date(2025, 1, 31)).words == "on time"
    assert judged(MART, date(2025, 1, 28)).words == "3 days late"
    assert judged(MART).words == "31 days late"  # 1 to 31 January are missing
    assert judged(MART, day=None).words == "no drop yet"


def test_a_table_of_events_owes_a_partition_within_twice_its_longest_pause():
    rhythm = days_of(date(2025, 1, 25), [1, 1, 3, 1, 1, 1, 3])
    assert longest_pause(rhythm) == 3
    assert judged(FACT, *rhythm).owed == date(2025, 1, 31)
    assert not judged(FACT, *rhythm).is_late
    assert judged(FACT, *rhythm, now=MORNING + timedelta(days=1)).days_late == 1


def test_few_partitions_are_no_rhythm_and_the_opening_one_is_none_of_them():
    assert judged(FACT, *days_of(date(2025, 1, 10), [1] * 6)).words == "too few partitions for a rhythm"
    assert judged(FACT, *days_of(date(2025, 1, 8), [1] * 7)).words == "too few partitions for a rhythm"
    assert judged(FACT).words == "no drop brought rows"


@pytest.fixture
def lake(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A lake with one applied drop of 31 January and no table."""
    monkeypatch.setenv("CAREMETRIX_LAKE", str(place.lake))
    storage = LocalStorage(place.lake)
    ledger = Ledger({"a" * 64: Entry("a" * 64, date(2025, 1, 31), name="d", status="applied")})
    ledger.save(storage)
    return place


def test_nothing_is_owed_beyond_the_days_the_nightly_run_rolls_forward(lake: Place):
    storage, settings = LocalStorage(lake.lake), load_settings()
    assert owed_day(settings, storage, datetime(2025, 2, 10, 6, 14, tzinfo=UTC)) == date(2025, 2, 8)
    assert owed_day(settings, storage, datetime(2025, 2, 10, 6, 15, tzinfo=UTC)) == date(2025, 2, 9)
    assert owed_day(settings, storage, datetime(2025, 6, 1, tzinfo=UTC)) == date(2025, 3, 3)


def test_the_sensor_reports_the_check_and_tells_the_webhook_once(lake: Place, monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    monkeypatch.setattr("caremetrix_assets.defs.alerts.notify", lambda settings, event, what, todo, **where: told.append(event))
    with dg.DagsterInstance.ephemeral() as instance:
        first = table_freshness(dg.build_sensor_context(instance=instance))
        assert isinstance(first, dg.SensorResult)
        (event,) = first.asset_events
        assert isinstance(event, dg.AssetCheckEvaluation)
        assert (event.asset_key, event.check_name, event.passed) == (dg.AssetKey(["ops", "applied"]), "freshness", False)
        again = table_freshness(dg.build_sensor_context(instance=instance, cursor=first.cursor))
        assert isinstance(again, dg.SensorResult)
        assert not again.asset_events
    assert told == ["tables_late"]


def test_the_command_ends_with_1_while_a_table_is_late(lake: Place):
    late = {f.table: f for f in freshness(load_settings()) if f.is_late}
    assert late and all(name.startswith(("mart_", "dim_", "bridge_")) for name in late)
    assert lake.command("tables", "--late").exit_code == 1
    assert [r["table"] for r in lake.json("tables", "--late")] == sorted(late)
    owed = next(iter(late.values())).owed
    assert owed is not None
    for name in late:
        save_table(LocalStorage(lake.lake), name, built(owed))
    assert lake.command("tables", "--late").exit_code == 0
    assert [] == lake.json("tables", "--late")
