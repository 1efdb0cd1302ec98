"""The whole graph on real drops: any order gives the same bytes, nothing is done twice, nothing bad is shown."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from caremetrix_assets.audit.results import read_results
from caremetrix_assets.cli.app import app
from caremetrix_assets_tests.runs import DAYS, FULL, LATE_NEWBORNS, NEWBORNS, SAMPLE, Place

# what comes together in each run: a later day before the first one, then what it waits for, then a day between them
ODD_ORDER = ((LATE_NEWBORNS, "2025-12-03"), (FULL, NEWBORNS), ("2025-12-01",))


def test_the_sample_passes_every_blocking_check(sample_place: Place) -> None:
    failed = [c for c in sample_place.json("checks") if c["severity"] == "blocking" and c["status"] in ("failed", "error")]
    assert failed == []
    drops = sample_place.json("drop", "list")
    assert {d["status"] for d in drops} == {"applied"}
    for d in drops:
        assert d["rows_in"] == d["rows_new"] + d["rows_changed"] + d["rows_unchanged"] + d["rows_superseded"] + d["rows_quarantined"]


def test_every_fact_has_exactly_the_rows_of_its_sources(sample_place: Place) -> None:
    lake = sample_place.reader()
    for table in lake.catalog.layer("facts"):
        results = [c for c in sample_place.json("checks", "--table", table.name) if c["check_name"] == "rows_out_equals_rows_in"]
        passed = {c["partition_date"] for c in results if c["status"] == "passed"}
        assert passed == {day.isoformat() for day in lake.table(table.name).partitions()}, table.name


def test_a_second_run_does_nothing_and_says_so(sample_place: Place) -> None:
    before = {p: p.stat().st_mtime_ns for p in sample_place.lake.rglob("*.parquet")}
    assert "Nothing new" in sample_place.run().output
    assert {p: p.stat().st_mtime_ns for p in sample_place.lake.rglob("*.parquet")} == before


def test_drops_in_an_odd_order_give_the_same_bytes(place: Place, tmp_path: Path) -> None:
    straight = Place(tmp_path / "straight")
    straight.bring(*(name for names in ODD_ORDER for name in names))
    straight.run()
    for names in ODD_ORDER:
        place.bring(*names)
        place.run("--start", "2025-11-30")
    assert place.published() == straight.published()


def test_a_withdrawn_drop_leaves_no_trace_in_the_tables(place: Place, tmp_path: Path) -> None:
    without = Place(tmp_path / "without")
    without.bring(FULL, DAYS[2])
    without.run()
    place.bring(FULL, LATE_NEWBORNS, DAYS[2])
    place.run()
    assert place.published() != without.published()
    assert place.command("drop", "withdraw", LATE_NEWBORNS).exit_code == 0
    place.run()
    assert place.published() == without.published()


def test_a_backfill_of_the_range_gives_the_same_bytes(place: Place) -> None:
    import dagster as dg

    from caremetrix_assets.defs import build_definitions

    place.bring(FULL, *DAYS[:3])
    place.run()
    before = place.published()
    overrides = {"lake": str(place.lake), "inbox": str(place.inbox)}
    definitions = build_definitions(date(2025, 11, 30), overrides)
    keys = [k for k in definitions.resolve_asset_graph().get_all_asset_keys() if k.path[0] in ("facts", "marts", "dims")]
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("refresh").execute_in_process(
            instance=instance,
            asset_selection=keys,
            tags={"dagster/asset_partition_range_start": "2025-12-01", "dagster/asset_partition_range_end": "2025-12-03"},
        )
    assert result.success
    assert place.published() == before


def test_a_damaged_drop_is_rejected_with_one_sentence_and_changes_nothing(place: Place) -> None:
    place.bring(FULL)
    place.run()
    before = place.published()
    place.bring("2025-12-05")
    broken = place.inbox / "2025-12-05" / "claims.csv.gz"
    broken.write_bytes(broken.read_bytes()[:-20])
    result = place.run(exit_code=1)
    assert "2025-12-05" in result.output
    assert "claims.csv.gz" in result.output
    assert place.published() == before
    assert [d["status"] for d in place.json("drop", "list")] == ["applied", "rejected"]
    rows = read_results(place.reader().storage, table="drop_ledger").to_pylist()
    found = {(r["check_name"], r["partition_date"].isoformat(), r["status"], r["rows_failed"]) for r in rows}
    passed = {(check, FULL, "passed", 0) for check in ("drop_complete", "keys_redrawn")}
    assert found == passed | {("drop_complete", "2025-12-05", "failed", 1)}


def test_headers_that_nobody_knows_and_columns_that_are_gone_are_a_warning(place: Place) -> None:
    place.bring(FULL)
    folder = place.inbox / FULL
    text = gzip.decompress((folder / "supplies.csv.gz").read_bytes()).decode()
    head, _, rest = text.partition("\n")
    changed = "\n".join([f"{head},COLOUR", *(f"{line},red" for line in rest.splitlines())]) + "\n"
    (folder / "supplies.csv.gz").write_bytes(gzip.compress(changed.encode()))
    (folder / "manifest.json").unlink()
    assert CliRunner().invoke(app, ["drop", "seal", str(folder), "--date", FULL]).exit_code == 0
    place.run("--select", "key:raw/raw_supplies or key:ops/drop_ledger")
    (found,) = read_results(place.reader().storage, check="schema_drift", table="raw_supplies").to_pylist()
    assert (found["status"], found["rows_failed"], found["rows_checked"]) == ("warned", 1, len(head.split(",")) + 1)


def test_a_failing_blocking_check_keeps_the_last_good_data(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from caremetrix_assets.catalog import load
    from caremetrix_assets.catalog.models import SqlCheck
    from caremetrix_assets.defs import build_definitions

    some = ("--select", "+key:facts/fact_claim_line or +key:facts/fact_transaction")
    place.bring(FULL)
    place.run(*some)
    before = place.published()
    catalog = load.load_catalog()
    table = catalog.tables["dim_encounter"]
    always = SqlCheck(sql="select partition_date, encounter_id as key from dim_encounter where encounter_key > 0")
    bad = catalog.model_copy(update={"tables": {**catalog.tables, table.name: table.model_copy(update={"checks": {"never_true": always}})}})
    monkeypatch.setattr("caremetrix_assets.steps.begin.load_catalog", lambda: bad)
    monkeypatch.setattr("caremetrix_assets.defs.load_catalog", lambda: bad)
    monkeypatch.setattr("caremetrix_assets.defs.local_run._definitions", lambda start, options: build_definitions(start, dict(options)))
    place.bring("2025-12-05")
    result = place.run(*some, exit_code=1)
    assert "never_true" in result.output
    held = ("dims/dim_encounter/", "facts/fact_appointment/", "facts/fact_transaction/")  # the table, and what reads it
    assert {k: v for k, v in place.published().items() if k.startswith(held)} == {k: v for k, v in before.items() if k.startswith(held)}
    monkeypatch.undo()
    place.run(*some)
    assert place.published() != before


def test_the_sample_manifests_are_sealed() -> None:
    for manifest in SAMPLE.glob("*/manifest.json"):
        assert json.loads(manifest.read_text())["files"], manifest
