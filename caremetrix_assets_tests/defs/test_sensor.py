"""The sensor and the nightly schedule as the daemon asks them: which run they want, under which key, and what they say else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from caremetrix_assets.defs.attempts import tag_of
from caremetrix_assets.defs.automation import new_drops, nightly_refresh
from caremetrix_assets.defs.resources import NO_DROP, ONLY_TAG, RESTATE_TAG
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.lake.state import BuiltState, save_built
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets_tests.runs import Place
from caremetrix_assets_tests.sources.drops import Lab, minimal

FAILURE, SUCCESS, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED


class Desk(Place):
    """An inbox with tiny drops, a lake, and a Dagster instance without a run."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        super().__init__(root)
        self.instance, self.drops = instance, Lab(root)

    def drop(self, name: str, day: str) -> str:
        """A sealed drop; its id."""
        return self.drops.drop(name, minimal(**{f"{name}_notes": f"a,b\n{day},1\n"}), day).drop_id

    def tick(self) -> dg.SensorResult:
        """What the sensor answers now."""
        found = new_drops(dg.build_sensor_context(instance=self.instance))
        assert isinstance(found, dg.SensorResult)
        return found

    def request(self) -> dg.RunRequest:
        """The one run the sensor asks for."""
        (request,) = self.tick().run_requests or []
        return request

    def ran(self, request: dg.RunRequest, status: dg.DagsterRunStatus = FAILURE) -> None:
        """The run the sensor had asked for has come to this."""
        begun = STARTED if status == FAILURE else status
        run = dg.DagsterRun(job_name="refresh", run_id=str(uuid.uuid4()), status=begun, tags=dict(request.tags))
        self.instance.add_run(run)
        if status == FAILURE:
            self.instance.report_run_failed(run)

    def status(self, drop_id: str, status: str) -> None:
        """What a run would have made of a drop."""
        storage = LocalStorage(self.lake)
        ledger = Ledger.load(storage)
        ledger.entries.setdefault(drop_id, self._seen(drop_id))
        if status == "applied":
            ledger.accept(drop_id, {})
            ledger.apply(drop_id, {})
        ledger.save(storage)
        drops = sorted(e.drop_id for e in ledger.in_force())
        save_built(storage, BuiltState(max(e.drop_date for e in ledger.in_force() if e.drop_date), {"drops": drops}))

    def _seen(self, drop_id: str) -> Entry:
        from caremetrix_assets.sources.intake import note_inbox

        ledger = Ledger()
        note_inbox(self.drops.inbox, self.drops.lake, self.drops.catalog, ledger, date(2025, 12, 31))
        return ledger.entries[drop_id]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with dg.DagsterInstance.ephemeral() as instance:
        found = Desk(tmp_path, instance)
        found.inbox.mkdir()
        monkeypatch.setenv("CAREMETRIX_LAKE", str(found.lake))
        monkeypatch.setenv("CAREMETRIX_INBOX", str(found.inbox))
        yield found


def test_several_drops_are_one_run_of_the_newest_date(desk: Desk) -> None:
    ids = {desk.drop("north", "2025-01-31"), desk.drop("south", "2025-02-02"), desk.drop("late", "2025-01-10")}
    request = desk.request()
    assert request.partition_key == "2025-02-02"
    assert set(request.tags[ONLY_TAG].split()) == ids
    assert desk.request().run_key == request.run_key  # asked twice, started once


def test_a_late_drop_keeps_the_newest_date_that_is_built(desk: Desk) -> None:
    desk.status(desk.drop("first", "2025-02-02"), "applied")
    desk.drop("late", "2025-01-10")
    assert desk.request().partition_key == "2025-02-02"


def test_while_a_run_goes_on_nothing_is_asked_for(desk: Desk) -> None:
    desk.drop("north", "2025-01-31")
    desk.ran(desk.request(), STARTED)
    told = desk.tick()
    assert not told.run_requests
    assert "queued or running" in str(told.skip_reason)


def test_a_drop_that_waits_for_its_retry_does_not_date_the_run_of_another(desk: Desk) -> None:
    desk.drop("bad", "2025-02-28")
    desk.ran(desk.request())
    good = desk.drop("good", "2025-01-31")
    request = desk.request()
    assert (request.partition_key, request.tags[ONLY_TAG]) == ("2025-01-31", good)


def test_a_drop_that_failed_four_times_is_parked_and_the_tick_and_the_ledger_say_why(desk: Desk) -> None:
    bad = desk.drop("bad", "2025-01-31")
    for _ in range(4):
        desk.ran(dg.RunRequest(tags={tag_of(bad): "asked"}))
    told = desk.tick()
    assert not told.run_requests
    assert isinstance(told.skip_reason, dg.SkipReason)
    assert "Drop bad is parked" in str(told.skip_reason.skip_message)
    (event,) = told.asset_events
    assert event.asset_key == dg.AssetKey(["ops", "drop_ledger"])
    (row,) = desk.json("drop", "list")
    assert row["status"] == "rejected"
    assert "failed 4 times" in row["reason"]


def test_a_parked_drop_that_a_person_reopens_is_tried_again_under_a_new_key(desk: Desk) -> None:
    bad = desk.drop("bad", "2025-01-31")
    first = desk.request()
    for _ in range(4):
        desk.ran(first)
    desk.tick()
    assert desk.command("drop", "reopen", "bad").exit_code == 0
    again = desk.request()
    assert again.tags[ONLY_TAG] == bad
    assert again.run_key != first.run_key
    desk.ran(again)
    assert "tried again at" in str(desk.tick().skip_reason)


def test_a_withdrawn_drop_is_taken_out_by_a_run_of_its_own_once(desk: Desk) -> None:
    kept, gone = desk.drop("kept", "2025-02-02"), desk.drop("gone", "2025-01-31")
    desk.status(kept, "applied")
    desk.status(gone, "applied")
    assert not desk.tick().run_requests
    assert desk.command("drop", "withdraw", "gone").exit_code == 0
    request = desk.request()
    assert (request.partition_key, request.tags[ONLY_TAG]) == ("2025-02-02", NO_DROP)
    desk.ran(request, SUCCESS)
    save_built(LocalStorage(desk.lake), BuiltState(date(2025, 2, 2), {"drops": [kept]}))
    assert not desk.tick().run_requests
    assert desk.command("drop", "reopen", "gone").exit_code == 0
    assert desk.request().tags[ONLY_TAG] == gone


def test_a_reopened_drop_whose_folder_is_gone_is_not_asked_for_ever_again(desk: Desk) -> None:
    import shutil

    desk.status(desk.drop("gone", "2025-01-31"), "applied")
    desk.command("drop", "withdraw", "gone")
    desk.command("drop", "reopen", "gone")
    save_built(LocalStorage(desk.lake), BuiltState(date(2025, 1, 31), {"drops": []}))
    shutil.rmtree(desk.inbox / "gone")
    assert "its folder is no longer in the inbox" in str(desk.tick().skip_reason)


def night(day: datetime) -> dg.RunRequest | dg.SkipReason:
    """What the nightly schedule answers at its tick of a day."""
    found = nightly_refresh(dg.build_schedule_context(scheduled_execution_time=day))
    assert isinstance(found, (dg.RunRequest, dg.SkipReason))
    return found


def test_after_a_week_of_downtime_the_next_night_asks_for_yesterday_and_the_run_builds_the_days_between(desk: Desk) -> None:
    desk.status(desk.drop("first", "2025-01-31"), "applied")
    request = night(datetime(2025, 2, 8, 2, 15, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2025-02-07"
    assert RESTATE_TAG not in request.tags  # a run builds 35 days back by itself


def test_when_more_days_were_missed_than_a_run_restates_the_night_asks_for_all_of_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREMETRIX_RESTATE_DAYS", "3")
    desk.status(desk.drop("first", "2025-01-31"), "applied")
    request = night(datetime(2025, 2, 8, 2, 15, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.tags[RESTATE_TAG] == "2025-02-01..2025-02-07"


def test_the_last_night_that_rolls_forward_has_a_key_of_its_own_so_that_it_can_be_tried_again(desk: Desk) -> None:
    desk.status(desk.drop("first", "2025-01-31"), "applied")
    keys = []
    for day in (4, 5):  # the newest drop and 31 days: 3 March; neither night's run built it
        request = night(datetime(2025, 3, day, 2, 15, tzinfo=UTC))
        assert isinstance(request, dg.RunRequest)
        assert request.partition_key == "2025-03-03"
        keys.append(request.run_key)
    assert keys[0] != keys[1]
    save_built(LocalStorage(desk.lake), BuiltState(date(2025, 3, 3)))
    assert "nothing is rolled forward beyond 2025-03-03" in str(night(datetime(2025, 3, 6, 2, 15, tzinfo=UTC)))
