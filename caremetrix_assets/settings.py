"""The only reader of the environment: every ``CAREMETRIX_*`` setting, its default and its check.

Where settings are used is elsewhere; command-line options are passed as overrides and win.
"""

from __future__ import annotations

import json
import os
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from caremetrix_assets.errors import UsageError

PREFIX = "CAREMETRIX_"
# With 2,000 instead of 200 a load of 80 patients took 21 s instead of 17 s; above the limit the same column rules
# run as SQL, which gives the same counts.
GX_ROW_LIMIT = 200
# A load of 3 million rows was no slower than with 1.2 GB, and the process stayed under 2 GB; spilling is to local disk.
DEFAULT_MEMORY_MB = 800


class Settings(BaseSettings):
    """Validated settings. Build with :func:`load_settings`, which turns mistakes into one sentence."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    lake: str = "./.caremetrix/lake"
    inbox: str = "./inbox"
    start_date: date | None = None
    engine: Literal["duckdb", "spark"] = "duckdb"
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    memory_limit: str = ""
    temp_dir: str = ""
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_path_style: bool = False
    restate_days: int = Field(35, ge=0)
    nightly_max_days: int = Field(31, ge=0)
    quarantine_limit: Decimal = Field(Decimal("0.01"), ge=0, le=1)
    max_file_gb: float = Field(64, gt=0)
    max_record_kb: int = Field(1024, ge=1)
    history_start: date | None = None
    fiscal_start_month: int = Field(10, ge=1, le=12)
    glue_database: str = "caremetrix"
    glue_endpoint: str | None = None
    snapshot_retention_days: int = Field(35, ge=0)
    webhook_url: str | None = None
    gx_row_limit: int = Field(GX_ROW_LIMIT, ge=0)

    @field_validator("lake", "inbox")
    @classmethod
    def _place(cls, value: str) -> str:
        if "://" in value and not value.startswith("s3://"):
            raise ValueError("must be a folder or s3://bucket/prefix")
        return value

    @field_validator("glue_database")
    @classmethod
    def _database(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9_]{1,255}", value):
            raise ValueError("must be lower case letters, digits and underscores, as Athena wants it")
        return value

    @property
    def is_local(self) -> bool:
        """True when the lake is a folder."""
        return not self.lake.startswith("s3://")

    @property
    def registers_tables(self) -> bool:
        """True when runs keep a Glue catalog up to date: its database or address is set, and it can read the lake."""
        is_asked = bool({"glue_database", "glue_endpoint"} & self.model_fields_set)
        return is_asked and (not self.is_local or self.glue_endpoint is not None)

    @property
    def work_dir(self) -> Path:
        """Where private files of running steps live: staging, spill, S3 read cache."""
        if self.temp_dir:
            return Path(self.temp_dir)
        return Path(self.lake).resolve().parent / "work" if self.is_local else Path("./.caremetrix/work").resolve()

    @property
    def duckdb_memory(self) -> str:
        """DuckDB's memory limit; default 60 % of the machine's memory, at most ``DEFAULT_MEMORY_MB``."""
        if self.memory_limit:
            return self.memory_limit
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return f"{min(int(memory * 0.6 / 2**20), DEFAULT_MEMORY_MB)}MB"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and ``.env``; ``overrides`` that are not None win.

    Raises UsageError naming the setting for a wrong value and for an unknown ``CAREMETRIX_*`` name.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(n for n in {*os.environ, *_dotenv_names()} if n.upper().startswith(PREFIX) and n.upper() not in known)
    unknown = [n for n in unknown if not n.upper().startswith(PREFIX + "TEST_")]
    if unknown:
        raise UsageError(f"{unknown[0]} is not a setting; see `caremetrix doctor` for the names, or unset it.")
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        detail = error.errors()[0]
        name = PREFIX + str(detail["loc"][0]).upper()
        raise UsageError(f"{name}: {detail['msg']}.") from error


def _dotenv_names() -> list[str]:
    path = Path(".env")
    if not path.is_file():
        return []
    lines = (line.strip().removeprefix("export ") for line in path.read_text("utf-8").splitlines())
    return [line.split("=", 1)[0].strip() for line in lines if "=" in line and not line.startswith("#")]


def dagster_home(settings: Settings) -> Path:
    """The Dagster instance folder: ``DAGSTER_HOME``, else ``dagster`` beside a local lake."""
    given = os.environ.get("DAGSTER_HOME")
    if given:
        return Path(given)
    return Path(settings.lake).resolve().parent / "dagster" if settings.is_local else Path("./.caremetrix/dagster").resolve()


def has_spark_configuration() -> bool:
    """Whether Spark was told where to run: any of the variables that lead it to a configuration."""
    return any(os.environ.get(name) for name in ("SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS"))


def java_home() -> str:
    """``JAVA_HOME``, empty when it is not set."""
    return os.environ.get("JAVA_HOME", "")


def partitions_start(settings: Settings) -> date:
    """The first partition for definitions: the setting, else a local lake's ``ops/lake.json``, else 2020-01-01.

    Reads one small local file at most, so loading definitions opens no connection; a service on a bucket sets it.
    """
    if settings.start_date:
        return settings.start_date
    record = Path(settings.lake) / "ops" / "lake.json"
    if settings.is_local and record.is_file():
        return date.fromisoformat(json.loads(record.read_text("utf-8"))["start_date"])
    return date(2020, 1, 1)
