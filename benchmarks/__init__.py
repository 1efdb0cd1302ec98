"""Scripts that measure; never part of the tests."""
