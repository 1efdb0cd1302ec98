"""The undisturbed runs that every disturbed one is compared with."""

from __future__ import annotations

import pytest

from caremetrix_assets_tests.failures.history import History, make_history


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Made once; not to be changed."""
    return make_history(tmp_path_factory.mktemp("history"))
