"""Engines run a table's SELECT over lake tables and stage Parquet. DuckDB is embedded; nothing here knows Dagster."""
