"""Reads ``tables/``: strict models of contracts, loading, lineage, lint. No Dagster, no engine, no storage."""
