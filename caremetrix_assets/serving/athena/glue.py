"""The Glue catalog that Athena reads: the few calls ``sync`` and ``verify`` make, and what a refusal means.

Nothing is decided here; what a table should be is ``definition``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from caremetrix_assets.lake.aws_errors import CREDENTIALS, Service, code_of, explained
from caremetrix_assets.lake.s3 import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS, client_of
from caremetrix_assets.serving.athena.ddl import DATABASE_COMMENT
from caremetrix_assets.serving.athena.definition import AthenaColumn, Definition
from caremetrix_assets.settings import Settings

HIVE_IO = "org.apache.hadoop.hive.ql.io.parquet"
FORMAT = {
    "InputFormat": f"{HIVE_IO}.MapredParquetInputFormat",
    "OutputFormat": f"{HIVE_IO}.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": f"{HIVE_IO}.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
# What an update keeps when somebody else has set it.
KEPT = ("Owner", "Retention")
GLUE_SERVICE = Service(
    name="Glue",
    noun="catalog",
    setting="CAREMETRIX_GLUE_ENDPOINT",
    denied="access is denied; check the credentials and their permissions (docs/athena.md lists them)",
    names="database, table or region",
    meanings={
        **CREDENTIALS,
        "UnrecognizedClientException": CREDENTIALS["InvalidToken"],
        "ExpiredTokenException": CREDENTIALS["ExpiredToken"],
        "AlreadyExistsException": "it is there already, made just now or hidden from these credentials; run again, or grant them to see it",
        "EntityNotFoundException": "it is no longer there; run again",
        "ConcurrentModificationException": "somebody else is changing it; run again",
        "ResourceNumberLimitExceededException": "the account has as many as it may have; remove some, or ask AWS for more",
        "GlueEncryptionException": "the catalog is encrypted with a key that may not be used; allow it (kms:Decrypt, kms:GenerateDataKey)",
    },
)


class Glue:
    """One database of a Glue catalog; connects at the first call."""

    def __init__(self, database: str, endpoint: str | None = None, region: str | None = None) -> None:
        """``endpoint`` None: AWS; ``region`` None: what the standard AWS chain says. Credentials come from that chain only."""
        self.database, self._endpoint, self._region = database, endpoint, region
        self._connected: Any = None

    @classmethod
    def of(cls, settings: Settings) -> Glue:
        """The database and address of the settings."""
        return cls(settings.glue_database, settings.glue_endpoint, settings.s3_region)

    def tables(self) -> dict[str, dict[str, Any]] | None:
        """All tables of the database by name, as Glue describes them; None when there is no such database."""
        from botocore.exceptions import ClientError

        with self._explained("read", self.database):
            try:
                pages = self._client().get_paginator("get_tables").paginate(DatabaseName=self.database)
                return {table["Name"]: table for page in pages for table in page["TableList"]}
            except ClientError as error:
                if code_of(error) == "EntityNotFoundException":
                    return None
                raise

    def create_database(self) -> None:
        """Creates the database."""
        with self._explained("created", self.database):
            self._client().create_database(DatabaseInput={"Name": self.database, "Description": DATABASE_COMMENT})

    def create(self, wanted: Definition) -> None:
        """Creates a table."""
        with self._explained("created", wanted.name):
            self._client().create_table(DatabaseName=self.database, TableInput=table_input(wanted))

    def update(self, wanted: Definition, found: dict[str, Any], *, keep_version: bool) -> None:
        """Changes a table in one call, in place; ``keep_version``: Glue keeps the former description as a version."""
        with self._explained("changed", wanted.name):
            self._client().update_table(DatabaseName=self.database, TableInput=table_input(wanted, found), SkipArchive=not keep_version)

    def drop(self, name: str) -> None:
        """Removes a table from the catalog; its files stay."""
        with self._explained("dropped", name):
            self._client().delete_table(DatabaseName=self.database, Name=name)

    @contextmanager
    def _explained(self, verb: str, name: str) -> Iterator[None]:
        what = name if name == self.database else f"{self.database}.{name}"
        with explained(verb, f"The Glue catalog's {what}", self._endpoint, GLUE_SERVICE):
            yield

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        if self._connected is None:
            session = boto3.session.Session()
            config = Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            )
            no_address = "CAREMETRIX_GLUE_ENDPOINT is not an address such as http://localhost:5000."
            self._connected = client_of(session, "glue", self._region, self._endpoint, config, no_address)
        return self._connected


def table_input(wanted: Definition, found: dict[str, Any] | None = None) -> dict[str, Any]:
    """What Glue is told of a table; parameters, owner and retention that others have set on ``found`` are kept."""
    foreign = {k: v for k, v in (found or {}).get("Parameters", {}).items() if not is_own(k)}
    return {
        **{key: found[key] for key in KEPT if found and found.get(key)},
        "Name": wanted.name,
        "Description": wanted.comment,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {**foreign, **wanted.parameters, "comment": wanted.comment},
        "PartitionKeys": [_column(wanted.partition)] if wanted.partition else [],
        "StorageDescriptor": {"Columns": [_column(c) for c in wanted.columns], "Location": wanted.location, **FORMAT},
    }


def read_definition(found: dict[str, Any]) -> Definition:
    """The same of a table that Glue describes. Its parameters are those that are ours to set."""
    storage = found.get("StorageDescriptor") or {}
    keys = [_read_column(c) for c in found.get("PartitionKeys") or ()]
    columns = tuple(_read_column(c) for c in storage.get("Columns") or ())
    return Definition(
        name=found["Name"],
        comment=found.get("Description") or (found.get("Parameters") or {}).get("comment") or "",
        # A second partition key never comes from here; it is shown as a column too many.
        columns=(*columns, *keys[1:]),
        partition=keys[0] if keys else None,
        location=storage.get("Location") or "",
        parameters={k: v for k, v in (found.get("Parameters") or {}).items() if is_own(k) and k != "comment"},
    )


def is_own(parameter: str) -> bool:
    """Whether a table parameter is one that only ``sync`` sets."""
    named = ("EXTERNAL", "classification", "comment", "storage.location.template")
    return parameter in named or parameter.startswith(("projection.", "caremetrix."))


def format_of(found: dict[str, Any]) -> tuple[str, str]:
    """Input format and reader of a table that Glue describes."""
    storage = found.get("StorageDescriptor") or {}
    return storage.get("InputFormat") or "", (storage.get("SerdeInfo") or {}).get("SerializationLibrary") or ""


def _column(column: AthenaColumn) -> dict[str, str]:
    return {"Name": column.name, "Type": column.type, "Comment": column.comment}


def _read_column(found: dict[str, Any]) -> AthenaColumn:
    return AthenaColumn(found["Name"], (found.get("Type") or "").lower().replace(" ", ""), found.get("Comment") or "")
