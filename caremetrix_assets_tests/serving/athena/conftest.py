"""A Glue catalog for tests (moto's server), and a lake with dates and pointers but hardly any rows."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest

from caremetrix_assets.lake.layout import pointer_key
from caremetrix_assets.lake.state import fix_start_date
from caremetrix_assets.lake.storage import LocalStorage
from caremetrix_assets.serving.athena.definition import LakePlace
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets_tests.lake.conftest import moto_endpoint, no_waiting, real_endpoint, s3_credentials

__all__ = ["moto_endpoint", "no_waiting", "real_endpoint", "s3_credentials"]

START, NEWEST = date(2025, 11, 30), date(2025, 12, 7)
BUCKET = "s3://clinic-lake/caremetrix"


@pytest.fixture
def at() -> LakePlace:
    """A lake in a bucket whose patients were last snapshot on ``NEWEST``."""
    return LakePlace(BUCKET, START, {"dim_patient": NEWEST})


@pytest.fixture
def glue(s3_credentials: None, moto_endpoint: str) -> Glue:
    """A database of its own that does not exist yet."""
    return Glue(f"clinic_{uuid.uuid4().hex[:12]}", moto_endpoint, "us-east-1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lake in a folder with a start date and one pointer, without tables."""
    storage = LocalStorage(tmp_path / "lake")
    fix_start_date(storage, START)
    storage.write(pointer_key("dim_patient"), b'{"partition_date": "2025-12-07"}\n')
    return tmp_path / "lake"


def client(glue: Glue) -> Any:
    return boto3.client("glue", endpoint_url=glue._endpoint, region_name="us-east-1")


def tables(glue: Glue) -> dict[str, Any]:
    found = glue.tables()
    assert found is not None
    return found


def changed_by_hand(glue: Glue, name: str, **changes: Any) -> None:
    """Changes a table as another tool would."""
    kept = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor", "Owner", "Retention")
    found = {k: v for k, v in tables(glue)[name].items() if k in kept}
    client(glue).update_table(DatabaseName=glue.database, TableInput={**found, **changes})
