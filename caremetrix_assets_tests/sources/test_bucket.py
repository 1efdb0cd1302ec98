"""Drops in a bucket, a lake in another: the same judgement and the same archive as in folders."""

import uuid
from datetime import date

import boto3
import pytest
from moto.server import ThreadedMotoServer

from caremetrix_assets.lake.s3 import S3Options, S3Storage
from caremetrix_assets.sources.intake import take_in
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.sources.quarantine import list_quarantine
from caremetrix_assets_tests.sources.drops import TODAY, minimal
from caremetrix_assets_tests.sources.releases import R33

pytestmark = pytest.mark.s3server
CONDITIONS = R33["conditions"] + "\n2025-01-02,,p1,e1,s,1,text\nsomeday,,p1,e1,s,2,text\n"


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """Opens places of a bucket of its own in an S3 server of its own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTACCESS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "TestSecretOfTheTests")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    name, endpoint = f"b-{uuid.uuid4().hex[:12]}", f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=name)
    options = S3Options(endpoint=endpoint, region="us-east-1", path_style=True, cache_dir=tmp_path / "cache")
    yield lambda prefix: S3Storage(f"s3://{name}/{prefix}", options)
    server.stop()


def upload(lab, storage):
    for info in lab.inbox.list():
        storage.write(info.key, lab.inbox.read(info.key))


def take(lab, inbox, lake):
    return list(take_in(inbox, lake, lab.catalog, Ledger.load(lake), TODAY, lab.options))


def test_a_drop_in_a_bucket_is_archived_in_a_bucket(lab, bucket):
    lab.drop("d", minimal(conditions=CONDITIONS))
    upload(lab, bucket("inbox"))
    inbox, lake = bucket("inbox"), bucket("lake")
    (taken,) = take(lab, inbox, lake)
    assert (taken.entry.status, taken.entry.rows_in, taken.entry.rows_quarantined) == ("accepted", 7, 1), taken.entry.reason
    (local,) = lab.take_in()
    assert local.report == taken.report
    assert {i.key for i in lake.list("ops/drops/")} == {i.key for i in lab.lake.list("ops/drops/")}
    assert [(q.file, q.rule, q.first_line) for q in list_quarantine(lake)] == [("conditions", "cannot_type.start", 3)]
    assert take(lab, inbox, lake) == [] and Ledger.load(lake).history() == Ledger.load(lab.lake).history()


def test_a_damaged_object_rejects_until_it_is_put_again(lab, bucket):
    lab.drop("d", minimal())
    upload(lab, bucket("inbox"))
    inbox, lake = bucket("inbox"), bucket("lake")
    whole = inbox.read("d/patients.csv")
    inbox.write("d/patients.csv", whole[:-3])
    assert [t.entry.status for t in take(lab, inbox, lake)] == ["rejected"] and take(lab, inbox, lake) == []
    inbox.write("d/patients.csv", whole)
    assert [t.entry.status for t in take(lab, inbox, lake)] == ["accepted"]


def test_a_prefix_with_a_success_object_is_a_drop_of_the_date_in_its_name(lab, bucket):
    storage = bucket("inbox")
    for name, text in minimal().items():
        storage.write(f"2025-01-31/csv/{name}", str(text).encode())
    assert [e.entry.status for e in take(lab, storage, bucket("lake"))] == []
    storage.write("2025-01-31/_SUCCESS", b"")
    (taken,) = take(lab, storage, bucket("lake"))
    assert (taken.entry.status, taken.entry.drop_date, taken.entry.kind) == ("accepted", date(2025, 1, 31), "full")
