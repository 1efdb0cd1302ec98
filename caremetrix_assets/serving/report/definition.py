"""What stands in the report: ``tables/report.yml`` as strict models, with the marts that the catalog has."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from caremetrix_assets.catalog.load import TABLES, read_yaml
from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.catalog.parts import Strict
from caremetrix_assets.errors import UsageError

REPORT = TABLES / "report.yml"
Unit = Literal["count", "money", "rate", "days", "minutes", "number"]


class Card(Strict):
    """One figure: ``value`` is a column of the mart's row, or an aggregate over its rows. ``good`` says which way is better."""

    title: str
    value: str
    where: str | None = None
    unit: Unit | None = None
    good: Literal["up", "down"] | None = None


class Plot(Strict):
    """One picture. ``columns`` draws the mart's columns over the days of the lake; ``sql`` draws what a query gives as of ``$date``:
    a label and figures (line, bars), or row, column and value (heat).
    """

    title: str
    kind: Literal["line", "bars", "stack", "heat"]
    columns: dict[str, str] = {}
    sql: str | None = None
    unit: Unit = "count"
    note: str | None = None


class Mart(Strict):
    """One mart: which of its rows the cards show, the cards, the plots."""

    mart: str
    title: str
    grain: str | None = None
    where: str | None = None
    cards: tuple[Card, ...]
    plots: tuple[Plot, ...] = ()


class Section(Strict):
    """Marts of one subject."""

    title: str
    marts: tuple[Mart, ...]


class Report(Strict):
    """The whole report."""

    title: str
    sections: tuple[Section, ...]

    @property
    def marts(self) -> list[Mart]:
        """All marts in their order."""
        return [mart for section in self.sections for mart in section.marts]


def read_report(catalog: Catalog) -> Report:
    """The report of ``tables/report.yml``; marts that the catalog does not have are left out. UsageError for an author's mistake."""
    try:
        found = Report(**read_yaml(REPORT))
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise UsageError(f"{REPORT.name}: {where}: {detail['msg']}") from error
    sections = [Section(title=s.title, marts=tuple(m for m in s.marts if m.mart in catalog.tables)) for s in found.sections]
    return Report(title=found.title, sections=tuple(s for s in sections if s.marts))


def filter_of(mart: Mart, catalog: Catalog) -> str:
    """The filter of a mart's cards, without the day: grain, the total row where the mart has breakdowns, what the report adds."""
    table = catalog.table(mart.mart)
    parts = [f"period_grain = '{mart.grain}'"] if mart.grain else []
    if table.has("breakdown") and "breakdown" not in (mart.where or ""):
        parts.append("breakdown = 'total'")
    parts += [mart.where] if mart.where else []
    return " and ".join(parts)
