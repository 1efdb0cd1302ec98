"""The data dictionary: Markdown pages from the contracts, the same bytes every time. What a page says is in the modules here.

Nothing is read but the package's own ``tables/``: no lake, no clock.
"""

from __future__ import annotations

from pathlib import Path

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.serving.docs.markdown import MARK
from caremetrix_assets.serving.docs.overview import columns_page, index_page, lineage_page, metrics_page
from caremetrix_assets.serving.docs.questions import questions_of
from caremetrix_assets.serving.docs.table_page import Relations, table_page


def pages(catalog: Catalog) -> dict[str, str]:
    """File name to text: an index, a page per table, and the lists of columns, metrics and lineage."""
    questions, relations = questions_of(catalog), Relations.of(catalog)
    return {
        "README.md": index_page(catalog, questions),
        "columns.md": columns_page(catalog),
        "metrics.md": metrics_page(catalog),
        "lineage.md": lineage_page(catalog, relations),
        **{f"{name}.md": table_page(catalog, table, relations, questions) for name, table in catalog.tables.items()},
    }


def write(catalog: Catalog, folder: Path) -> list[Path]:
    """Writes the pages into ``folder`` and removes earlier pages that are none any more; returns the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = pages(catalog)
    for path in folder.glob("*.md"):
        if path.name not in texts and path.read_text("utf-8").startswith(MARK):
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in texts]
