"""Registration in a Glue catalog: once, in place, the pointer alone, never somebody else's table."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.errors import CaremetrixError, ServiceError
from caremetrix_assets.serving.athena.compare import differences
from caremetrix_assets.serving.athena.definition import AthenaColumn, Definition, LakePlace, definition
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets.serving.athena.sync import Change, summary_of, sync
from caremetrix_assets_tests.lake.servers import Answer, server_saying
from caremetrix_assets_tests.serving.athena.conftest import changed_by_hand, client, tables

CATALOG = load_catalog()
NAMES = ("raw_payers", "dim_patient", "fact_payment", "mart_ar_aging")


@pytest.fixture
def wanted(at: LakePlace) -> list[Definition]:
    return [definition(CATALOG.tables[name], at) for name in NAMES]


class TestSync:
    def test_creates_what_is_missing_and_then_nothing(self, glue: Glue, wanted: list[Definition]):
        assert glue.tables() is None
        assert [c.action for c in sync(glue, wanted)] == ["created"] * 4
        before = tables(glue)
        assert [c.action for c in sync(glue, wanted)] == ["unchanged"] * 4
        assert tables(glue) == before and set(before) == set(NAMES)

    def test_glue_holds_what_athena_needs(self, glue: Glue, wanted: list[Definition]):
        sync(glue, wanted)
        daily, snapshot = tables(glue)["fact_payment"], tables(glue)["dim_patient"]
        storage = daily["StorageDescriptor"]
        assert daily["TableType"] == "EXTERNAL_TABLE"
        assert daily["Parameters"]["comment"] == daily["Description"] == CATALOG.tables["fact_payment"].doc
        assert storage["InputFormat"] == "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
        assert storage["OutputFormat"] == "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
        assert storage["SerdeInfo"]["SerializationLibrary"] == "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
        assert [(k["Name"], k["Type"]) for k in daily["PartitionKeys"]] == [("partition_date", "date")]
        assert {c["Name"]: c["Comment"] for c in storage["Columns"]}["payment_sk"] == CATALOG.tables["fact_payment"].column(
            "payment_sk"
        ).doc
        assert snapshot["PartitionKeys"] == []
        assert snapshot["StorageDescriptor"]["Location"].endswith("/dims/dim_patient/partition_date=2025-12-07/")

    def test_a_new_snapshot_moves_the_pointer_alone(self, glue: Glue, wanted: list[Definition], at: LakePlace):
        sync(glue, wanted)
        later = [definition(CATALOG.tables[name], replace(at, newest={"dim_patient": date(2025, 12, 8)})) for name in NAMES]
        changes = {c.table: c for c in sync(glue, later)}
        assert changes["dim_patient"] == Change("dim_patient", "moved", "pointer: 2025-12-07 is shown instead of 2025-12-08")
        assert summary_of(list(changes.values())) == "1 moved, 3 unchanged"
        assert tables(glue)["dim_patient"]["StorageDescriptor"]["Location"].endswith("partition_date=2025-12-08/")

    def test_a_contract_changes_in_place(self, glue: Glue, wanted: list[Definition]):
        sync(glue, wanted)
        fact = wanted[2]
        columns = (*fact.columns[:-2], AthenaColumn("added_rate", "decimal(9,4)", "New"), fact.columns[-1]._replace(type="bigint"))
        after = replace(fact, columns=columns, comment="Another text")
        changes = sync(glue, [*wanted[:2], after, wanted[3]])
        gone, last = fact.columns[-2].name, fact.columns[-1]
        assert [c.action for c in changes] == ["unchanged", "unchanged", "changed", "unchanged"]
        assert changes[2].detail == (
            f"columns: added_rate decimal(9,4) is missing; {gone} is too many; {last.name} is {last.type} instead of bigint; "
            "comments: other texts of the table"
        )
        assert differences(after, tables(glue)["fact_payment"]) == []

    def test_what_others_have_set_stays(self, glue: Glue, wanted: list[Definition]):
        sync(glue, wanted)
        theirs = tables(glue)["fact_payment"]["Parameters"] | {"has_pii": "no", "projection.enabled": "false"}
        changed_by_hand(glue, "fact_payment", Owner="finance", Parameters=theirs)
        assert [c.detail for c in sync(glue, wanted) if c.action == "changed"] == [
            "parameters: projection.enabled is false instead of true"
        ]
        found = tables(glue)["fact_payment"]
        assert found["Owner"] == "finance"
        assert found["Parameters"]["has_pii"] == "no" and found["Parameters"]["projection.enabled"] == "true"

    def test_a_removed_table_stays_until_it_is_asked_for(self, glue: Glue, wanted: list[Definition]):
        sync(glue, wanted)
        assert [c for c in sync(glue, wanted[:3]) if c.action != "unchanged"] == [
            Change("mart_ar_aging", "removed", "no contract has this name")
        ]
        assert "mart_ar_aging" in tables(glue)
        assert [c.action for c in sync(glue, wanted[:3], drop_removed=True)] == ["unchanged"] * 3 + ["dropped"]
        assert "mart_ar_aging" not in tables(glue)

    def test_a_table_of_somebody_else_is_left_alone(self, glue: Glue, wanted: list[Definition]):
        glue.create_database()
        own = {"Name": "fact_payment", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}], "Location": "s3://theirs/"}}
        client(glue).create_table(DatabaseName=glue.database, TableInput=own)
        client(glue).create_table(DatabaseName=glue.database, TableInput={**own, "Name": "their_budget"})
        changes = sync(glue, wanted, drop_removed=True)
        assert [c.action for c in changes] == ["created", "created", "refused", "created"]
        assert tables(glue)["fact_payment"]["StorageDescriptor"]["Location"] == "s3://theirs/"
        assert "their_budget" in tables(glue)

    def test_a_sync_that_was_cut_short_is_repeated(self, glue: Glue, wanted: list[Definition], monkeypatch: pytest.MonkeyPatch):
        create = Glue.create

        def failing(self: Glue, one: Definition) -> None:
            if one.name == "fact_payment":
                raise ServiceError("away")
            create(self, one)

        with monkeypatch.context() as patch, pytest.raises(ServiceError):
            patch.setattr(Glue, "create", failing)
            sync(glue, wanted)
        assert [c.action for c in sync(glue, wanted)] == ["unchanged", "unchanged", "created", "created"]


class TestDifferences:
    @pytest.mark.parametrize(
        ("change", "kind", "detail"),
        [
            (lambda d: replace(d, columns=d.columns[::-1]), "columns", "another order"),
            (
                lambda d: replace(d, location="s3://elsewhere/x/"),
                "location",
                "s3://elsewhere/x instead of s3://clinic-lake/caremetrix/facts",
            ),
            (lambda d: replace(d, partition=None), "partitions", "no partitions instead of partition_date date"),
            (lambda d: replace(d, partition=d.partition._replace(type="string")), "partitions", "partition_date string instead of"),
            (lambda d: replace(d, comment="x"), "comments", "other texts of the table"),
            (lambda d: replace(d, columns=(d.columns[0]._replace(comment="x"), *d.columns[1:])), "comments", "other texts of payment_sk"),
            (
                lambda d: replace(d, parameters={**d.parameters, "projection.extra": "1"}),
                "parameters",
                "projection.extra is 1 instead of not set",
            ),
        ],
    )
    def test_each_is_named(self, change: Any, kind: str, detail: str, glue: Glue, wanted: list[Definition]):
        sync(glue, [change(wanted[2])])
        found = differences(wanted[2], tables(glue)["fact_payment"])
        assert [d.kind for d in found] == [kind]
        assert found[0].detail.startswith(detail)

    def test_another_reader_is_named(self, glue: Glue, wanted: list[Definition]):
        sync(glue, wanted)
        storage = tables(glue)["fact_payment"]["StorageDescriptor"] | {"SerdeInfo": {"SerializationLibrary": "CsvSerde"}}
        changed_by_hand(glue, "fact_payment", StorageDescriptor=storage)
        assert [d.kind for d in differences(wanted[2], tables(glue)["fact_payment"])] == ["format"]
        assert [c.action for c in sync(glue, wanted)].count("changed") == 1

    def test_a_snapshot_of_another_lake_is_no_pointer_behind(self, glue: Glue, wanted: list[Definition]):
        sync(glue, [replace(wanted[1], location="s3://elsewhere/dims/dim_patient/partition_date=2025-12-07/")])
        assert [d.kind for d in differences(wanted[1], tables(glue)["dim_patient"])] == ["location"]


@pytest.mark.usefixtures("s3_credentials", "no_waiting")
class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "meaning"),
        [
            (400, "AccessDeniedException", "access is denied; check the credentials and their permissions (docs/athena.md"),
            (400, "ConcurrentModificationException", "somebody else is changing it; run again"),
            (400, "ExpiredTokenException", "the credentials are not accepted; renew them"),
            (400, "InvalidInputException", "the catalog answers 400 InvalidInputException; check the address and CAREMETRIX_GLUE_ENDPOINT"),
            (500, "InternalServiceException", "the catalog answers 500 InternalServiceException, several times; try again later"),
        ],
    )
    def test_a_refusal_is_one_sentence(self, status: int, code: str, meaning: str):
        body = json.dumps({"__type": code, "Message": "arn:aws:iam::123:user/ownername"}).encode()
        answer = Answer(status, body=body, headers={"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code})
        with server_saying(answer) as address, pytest.raises(CaremetrixError) as refusal:
            Glue("clinic", f"http://{address}", "us-east-1").tables()
        assert str(refusal.value).startswith("The Glue catalog's clinic cannot be read: ") and meaning in str(refusal.value)
        assert "ownername" not in str(refusal.value) and refusal.value.exit_code == 3

    def test_an_address_that_is_none_is_a_wrong_setting(self):
        with pytest.raises(CaremetrixError) as refusal:
            Glue("clinic", "no address", "us-east-1").tables()
        assert "CAREMETRIX_GLUE_ENDPOINT is not an address" in str(refusal.value) and refusal.value.exit_code == 2
