"""What tests share: no stray settings, and a lake built once from the bundled sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from caremetrix_assets import Lake
from caremetrix_assets_tests.runs import Place

# few tests, minutes each: begun last they would keep one process busy while the others are done
LONG = ("defs", "failures", "service")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs first."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(autouse=True, scope="session")
def _no_stray_settings() -> Iterator[None]:
    """A developer's own CAREMETRIX_* variables do not leak into tests; the row limit keeps Great Expectations out of big runs."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("CAREMETRIX_") and not k.startswith("CAREMETRIX_TEST_")}
    for name in kept:
        del os.environ[name]
    os.environ["CAREMETRIX_GX_ROW_LIMIT"] = "0"
    yield
    os.environ.update(kept)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty lake and an empty inbox."""
    (tmp_path / "inbox").mkdir()
    return Place(tmp_path)


@pytest.fixture(scope="session")
def sample_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The bundled sample, run once for all test processes; not to be changed."""
    from caremetrix_assets_tests.runs import DAYS, FULL, LATE_NEWBORNS, NEWBORNS

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    found, done = Place(shared / "sample-place"), shared / "sample-place-done"
    with FileLock(shared / "sample-place.lock"):
        if not done.exists():
            found.bring(FULL, NEWBORNS, LATE_NEWBORNS, *DAYS)
            found.run()
            done.touch()
    return found


@pytest.fixture(scope="session")
def sample_lake(sample_place: Place) -> Lake:
    """The lake of the bundled sample."""
    return sample_place.reader()
