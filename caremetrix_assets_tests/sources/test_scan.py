"""The pass over a file's bytes: the same facts whatever the chunks, and damaged gzip files refused."""

import gzip
import hashlib

import pytest

from caremetrix_assets.errors import InputError
from caremetrix_assets.sources import scan as module
from caremetrix_assets.sources.scan import scan

PLAIN = "Id,NAME\n1,Ñandú\n2,x\n".encode()


def scanned(tmp_path, data, name="x.csv"):
    path = tmp_path / name
    path.write_bytes(data)
    return scan(path, name, tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("data", "lines", "fast"),
    [
        (PLAIN, 3, True),
        (PLAIN[:-1], 3, True),
        (b"", 0, True),
        (b"a,b\r\n1,2\r\n", 2, True),
        (b"a,b\r\n1,2\n", 2, False),
        (b"a,b\n1,\r2\n", 2, False),
        (b"a,b\n\n1,2\n", 3, True),
        (b"a,b\r\n\r\n1,2\r\n", 3, True),
        (b"\na,b\n", 2, True),
        (b"a,b\n1,2\n\n", 3, True),
        (b"a,b\n1,\x00\n", 2, False),
        (b"a,b\n1,\xff\n", 2, False),
        (b"a,b\n1,\xc3", 2, False),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1 << 20])
def test_facts_do_not_depend_on_the_chunks(tmp_path, monkeypatch, data, lines, fast, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    found = scanned(tmp_path, data)
    assert (found.lines, found.may_be_read_fast, found.size) == (lines, fast, len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_gzip_is_unpacked_and_hashed_as_it_lies(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    packed = gzip.compress(PLAIN[:9]) + gzip.compress(PLAIN[9:])
    found = scanned(tmp_path, packed, "x.csv.gz")
    assert found.sha256 == hashlib.sha256(packed).hexdigest()
    assert found.plain.read_bytes() == PLAIN and found.lines == 3


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[: len(b) // 2], lambda b: b"", lambda b: PLAIN, lambda b: b + b"tail"])
def test_a_damaged_gzip_file_is_refused_by_name(tmp_path, damage):
    with pytest.raises(InputError, match=r"x\.csv\.gz"):
        scanned(tmp_path, damage(gzip.compress(PLAIN)), "x.csv.gz")


def test_quotes_and_nan_are_noticed_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)
    found = scanned(tmp_path, b'a,b\n"1",NaN\n')
    assert found.has_quotes and found.has_nan
