"""The commands and the nightly step on a lake in a folder, with a stand-in for Glue: exit codes, and what verify names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.app import app
from caremetrix_assets.defs import build_definitions
from caremetrix_assets.defs.local_run import RunReport, execute
from caremetrix_assets.lake.layout import object_key, pointer_key
from caremetrix_assets.lake.storage import LocalStorage
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets_tests.serving.athena.conftest import NEWEST, START, changed_by_hand, client, tables

CATALOG = load_catalog()
ATHENA_KEY = dg.AssetKey(["ops", "athena"])


def night(overrides: dict[str, Any]) -> RunReport:
    """The run's last step alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        return execute(instance, overrides, START, NEWEST, select=[ATHENA_KEY])


@pytest.mark.usefixtures("s3_credentials")
class TestCommands:
    @pytest.fixture(autouse=True)
    def _place(self, glue: Glue, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.glue, self.folder = glue, folder
        monkeypatch.setenv("CAREMETRIX_GLUE_ENDPOINT", str(glue._endpoint))
        monkeypatch.setenv("CAREMETRIX_GLUE_DATABASE", glue.database)
        monkeypatch.setenv("CAREMETRIX_LAKE", str(folder))

    def run(self, *words: str, exit_code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["--json", "athena", *words])
        assert result.exit_code == exit_code, result.output + str(result.exception or "")
        self.stderr = result.stderr
        return json.loads(result.stdout) if result.stdout else None

    def test_sync_and_verify_agree(self):
        missing = self.run("verify", exit_code=1)
        assert [f["difference"] for f in missing] == ["missing database"]
        assert {c["action"] for c in self.run("sync")} == {"created"}
        assert {c["action"] for c in self.run("sync")} == {"unchanged"}
        # The folder's pointer names a snapshot that was never written.
        findings = self.run("verify", exit_code=1)
        assert [(f["table"], f["difference"]) for f in findings] == [("dim_patient", "missing snapshot")]
        assert "dim_patient: missing snapshot: " in self.stderr

    def test_verify_names_every_kind_of_difference(self):
        self.run("sync")
        client(self.glue).delete_table(DatabaseName=self.glue.database, Name="fact_claim")
        storage = tables(self.glue)["fact_payment"]["StorageDescriptor"]
        changed_by_hand(self.glue, "fact_payment", StorageDescriptor={**storage, "Columns": storage["Columns"][1:]})
        elsewhere = tables(self.glue)["mart_ar_aging"]["StorageDescriptor"] | {"Location": "s3://other/marts/mart_ar_aging/"}
        changed_by_hand(self.glue, "mart_ar_aging", StorageDescriptor=elsewhere)
        changed_by_hand(self.glue, "fact_statement", Parameters={})
        former = {"Name": "mart_former", "Parameters": {"caremetrix.table": "mart_former"}}
        client(self.glue).create_table(DatabaseName=self.glue.database, TableInput=former)
        LocalStorage(self.folder).write(pointer_key("dim_patient"), b'{"partition_date": "2025-12-08"}\n')
        found = {(f["table"], f["difference"]) for f in self.run("verify", exit_code=1)}
        assert found == {
            ("fact_claim", "missing table"),
            ("fact_payment", "columns"),
            ("mart_ar_aging", "location"),
            ("fact_statement", "other table"),
            ("fact_statement", "parameters"),
            ("mart_former", "removed table"),
            ("dim_patient", "pointer"),
            ("dim_patient", "missing snapshot"),
        }

    def test_a_refused_table_ends_with_1_and_a_removed_one_with_0(self):
        self.run("sync")
        former = {"Name": "mart_former", "Parameters": {"caremetrix.table": "mart_former"}}
        client(self.glue).create_table(DatabaseName=self.glue.database, TableInput=former)
        self.run("sync")
        assert "mart_former is still in Glue, but no contract has this name; drop it with --drop-removed." in self.stderr
        assert [c["table"] for c in self.run("sync", "--drop-removed") if c["action"] == "dropped"] == ["mart_former"]
        changed_by_hand(self.glue, "fact_payment", Parameters={})
        assert [c["table"] for c in self.run("sync", exit_code=1) if c["action"] == "refused"] == ["fact_payment"]

    def test_a_folder_is_not_registered_in_aws(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("CAREMETRIX_GLUE_ENDPOINT")
        assert self.run("sync", exit_code=2) is None
        assert "Athena reads a lake in a bucket only" in self.stderr

    def test_a_catalog_that_is_away_ends_with_3(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("CAREMETRIX_GLUE_ENDPOINT", "http://127.0.0.1:9")
        assert self.run("verify", exit_code=3) is None
        assert "start the catalog, or correct CAREMETRIX_GLUE_ENDPOINT" in " ".join(self.stderr.split())

    def test_a_file_of_a_former_contract_is_named(self):
        self.run("sync")
        rows = pa.table({"patient_key": pa.array([1], pa.int32()), "former": ["x"]})
        path = self.folder / object_key("dims", "dim_patient", NEWEST)
        path.parent.mkdir(parents=True)
        pq.write_table(rows, path)
        findings = self.run("verify", exit_code=1)
        assert [(f["table"], f["difference"]) for f in findings] == [("dim_patient", "file columns")]
        said = findings[0]["detail"]
        assert "member_key is not in the file; " in said and "former is in the file only; " in said
        assert said.endswith("patient_key is int32 in the file (partition 2025-12-07)")

    def test_a_run_registers_its_result_when_a_catalog_is_set(self):
        report = night({})
        assert report.success
        assert set(tables(self.glue)) == set(CATALOG.tables)

    def test_a_run_whose_catalog_is_away_fails_and_says_so(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("CAREMETRIX_GLUE_ENDPOINT", "no address")
        report = night({"glue_database": "other"})
        assert list(report.failures) == ["ops__athena"]
        assert "CAREMETRIX_GLUE_ENDPOINT is not an address" in report.failures["ops__athena"]


@pytest.mark.parametrize(
    ("settings", "registers"),
    [
        ({}, False),
        ({"lake": "s3://clinic-lake/caremetrix"}, False),
        ({"lake": "s3://clinic-lake/caremetrix", "glue_database": "clinic"}, True),
        ({"glue_database": "clinic"}, False),
        ({"glue_database": "clinic", "glue_endpoint": "http://127.0.0.1:5000"}, True),
    ],
)
def test_runs_register_tables_only_where_it_is_set_up(settings: dict[str, str], registers: bool):
    assets = build_definitions(START, settings).resolve_asset_graph().get_all_asset_keys()
    assert (ATHENA_KEY in assets) == registers
