"""The whole graph with inbox and lake in buckets of a real S3 server: the same tables as in a folder."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from caremetrix_assets import Lake
from caremetrix_assets.cli.app import app
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.lake.storage import LocalStorage
from caremetrix_assets.settings import load_settings
from caremetrix_assets_tests.runs import FULL, SAMPLE, Place

DROPS = (FULL, "2025-12-05")


@pytest.mark.s3server
@pytest.mark.parametrize("server", ["moto", "real"])
@pytest.mark.usefixtures("s3_credentials")
def test_a_bucket_holds_the_same_tables_as_a_folder(
    server: str, request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    endpoint = request.getfixturevalue(f"{server}_endpoint")
    bucket = f"clinic-{uuid.uuid4().hex[:12]}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    for name in DROPS:
        for path in (p for p in (SAMPLE / name).rglob("*") if p.is_file()):
            client.upload_file(str(path), bucket, f"inbox/{path.relative_to(SAMPLE).as_posix()}")
    settings = {"S3_ENDPOINT": endpoint, "S3_PATH_STYLE": "true", "S3_REGION": "us-east-1", "TEMP_DIR": str(tmp_path / "work")}
    for name, value in settings.items():
        monkeypatch.setenv(f"CAREMETRIX_{name}", value)

    words = ["run", "--inbox", f"s3://{bucket}/inbox", "--lake", f"s3://{bucket}/lake", "--start", FULL]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "Nothing new" in CliRunner().invoke(app, words).output

    place.bring(*DROPS)
    place.run()
    remote = open_lake(load_settings(lake=f"s3://{bucket}/lake"))
    for layer in ("raw", "dims", "facts", "marts"):
        local = {
            i.key: hashlib.sha256(LocalStorage(place.lake).read(i.key)).hexdigest() for i in LocalStorage(place.lake).list(f"{layer}/")
        }
        assert {i.key: hashlib.sha256(remote.read(i.key)).hexdigest() for i in remote.list(f"{layer}/")} == local
    visits = Lake(f"s3://{bucket}/lake", remote).table("fact_appointment").to_arrow()
    assert visits.num_rows == place.reader().table("fact_appointment").to_arrow().num_rows > 0
