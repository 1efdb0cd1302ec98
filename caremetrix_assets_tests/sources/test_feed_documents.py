"""The template and the page of the practice feed say what the contracts say."""

import re
from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.sources.check import check
from caremetrix_assets.sources.contracts import raw_files
from caremetrix_assets_tests.sources.feed import HEADERS

DOCS = Path(__file__).parents[2] / "docs"
TEMPLATE = DOCS / "practice_feed_template"
FEED = {name: file for name, file in raw_files(load_catalog()).items() if file.is_practice}


def test_the_template_has_every_file_with_its_header_alone():
    found = {path.name: path.read_text() for path in (TEMPLATE / "practice").iterdir()}
    assert found == {f"{name}.csv": ",".join(c.name for c in file.columns) + "\n" for name, file in FEED.items()}
    assert {name: header + "\n" for name, header in HEADERS.items()} == {name.removesuffix(".csv"): text for name, text in found.items()}


def test_the_template_is_a_drop_that_would_be_taken(lab):
    result = check(TEMPLATE, lab.catalog, lab.options, date(2026, 1, 31))
    assert (result.is_acceptable, result.problems, result.rows, sum(f.rows for f in result.files)) == (True, [], [], 0)


def sections() -> dict[str, str]:
    parts = re.split(r"^### (\w+)\.csv", (DOCS / "practice_feed.md").read_text(), flags=re.M)
    return dict(zip(parts[1::2], (re.split(r"^## ", text, flags=re.M)[0] for text in parts[2::2]), strict=True))


@pytest.mark.parametrize("name", FEED)
def test_the_page_names_every_column_and_value_and_what_must_be_filled(name):
    text = sections()[name]
    table = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))
    for column in FEED[name].columns:
        assert re.search(rf"(?<!\w)\*?{column.name}\*?(?!\w)", table), column.name
        assert (f"*{column.name}*" in table) == column.required, column.name
        for value in column.values or ():
            assert f"`{value}`" in text or f" {value}" in text, (column.name, value)
