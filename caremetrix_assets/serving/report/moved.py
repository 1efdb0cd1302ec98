"""The report's last section: which headline totals moved since the day shown before, through which rows, because of what.

It reads what the runs have kept (``ops/changes``) about the report's day; a day that no run has recorded has no such section.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from html import escape
from typing import Any

from caremetrix_assets.audit.changes import ROWS, read_changes
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.report.definition import Report
from caremetrix_assets.sources.ledger import Ledger

MOVED_ID, MOVED_TITLE = "what-moved", "What moved and why"


def moved_section(lake: Lake, day: dt.date, report: Report) -> str:
    """The section as HTML; empty when nothing is known of the day, or its run went on to later days and later drops."""
    rows = read_changes(lake.storage, day=day)
    if any(r["partition_date"] > day for r in rows):
        return ""
    parts = {r["table_name"]: r for r in rows if r["measure"] is None and r["compared_with"]}
    if not parts:
        return ""
    totals = _headlines([r for r in rows if r["partition_date"] == day], report)
    body = f"<p>{escape(_because(lake, parts))}</p>\n"
    if totals:
        body += _table(("Figure", "Mart", "Before", "Now", "Before means"), [_total(r, title) for r, title in totals], numbers=(2, 3))
    else:
        body += "<p>No headline figure of the marts is different.</p>\n"
    sources = _sources(lake, [r for r in rows if r["measure"] is None])
    if sources:
        body += _table(("Table", "Rows added", "Rows changed", "Rows removed"), sources, numbers=(1, 2, 3))
    return f'<section id="{MOVED_ID}" class="moved">\n<h2>{MOVED_TITLE}</h2>\n{body}</section>\n'


def _headlines(rows: Sequence[dict[str, Any]], report: Report) -> list[tuple[dict[str, Any], str]]:
    """Totals that a card shows and that moved, in the report's order, with the card's title."""
    known = {(r["table_name"], r["period_grain"], r["measure"]): r for r in rows if r["measure"]}
    found = [(known.get((m.mart, m.grain, c.value)), c.title) for m in report.marts for c in m.cards if not c.where]
    return [(row, title) for row, title in found if row is not None]


def _total(row: dict[str, Any], title: str) -> tuple[str, ...]:
    before = "what was shown of this day" if row["compared_with"] == row["partition_date"] else f"{row['compared_with']:%-d %B %Y}"
    return title, row["table_name"], row["value_before"] or "–", row["value_after"] or "–", before


def _because(lake: Lake, parts: dict[str, dict[str, Any]]) -> str:
    ids = sorted({d for r in parts.values() for d in r["drop_ids"].split()})
    entries = [e for e in Ledger.load(lake.storage).history() if e.drop_id in ids]
    if not entries:
        return f"Because of: {', '.join(sorted({r['cause'] for r in parts.values()}))}."
    named = [f"{e.name} ({e.status}; {e.rows_new or 0:,} rows new, {e.rows_changed or 0:,} changed)" for e in entries]
    return f"Because of the drops {', '.join(named)}."


def _sources(lake: Lake, rows: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Rows that came, changed or went in the facts, which the marts are made of."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if lake.catalog.tables[row["table_name"]].layer == "facts":
            mine = found.setdefault(row["table_name"], [0, 0, 0])
            for i, name in enumerate(ROWS):
                mine[i] += row[name] or 0
    return [(name, *(f"{n:,}" for n in counts)) for name, counts in sorted(found.items()) if any(counts)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        kinds = [' class="n"' if i in numbers else "" for i in range(len(values))]
        return "".join(f"<{tag}{kind}>{escape(v)}</{tag}>" for v, kind in zip(values, kinds, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    return f"<table>\n<tr>{cells('th', head)}</tr>\n{body}</table>\n"
