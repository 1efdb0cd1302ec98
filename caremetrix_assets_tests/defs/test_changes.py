"""What a run changed and why: rows per partition, totals of marts, the drops behind it; nothing of a row in any log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from caremetrix_assets.audit.changes import read_changes
from caremetrix_assets.defs import build_definitions
from caremetrix_assets.defs.local_run import QUIET
from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets_tests.runs import Place
from caremetrix_assets_tests.sources.drops import Lab, minimal

HEAD, ACME = str(minimal()["payers.csv"]).strip().splitlines()
NAME = ACME.split(",")[1]
OTHER = ACME.replace("y1,", "y2,")
KEYS = [dg.AssetKey(k.split("/")) for k in ("ops/drop_ledger", "raw/raw_payers", "dims/dim_payer", "ops/applied")]
ROWS = ("rows_before", "rows_added", "rows_changed", "rows_removed")


class Small(Place):
    """Tiny drops, and runs of a few tables through Dagster."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.drops = Lab(root)

    def drop(self, day: str, *payers: str, **sealing: Any) -> None:
        files = minimal(payers="\n".join([HEAD, *payers]) + "\n")
        kept = files if sealing.get("kind") != "delta" else {"payers.csv": files["payers.csv"]}
        self.drops.drop(day, kept, day, **sealing)

    def refresh(self, day: str, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
        definitions = build_definitions(date(2025, 1, 30), {"lake": str(self.lake), "inbox": str(self.inbox), "start_date": "2025-01-30"})
        return definitions.resolve_job_def("refresh").execute_in_process(
            partition_key=day, asset_selection=KEYS, raise_on_error=False, instance=instance, run_config=QUIET
        )

    def changes(self, table: str) -> list[dict[str, Any]]:
        return read_changes(self.reader().storage, table)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Small, dg.ExecuteInProcessResult]]:
    """A full drop of one payer; the day after, a delta that renames it and brings another; then the delta is withdrawn."""
    small = Small(tmp_path_factory.mktemp("changes"))
    small.drop("2025-01-30", ACME)
    assert small.refresh("2025-01-30").success
    small.drop("2025-01-31", ACME.replace(NAME, "New"), OTHER, kind="delta")
    second = small.refresh("2025-01-31")
    assert second.success
    assert small.command("drop", "withdraw", "2025-01-31").exit_code == 0
    assert small.refresh("2025-01-31").success
    yield small, second


def counts(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["partition_date"].isoformat(),
        row["compared_with"] and row["compared_with"].isoformat(),
        *(row[n] for n in ROWS),
        row["cause"],
    )


def table_of(value: dg.MetadataValue) -> list[dict[str, Any]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def test_rows_are_told_apart_by_key(told: tuple[Small, Any]) -> None:
    small, _ = told
    found = [counts(r) for r in small.changes("raw_payers")]
    assert found == [
        ("2025-01-31", "2025-01-31", 2, 0, 0, 2, "withdrawn drops"),
        ("2025-01-31", None, 0, 2, 0, 0, "drops"),
        ("2025-01-30", None, 0, 1, 0, 0, "drops"),
    ]


def test_a_new_snapshot_is_compared_with_the_one_shown_before(told: tuple[Small, Any]) -> None:
    small, _ = told
    found = [counts(r) for r in small.changes("dim_payer")]
    # four reserved members and the payer; the new name makes a second version, which ends the first; the other one is new
    assert found == [
        ("2025-01-31", "2025-01-31", 7, 0, 1, 2, "withdrawn drops"),
        ("2025-01-31", "2025-01-30", 5, 2, 1, 0, "drops"),
        ("2025-01-30", None, 0, 5, 0, 0, "drops"),
    ]


def test_each_change_names_the_drops_behind_it(told: tuple[Small, Any]) -> None:
    small, _ = told
    ids = {d["name"]: d["drop_id"] for d in small.json("drop", "list")}
    assert [r["drop_ids"] for r in small.changes("raw_payers")] == [ids["2025-01-31"], ids["2025-01-31"], ids["2025-01-30"]]


def test_the_ui_shows_the_changes_beside_the_materialization(told: tuple[Small, dg.ExecuteInProcessResult]) -> None:
    _, second = told
    (event,) = [e for e in second.get_asset_materialization_events() if e.asset_key == KEYS[2] and e.partition == "2025-01-31"]
    metadata = event.materialization.metadata
    assert metadata["newest_partition"].value == "2025-01-31"
    assert table_of(metadata["changes"])[0]["rows_added"] == 2
    (ledger,) = [e for e in second.get_asset_materialization_events() if e.asset_key == KEYS[0]]
    drops = table_of(ledger.materialization.metadata["drops"])
    assert [(r["drop"], r["status"]) for r in drops] == [("2025-01-31", "accepted"), ("2025-01-30", "applied")]
    (applied,) = [e for e in second.get_asset_materialization_events() if e.asset_key == KEYS[3]]
    assert applied.materialization.metadata["rows_added"].value == 4
    assert "2 of 2 tables changed in 2 partitions: 4 rows added" in str(applied.materialization.metadata["summary"].value)


def test_the_commands_show_them_with_the_drops_by_name(told: tuple[Small, Any]) -> None:
    small, _ = told
    newest = {r["table"]: r for r in small.json("tables", "--changes")}
    assert (newest["raw_payers"]["rows_removed"], newest["raw_payers"]["drops"]) == (2, "2025-01-31")
    one = small.json("tables", "raw_payers", "--changes")
    assert [r["rows_removed"] for r in one["partitions"]] == [2, 0, 0]
    assert small.command("tables", "raw_payer", "--changes").exit_code == 2


MARKER = "Mxqzv-998-77"


@pytest.mark.parametrize("kind", ["engine", "bug"])
def test_a_failing_step_says_kind_and_place_and_no_value_of_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    small = Small(tmp_path)
    small.drop("2025-01-30", ACME.replace(NAME, MARKER))

    def fails(context: Any, table: Any) -> None:
        if kind == "bug":
            raise ValueError(f"cannot read {MARKER}")
        with context.engine.session() as con:
            con.execute(f"select cast('{MARKER}' as integer)")

    monkeypatch.setattr("caremetrix_assets.defs.tables.build", fails)
    with dg.DagsterInstance.ephemeral() as instance, caplog.at_level(logging.DEBUG):
        result = small.refresh("2025-01-30", instance)
        assert not result.success
        logged = [str(e) for e in instance.all_logs(result.run_id)]
    assert any("ConversionException" in e or "ValueError in test_changes.py" in e for e in logged)
    assert not [e for e in logged if MARKER in e]
    assert MARKER not in caplog.text


def test_our_own_sentences_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from caremetrix_assets.defs.failures import reason_of

    small = Small(tmp_path)
    small.drop("2025-01-30", ACME)

    def fails(context: Any, table: Any) -> None:
        raise CaremetrixError("the disk said no.")

    monkeypatch.setattr("caremetrix_assets.defs.tables.build", fails)
    (event,) = small.refresh("2025-01-30").get_step_failure_events()
    assert reason_of(event) == "raw_payers: the disk said no."
