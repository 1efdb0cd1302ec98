"""A run's log as JSON lines, for whoever collects logs: named as formatter in ``dagster.yaml``, see docs/operations.md."""

import json
import logging
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """One object per line: at, level, message, and of a run's records run_id, job, step, partition, event. No traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event")
        tags = meta.get("dagster_event_batch_metadata") or {}
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": None if meta else record.name,
            "message": meta.get("orig_message") or record.getMessage(),
            "run_id": meta.get("run_id"),
            "job": meta.get("job_name"),
            "step": meta.get("step_key"),
            "event": event.event_type_value if event is not None else None,
            "partition": getattr(event, "partition", None) if event is not None else tags.get("partition") if tags else None,
        }
        return json.dumps({k: v for k, v in found.items() if v is not None}, ensure_ascii=False)
