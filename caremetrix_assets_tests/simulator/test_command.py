"""``caremetrix simulate``: what it says and writes, its exit codes, the explanation."""

import json

import pytest
from typer.testing import CliRunner

from caremetrix_assets.cli.app import app
from caremetrix_assets.simulator.parameters import load_parameters
from caremetrix_assets_tests.simulator.lab import FULL, patient, visit, write_drop


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setenv("CAREMETRIX_LAKE", str(tmp_path / "lake"))

    def run(*words):
        return CliRunner().invoke(app, ["simulate", *map(str, words)])

    return run


@pytest.fixture
def folder(tmp_path):
    return write_drop(
        tmp_path / "export", patients=[patient()], encounters=[visit("a", "2024-01-10"), visit("b", "2024-02-10", "outpatient")]
    )


def test_it_says_what_it_wrote_and_what_to_do_next(command, folder):
    result = command(folder, "--date", "2024-03-01")
    assert result.exit_code == 0, result.output
    assert (
        f"Seal it with `caremetrix drop seal {folder} --date 2024-03-01 --kind full`" in result.output
        and "simulated from 2021-01-01 to 2024-03-01" in result.output
    )
    assert (folder / "practice" / "appointments.csv").exists()


def test_json_is_one_document(command, folder, tmp_path):
    result = CliRunner().invoke(
        app, ["--json", "simulate", str(folder), "--date", "2024-03-01", "--seed", "8", "--out", str(tmp_path / "out")]
    )
    document = json.loads(result.stdout)
    assert (document["seed"], document["kind"], document["start"], len(document["drop_id"])) == (8, "full", "2021-01-01", 64)
    assert document["rows"]["appointments"] >= 2
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {entry["seed"] for entry in manifest["files"].values()} == {8}


def test_mistakes_are_wrong_usage(command, folder, tmp_path):
    (tmp_path / "practice.toml").write_text("[fate]\nmoved = 2\n")
    for words, message in [
        ([FULL], "is sealed, nothing may be added to it"),
        ([folder], "say --date YYYY-MM-DD"),
        ([folder, "--date", "1.3.2024"], "write a date as YYYY-MM-DD"),
        ([folder, "--date", "2024-03-01", "--kind", "half"], "choose full or delta"),
        ([folder, "--date", "2024-03-01", "--config", tmp_path / "practice.toml"], "fate.moved must be a share"),
    ]:
        result = command(*words)
        assert (result.exit_code, message in result.output) == (2, True), result.output
    assert command(tmp_path / "none").exit_code == 3


def test_the_explanation_names_every_parameter_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("CAREMETRIX_LAKE", str(tmp_path / "lake"))
    result = CliRunner().invoke(app, ["--json", "simulate", "--explain", str(FULL)])
    rows = {f"{row['process']}.{row['parameter']}": row for row in json.loads(result.stdout)}
    assert list(rows) == [name for name, _ in load_parameters().items()]
    denied = rows["claims.denied"]
    assert denied["value"] == "0.075" and 0.05 < float(denied["drawn"]) < 0.10 and denied["n"] == 961
    assert rows["fate.moved_notice"]["drawn"].startswith("2 to 9, mean ")
    assert rows["claims.submitted"]["drawn"].startswith("0 0.2") and rows["late.days"]["n"] is None
    assert list((tmp_path / "lake").parent.glob("work/*")) == []
