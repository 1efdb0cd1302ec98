"""The rule for the checks themselves: each has a clean input, a seeded violation and an input it does not apply to."""

from pathlib import Path

import pytest

from caremetrix_assets.audit.registry import CHECKS
from caremetrix_assets.audit.rules import rules_of
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit import test_columns, test_dims, test_facts, test_marts, test_raw, test_tables, test_watch
from caremetrix_assets_tests.audit.support import Case

CASES = [
    case
    for module in (test_tables, test_columns, test_raw, test_dims, test_facts, test_marts, test_watch)
    for case in [*module.CASES, *([module.TYPE_CASE] if module is test_columns else [])]
]
# judged while a drop is read, from counts: results.drop_result
OF_A_DROP = {"keys_redrawn", "drop_complete"}
# an empty partition is what these look for
ABOUT_EMPTINESS = {"reserved_members_present", "mart_not_empty"}


def test_every_check_of_the_registry_has_inputs() -> None:
    seen = {case.rule.split(".")[0] for case in CASES}
    assert seen == set(CHECKS) - OF_A_DROP


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_has_a_violation_and_an_input_it_does_not_apply_to(case: Case) -> None:
    assert case.failed > 0
    assert (case.absent is None) == (case.rule in ABOUT_EMPTINESS)


def test_every_rule_of_every_table_is_known(tmp_path: Path) -> None:
    catalog = load_catalog()
    for table in catalog.tables.values():
        names = [r.name for r in rules_of(catalog, table)]
        assert len(names) == len(set(names)), table.name
        assert {"schema_contract", "grain_unique", "no_identifier_leak", "volume_drift"} <= set(names), table.name
        for rule in rules_of(catalog, table):
            assert rule.check in CHECKS or rule.check in table.checks, rule.name
