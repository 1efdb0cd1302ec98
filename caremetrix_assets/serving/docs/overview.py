"""The index of the data dictionary, and its lists over all tables: columns, metrics, lineage."""

from __future__ import annotations

from collections.abc import Sequence

from caremetrix_assets.catalog.load import TABLES
from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.serving.docs.markdown import link, links, page, table
from caremetrix_assets.serving.docs.questions import Question
from caremetrix_assets.serving.docs.table_page import Relations

# what stands over the tables of a layer; marts have a section for each subject, and come first
SECTIONS = {
    "marts": "Marts",
    "facts": "Facts: single events",
    "dims": "Dimensions: people, places, codes, days",
    "raw": "Raw: the source's files and their changes",
}


def index_page(catalog: Catalog, questions: Sequence[Question]) -> str:
    """The guide, then the questions with the table that answers each, then all tables."""
    guide = (TABLES / "guide.md").read_text("utf-8")
    before, words = guide.split("## What holds in every table", 1)
    more = "More lists: [every column and where it is](columns.md), [rates and shares](metrics.md), [what is made from what](lineage.md)."
    return page(before, _questions(questions), _all_tables(catalog), more, f"## What holds in every table{words}")


def _questions(questions: Sequence[Question]) -> str:
    blocks = ["## What do you want to know?"]
    for subject in dict.fromkeys(q.subject for q in questions):
        rows = [(q.ask, f"[{q.table}]({q.table}.md#queries-to-start-from)") for q in questions if q.subject == subject]
        blocks.append(f"### {subject}\n\n{table(['question', 'table and query'], rows)}")
    return "\n\n".join(blocks)


def _all_tables(catalog: Catalog) -> str:
    blocks = ["## All tables"]
    for layer, folder in dict.fromkeys((t.layer, t.folder) for t in _in_order(catalog)):
        rows = [(link(t.name), t.grain, t.doc) for t in _in_order(catalog) if (t.layer, t.folder) == (layer, folder)]
        title = f"{SECTIONS[layer]}: {folder}" if folder else SECTIONS[layer]
        blocks.append(f"### {title}\n\n{table(['table', 'one row is', 'what it holds'], rows)}")
    return "\n\n".join(blocks)


def columns_page(catalog: Catalog) -> str:
    """Every column of dimensions, facts and marts by name: its meaning, once for each wording, and the tables that have it."""
    found: dict[str, dict[str, list[str]]] = {}
    for t in _in_order(catalog):
        for c in t.columns if t.layer != "raw" else ():
            found.setdefault(c.name, {}).setdefault(c.doc, []).append(t.name)
    rows = [(f"`{name}`", doc, links(tables)) for name in sorted(found) for doc, tables in found[name].items()]
    intro = "Columns of dimensions, facts and marts from A to Z. Those of the source's files are on the pages of the raw tables."
    return page("[Data dictionary](README.md)", "# Columns", intro, table(["column", "meaning", "tables"], rows))


def metrics_page(catalog: Catalog) -> str:
    """Rates and shares of all tables with their numerator and denominator, by table."""
    blocks = []
    for t in _in_order(catalog):
        rows = [(f"`{c.name}`", f"`{c.parts[0]}` / `{c.parts[1]}`", c.doc) for c in t.columns if c.parts]
        if rows:
            blocks.append(f"## {link(t.name)}\n\n{table(['metric', 'is', 'meaning'], rows)}")
    intro = (
        "Every rate or share stands beside its numerator and denominator. To roll one up, add both and divide: rates are never averaged. "
        "Quotients are exact and rounded half away from zero; with a denominator of 0 they are null."
    )
    return page("[Data dictionary](README.md)", "# Rates and shares", intro, *blocks)


def lineage_page(catalog: Catalog, relations: Relations) -> str:
    """Which table is made from which, and which files of the source stand behind it."""
    rows = [
        (link(t.name), links(_reads(catalog, t)), links(relations.readers[t.name]), ", ".join(f"`{f}`" for f in relations.files[t.name]))
        for t in _in_order(catalog)
    ]
    intro = "Marts first, then what they rest on. Where a single column comes from is on the table's page."
    return page("[Data dictionary](README.md)", "# Lineage", intro, table(["table", "reads", "read by", "files behind it"], rows))


def _in_order(catalog: Catalog) -> list[Table]:
    """Marts, facts, dimensions, raw tables, each by name: the catalog's own order differs from process to process."""
    layers = list(SECTIONS)
    return sorted(catalog.tables.values(), key=lambda t: (layers.index(t.layer), t.folder, t.name))


def _reads(catalog: Catalog, t: Table) -> list[str]:
    return [u for u in t.upstream if u in catalog.tables] if t.layer != "raw" else []
