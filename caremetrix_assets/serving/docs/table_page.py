"""The page of one table: meaning, grain, history, queries, columns, metrics, joins, checks, lineage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from caremetrix_assets.catalog.lineage import column_lineage
from caremetrix_assets.catalog.models import Catalog, Column, Table
from caremetrix_assets.catalog.neighbours import references
from caremetrix_assets.serving.docs.markdown import bullets, link, linked, links, page, sql, table
from caremetrix_assets.serving.docs.questions import Question

LAYER_WORDS = {"raw": "raw table", "dims": "dimension", "facts": "fact", "marts": "mart"}
PRIVACY = {"public": "", "internal": "", "pii": "personal data", "restricted": "restricted: identity document"}


@dataclass(frozen=True)
class Relations:
    """Who reads whom, and which columns point at which table, over the whole catalog."""

    readers: dict[str, list[str]]
    referrers: dict[str, list[tuple[str, str, str]]]
    files: dict[str, list[str]]

    @classmethod
    def of(cls, catalog: Catalog) -> Relations:
        """Worked out once for all pages."""
        readers: dict[str, list[str]] = {name: [] for name in catalog.tables}
        referrers: dict[str, list[tuple[str, str, str]]] = {name: [] for name in catalog.tables}
        files: dict[str, list[str]] = {}
        for t in catalog.tables.values():
            reads = [u for u in t.upstream if u in catalog.tables] if t.layer != "raw" else []
            for upstream in reads:
                readers[upstream].append(t.name)
            own = [str(PurePosixPath(t.source.folder or "", f"{t.source.file}.csv"))] if t.source else []
            # dimensions only lend their attributes; what is counted comes from the rest
            telling = [u for u in reads if catalog.tables[u].layer != "dims"] or reads
            files[t.name] = sorted({*own, *(f for u in telling for f in files[u])})
            for column, (target, target_column) in references(t, catalog.tables).items():
                if target in referrers:
                    referrers[target].append((t.name, column, target_column))
        return cls({n: sorted(r) for n, r in readers.items()}, {n: sorted(r) for n, r in referrers.items()}, files)


def table_page(catalog: Catalog, t: Table, relations: Relations, questions: Sequence[Question]) -> str:
    """Markdown of one table's page."""
    return page(
        f"[Data dictionary](README.md) › {LAYER_WORDS[t.layer]}",
        f"# {t.name}",
        linked(t.doc, catalog.tables, t.name),
        table(["", ""], _facts(catalog, t, relations)),
        f"## Mind\n\n{bullets(linked(w, catalog.tables, t.name) for w in t.warnings)}" if t.warnings else "",
        _queries(t, questions),
        f"## Columns\n\n{table(['column', 'type', 'meaning', 'rules'], (_column(c) for c in t.columns))}",
        _metrics(t),
        _behind(catalog, t),
        _joins(catalog, t, relations),
        _checks(t),
        _lineage(catalog, t, relations),
    )


def _facts(catalog: Catalog, t: Table, relations: Relations) -> Iterator[tuple[str, str]]:
    yield "One row is", t.grain
    parts = ", ".join(f"`{k}`" for k in t.key)
    yield "Unique by", f"`partition_date`, {parts}" if t.is_snapshot and "partition_date" not in t.key else parts
    yield "History", _history(t)
    yield "Refreshed", t.refresh
    yield "Comes from", linked(t.sources, catalog.tables, t.name)
    yield "Files behind it", ", ".join(f"`{f}`" for f in relations.files[t.name]) or "none: rules and maintained lists"
    yield "Owner", t.owner


def _history(t: Table) -> str:
    if t.layer == "raw":
        return "Change log: a file per day of drops with what they brought, changed or took away."
    if t.layer == "marts":
        return "A file per day with the answer as of that day."
    if t.by_event_date:
        return "A file per day of the event; the first one holds everything older. Newest knowledge: a later drop may change it."
    if t.scd == 2:
        return (
            "Type 2: a row per version (`valid_from`, `valid_to`, `is_current`). A file per day holds all versions; read the newest file."
        )
    return "Type 1: one row per member, as it is known now. A file per day holds all members; read the newest file."


def _queries(t: Table, questions: Sequence[Question]) -> str:
    asked = [f"**{q.ask}**\n\n{sql(q.sql)}" for q in questions if q.table == t.name]
    return "\n\n".join(["## Queries to start from", *asked, *(sql(query) for query in t.usage)])


def _column(c: Column) -> tuple[str, str, str, str]:
    return f"`{c.name}`", f"{c.type}, {c.unit}" if c.unit and c.type != "money" else c.type, c.doc, "; ".join(_rules(c))


def _rules(c: Column) -> Iterator[str]:
    if c.required:
        yield "never null"
    if c.values:
        yield "one of " + ", ".join(f"`{v}`" for v in c.values)
    if c.min is not None and c.max is not None:
        yield f"always {c.min}" if c.min == c.max else f"{c.min} to {c.max}"
    elif c.min is not None:
        yield f"{c.min} or more"
    elif c.max is not None:
        yield f"{c.max} or less"
    if c.scd == "tracked":
        yield "a change makes a version"
    elif c.scd == "snapshot":
        yield "newest value, no version"
    if c.additive:
        yield "adds up over the rows of one breakdown"
    if c.equals:
        amount, _, where = c.equals.partition(" where s.")
        yield f"adds up to `{amount}`" + (f" where `{where}`" if where else "")
    if c.since:
        yield f"since Synthea {c.since}"
    if PRIVACY[c.privacy]:
        yield PRIVACY[c.privacy]


def _metrics(t: Table) -> str:
    quotients = [(f"`{c.name}`", f"`{c.parts[0]}` / `{c.parts[1]}`", c.doc) for c in t.columns if c.parts and not c.formula]
    formulas = [(f"`{c.name}`", f"`{c.formula}`", c.doc) for c in t.columns if c.formula]
    rows = quotients + formulas
    return f"## What follows from the row\n\n{table(['metric', 'is', 'meaning'], rows)}" if rows else ""


def _behind(catalog: Catalog, t: Table) -> str:
    if not t.drill:
        return ""
    rows = [(link(d.fact), ", ".join(f"`{m}`" for m in d.measures)) for d in t.drill]
    reasons = bullets(f"`{c.name}`: {c.no_drill}" for c in t.columns if c.no_drill)
    blocks = [
        "## Rows behind a number",
        f'`caremetrix explain {t.name} --where "…"` finds the rows behind one row of this mart, and what they add up to.',
        table(["rows of", "make"], rows),
        f"No way back:\n\n{linked(reasons, catalog.tables, t.name)}" if reasons else "",
    ]
    return "\n\n".join(b for b in blocks if b)


def _joins(catalog: Catalog, t: Table, relations: Relations) -> str:
    rows = []
    for column, (target, target_column) in references(t, catalog.tables).items():
        if target not in catalog.tables:
            continue
        versioned = catalog.tables[target].scd == 2 and target_column == catalog.tables[target].key[0]
        own = f"`{column}` = `{target}.member_key` and `{target}.is_current`" if versioned and t.layer == "marts" else ""
        note = "version of the day" if versioned and t.layer == "facts" else ""
        rows.append((link(target), own or f"`{column}` = `{target}.{target_column}`", note))
    if t.source:
        rows += [(link(c.parent), f"`{c.name}`", "parent: must be in some drop") for c in t.columns if c.parent in catalog.tables]
    blocks = [table(["table", "join on", ""], rows)]
    named = relations.referrers[t.name]
    if named:
        by_table: dict[str, list[str]] = {}
        for other, column, _ in named:
            by_table.setdefault(other, []).append(f"`{column}`")
        blocks.append("Named by: " + "; ".join(f"{link(other)} ({', '.join(columns)})" for other, columns in by_table.items()) + ".")
    text = "\n\n".join(b for b in blocks if b)
    return f"## Joins\n\n{text}" if text else ""


def _checks(t: Table) -> str:
    rows = [(f"`{name}`", "stops publication" if c.severity == "blocking" else "warns", c.doc) for name, c in t.checks.items()]
    text = "Besides schema, types, keys, references and ranges of the columns above:"
    return f"## Checks of its own\n\n{text}\n\n{table(['check', 'when it fails', 'offending rows'], rows)}" if rows else ""


def _lineage(catalog: Catalog, t: Table, relations: Relations) -> str:
    reads = [u for u in t.upstream if u in catalog.tables] if t.layer != "raw" else []
    seeds = [u for u in t.upstream if u in catalog.seeds]
    lines = [
        f"Reads: {links(reads)}." if reads else "",
        f"Maintained lists: {', '.join(f'`{s}`' for s in seeds)}." if seeds else "",
        f"Read by: {links(relations.readers[t.name])}." if relations.readers[t.name] else "Read by no other table.",
    ]
    rows = [
        (f"`{name}`", ", ".join(f"`{source}.{column}`" for source, column in sources) or "a rule, no single column")
        for name, sources in column_lineage(catalog, t).items()
    ]
    text = "\n\n".join(line for line in [_graph(t, reads, relations), *lines] if line)
    return f"## Lineage\n\n{text}\n\n{table(['column', 'takes its value from'], rows)}"


def _graph(t: Table, reads: Sequence[str], relations: Relations) -> str:
    arrows = [f"    {u} --> {t.name}" for u in reads] + [f"    {t.name} --> {r}" for r in relations.readers[t.name]]
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```"]) if arrows else ""
