"""Drops: discover, verify, read, type, quarantine, archive, ledger, replay. Where objects lie is ``lake``; no Dagster here."""
