"""One table in one run, without Dagster: what to build, stage, audit, publish. ``defs/`` wraps these as assets."""
