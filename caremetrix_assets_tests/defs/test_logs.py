"""The JSON lines of docs/operations.md, through a Dagster instance with exactly that configuration."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import dagster as dg
import pytest

from caremetrix_assets.defs.logs import JsonLines

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_documented_configuration_writes_a_run_as_json_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (snippet,) = re.findall(r"```yaml\n(python_logs:.*?)```", OPERATIONS.read_text("utf-8"), re.DOTALL)
    (tmp_path / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{snippet.replace('INFO', 'DEBUG')}", "utf-8")

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2025-01-30"))
    def table(context) -> None:
        context.log.info('3 rows "changed"')

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        result = dg.materialize([table], instance=instance, partition_key="2025-01-31")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert lines and {line["run_id"] for line in lines} == {result.run_id}
    (said,) = [line for line in lines if line["message"] == '3 rows "changed"']
    assert said["at"].endswith("+00:00")
    assert (said["level"], said["step"], "event" in said) == ("INFO", "table", False)
    (shown,) = [line for line in lines if line.get("event") == "ASSET_MATERIALIZATION"]
    assert shown["partition"] == "2025-01-31"


def test_other_records_say_where_they_come_from() -> None:
    record = logging.LogRecord("caremetrix_assets.lake.lease", logging.WARNING, "lease.py", 1, "kept %s", ("it",), None)
    found = json.loads(JsonLines().format(record))
    assert (found["logger"], found["level"], found["message"]) == ("caremetrix_assets.lake.lease", "WARNING", "kept it")
    assert "run_id" not in found
