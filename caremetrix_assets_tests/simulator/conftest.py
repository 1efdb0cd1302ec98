"""Feeds of the sample that several tests read; made once, not to be changed."""

import pytest

from caremetrix_assets_tests.simulator.lab import CHAIN, FULL, Feed, feed_of


@pytest.fixture(scope="session")
def full_feed() -> Feed:
    """The feed of the sample's first drop."""
    return feed_of(FULL)


@pytest.fixture(scope="session")
def newest_feed() -> Feed:
    """The feed of the whole chain, with its last drop."""
    return feed_of(*CHAIN)
