"""The service as it runs in production, without containers: a drop in the bucket becomes tables in the bucket, green in the UI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import boto3
import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.service.stack import SECRETS, Stack
from caremetrix_assets_tests.sources.drops import minimal, write_files

DAY = "2025-01-31"
RUN_SECONDS = 900


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(DAY) as found:
        found.up("postgres", "object-store", "buckets", "code", "webserver", "daemon")
        yield found


@pytest.mark.service
@pytest.mark.s3server
@pytest.mark.timeout(1200)
def test_a_drop_in_the_inbox_becomes_tables_in_the_bucket(stack: Stack, tmp_path: Path) -> None:
    assert stack.ui.runs() == []
    catalog = load_catalog()
    write_files(tmp_path / "drops" / DAY, minimal())
    seal(tmp_path / "drops" / DAY, date.fromisoformat(DAY), known_places(catalog))
    assert f"drop {DAY}:" in stack.do(["python", "/opt/caremetrix/store.py", "bring", str(tmp_path / "drops")], "sample")
    stack.until(stack.ui.runs, "the sensor asks for a run", 120)
    stack.until(lambda: stack.ui.statuses()[0] in ("SUCCESS", "FAILURE"), "the run ends", RUN_SECONDS)
    assert stack.ui.statuses() == ["SUCCESS"]

    assets = stack.ui.assets()
    assert assets.keys() == {*(f"{t.layer}/{t.name}" for t in catalog.tables.values()), "ops/drop_ledger", "ops/applied"}
    checks = stack.ui.checks()
    assert {name.rpartition(":")[2] for name in checks} == {"contract", "integrity", "watch", "freshness"}
    assert {name: found for name, found in checks.items() if found[0] != "SUCCEEDED" and found[1] != "WARN"} == {}

    endpoint = f"http://127.0.0.1:{stack.ports['object-store']}"
    session = boto3.session.Session(SECRETS["S3_ACCESS_KEY"], SECRETS["S3_SECRET_KEY"], region_name="us-east-1")
    client = session.client("s3", endpoint_url=endpoint)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="caremetrix-lake", Prefix="marts/")
    held = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    assert f"marts/mart_active_patients/partition_date={DAY}/mart_active_patients.parquet" in held
    assert all(stack.is_healthy(name) for name in stack.running)


@pytest.mark.service
@pytest.mark.s3server
def test_no_secret_in_a_log_or_in_what_the_ui_shows(stack: Stack) -> None:
    shown = str(stack.ui.ask("query { instance { info } }"))
    files = [p.read_text("utf-8", "replace") for p in [*stack.root.glob("*.log"), *(stack.root / "logs").rglob("*")] if p.is_file()]
    for secret in (SECRETS["POSTGRES_PASSWORD"], SECRETS["S3_SECRET_KEY"]):
        assert not [text for text in [shown, *files] if secret in text]
