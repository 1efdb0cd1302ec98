"""The lab that the tests of drops work in."""

from pathlib import Path

import pytest

from caremetrix_assets_tests.sources.drops import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)
