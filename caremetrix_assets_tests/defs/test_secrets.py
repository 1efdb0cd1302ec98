"""No secret and no value of a person in any log, record, event, metadata or output: everything a run leaves is searched."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from datetime import date
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.app import app
from caremetrix_assets.cli.doctor import without_password
from caremetrix_assets.defs import build_definitions
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.sources.drops import write_files
from caremetrix_assets_tests.sources.releases import R33, ROWS, csv_text, release_files

KEY, SECRET, TOKEN = "AKIAQ7HIDDENKEY00001", "wJalrXUtnFEMI-hidden-secret-key", "hook-token-4711"
PASSWORD = "endpoint-password-0815"
VALUES = ("Perdita909", "Quimby808", "999-77-6655", "12 Hidden Alley", "S99977665")
# the dimension fails its check of keys, as that of insurers is not built
RAW = ("organizations", "patients", "payers", "payer_transitions")
SELECT = " or ".join([*(f"key:raw/raw_{name}" for name in RAW), "key:dims/dim_patient"])


def _drop(folder: Path, broken: bool) -> None:
    person = {**ROWS["patients"][0], "FIRST": VALUES[0], "LAST": VALUES[1], "SSN": VALUES[2], "ADDRESS": VALUES[3], "DRIVERS": VALUES[4]}
    if broken:
        person |= {"BIRTHDATE": VALUES[3]}
    files = {**release_files("3.3"), "patients.csv": csv_text(R33["patients"], *[person] * (2 if broken else 1))}
    write_files(folder, files)
    seal(folder, date(2025, 1, 30 + broken), known_places(load_catalog()))


def _everything(folder: Path) -> dict[str, str]:
    """All files below a folder as text, databases row by row."""
    found = {}
    for path in (p for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".db":
            with sqlite3.connect(path) as con:
                found[str(path)] = "\n".join(con.iterdump())
        else:
            found[str(path)] = path.read_bytes().decode("utf-8", "replace")
    return found


@pytest.mark.s3server
def test_nothing_that_a_run_leaves_tells_a_secret(
    moto_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bucket = f"secret-{uuid.uuid4().hex[:12]}"
    for name, value in {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    settings = {
        "CAREMETRIX_S3_ENDPOINT": moto_endpoint.replace("http://", f"http://operator:{PASSWORD}@"),
        "CAREMETRIX_S3_PATH_STYLE": "true",
        "CAREMETRIX_TEMP_DIR": str(tmp_path / "work"),
        "CAREMETRIX_WEBHOOK_URL": f"http://127.0.0.1:9/services/{TOKEN}?key={TOKEN}",
        "DAGSTER_HOME": str(home),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=moto_endpoint).create_bucket(Bucket=bucket)
    _drop(tmp_path / "inbox/good", broken=False)
    words = ["run", "--inbox", str(tmp_path / "inbox"), "--lake", f"s3://{bucket}/lake", "--start", "2025-01-30", "--select", SELECT]
    results = [CliRunner().invoke(app, words)]
    assert results[0].exit_code == 1 and "fk_resolves" in results[0].output, results[0].output
    _drop(tmp_path / "inbox/bad", broken=True)
    results += [CliRunner().invoke(app, words), CliRunner().invoke(app, ["drop", "check", str(tmp_path / "inbox/bad")])]
    results += [CliRunner().invoke(app, ["--json", "doctor", *words[1:5]]), CliRunner().invoke(app, ["--json", "checks", *words[3:5]])]
    monkeypatch.setenv("CAREMETRIX_S3_ENDPOINT", f"http://operator:{PASSWORD}@127.0.0.1:9")
    results += [CliRunner().invoke(app, [*words[:4], f"s3://{bucket}/away", *words[5:]])]
    assert [r.exit_code for r in results] == [1, 1, 1, 0, 0, 3]

    documents = {f"output {n}": r.output + repr(r.exception or "") for n, r in enumerate(results)}
    assert "CAREMETRIX_WEBHOOK_URL" in documents["output 3"] and "127.0.0.1" in documents["output 3"]
    documents["log"] = caplog.text
    documents |= _everything(home)
    graph = build_definitions(date(2025, 1, 30), {"lake": f"s3://{bucket}/lake"}).resolve_asset_graph()
    documents["metadata"] = repr([(k, graph.get(k).metadata, graph.get(k).description) for k in graph.get_all_asset_keys()])
    assert any("STEP_FAILURE" in text for text in documents.values()), "the failure was recorded, or there is nothing to search"
    told = {(place, word) for place, text in documents.items() for word in (KEY, SECRET, TOKEN, PASSWORD, *VALUES) if word in text}
    assert told == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://key:secret@store.example:9000", "https://store.example:9000"),
        ("http://store/?token=1", "http://store/"),
        ("s3://key:secret@bucket/prefix", "s3://bucket/prefix"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("./inbox?", "./inbox?"),
    ],
)
def test_addresses_are_shown_without_passwords(text: str, shown: str) -> None:
    assert without_password(text) == shown


def test_names_of_other_people_do_no_harm_on_a_terminal(tmp_path: Path) -> None:
    for name in ("[red]x[bold]", "a[/]b\x1b[2J"):
        folder = tmp_path / "inbox" / name.replace("/", "")
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{")
    words = ["run", "--inbox", str(tmp_path / "inbox"), "--lake", str(tmp_path / "lake"), "--start", "2025-01-30"]
    outputs = [CliRunner().invoke(app, words), CliRunner().invoke(app, ["drop", "list", "--lake", str(tmp_path / "lake")])]
    outputs.append(CliRunner().invoke(app, ["drop", "check", str(tmp_path / "inbox" / "[red]x[bold]"), "--lake", str(tmp_path / "lake")]))
    assert [r.exit_code for r in outputs] == [1, 0, 1], [repr(r.exception) for r in outputs]
    assert "[red]x[bold]" in outputs[0].output and "a[]b?[2J: the name of the folder" in outputs[0].output
    assert "[red]x[bold]" in outputs[2].output
    assert not any("\x1b" in r.output for r in outputs)
