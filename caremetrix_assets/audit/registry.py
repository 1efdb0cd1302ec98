"""Every generic check by name: how severe it is, what share of rows may offend, which asset check it belongs to.

A check that is not named here is a table's own (``checks`` of its contract). What a check looks for is in ``rules_*``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from caremetrix_assets.audit.model import Group, Rule, Scope, Severity, Test


class Check(NamedTuple):
    """Severity, allowed share and asset check of one generic check."""

    group: Group
    severity: Severity = "blocking"
    threshold: Decimal = Decimal(0)


def _warn(threshold: str = "0") -> Check:
    return Check("watch", "warn", Decimal(threshold))


CHECKS: dict[str, Check] = {
    # every table
    "schema_contract": Check("contract"),
    "types_not_drifted": Check("contract"),
    "column_type": Check("contract"),
    "not_null": Check("contract"),
    "grain_unique": Check("contract"),
    "allowed_values": Check("contract"),
    "id_pattern": Check("contract"),
    "value_in_range": Check("contract"),
    "only_this_day": Check("contract"),
    "no_identifier_leak": Check("contract"),
    "code_keeps_text": Check("integrity"),
    "fk_resolves": Check("integrity"),
    "category_seen": _warn(),
    "null_share_stable": _warn(),
    "volume_drift": _warn(),
    # drops and raw tables
    "keys_redrawn": Check("integrity"),
    "drop_complete": Check("integrity"),
    "rows_accounted": Check("integrity"),
    "quarantine_share": Check("integrity"),
    "schema_drift": _warn(),
    "waiting_share": _warn("0.01"),
    # half the file's keys gone is a new seed; one in twenty is already worth a look
    "vanished_keys": _warn("0.05"),
    "raw_key_unique": Check("integrity"),
    "raw_fk_resolves": Check("integrity"),
    "change_log_minimal": Check("integrity"),
    "replayed_state_equals_drop": Check("integrity"),
    "sentinel_removed": Check("contract"),
    "newest_event_age": _warn(),
    "new_category_value": _warn(),
    "formula_cell": _warn(),
    # dimensions
    "natural_key_unique": Check("contract"),
    "reserved_members_present": Check("integrity"),
    "key_is_stable_hash": Check("integrity"),
    "scd2_no_gap_no_overlap": Check("integrity"),
    "scd2_one_current": Check("integrity"),
    "scd2_real_change": Check("integrity"),
    "scd2_version_budget": Check("integrity"),
    "dimension_complete": Check("integrity"),
    # facts and event dimensions
    "rows_out_equals_rows_in": Check("integrity"),
    "money_equals_source": Check("integrity"),
    "join_match_rate": Check("integrity"),
    "version_covers_event": Check("integrity"),
    "simulated_flag_true": Check("integrity"),
    "unknown_member_share": _warn("0.05"),
    # marts
    "mart_not_empty": Check("integrity"),
    "header_valid": Check("integrity"),
    "rate_equals_parts": Check("integrity"),
    "numerator_within_denominator": Check("integrity"),
    "breakdown_sums_to_total": Check("integrity"),
    "windows_monotone": Check("integrity"),
    "data_basis_honest": Check("integrity"),
    "small_cell_marked": Check("integrity"),
    "mart_drift": _warn(),
}


def rule(check: str, test: Test, scope: Scope | None = None, *, column: str | None = None, **more: object) -> Rule:
    """The rule that runs ``test`` under a check's severity and threshold; column checks are named ``check.column``."""
    known = CHECKS[check]
    name = f"{check}.{column}" if column else check
    return Rule(name, check, known.group, known.severity, known.threshold, test, scope or Scope(), **more)  # type: ignore[arg-type]
