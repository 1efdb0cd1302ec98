"""The report as one HTML page: sections, cards, plots, and beside each what it rests on. Styles are in ``page.css``."""

from __future__ import annotations

from html import escape
from importlib import resources

from caremetrix_assets.serving.report.definition import Mart, Plot, Report
from caremetrix_assets.serving.report.figures import Figure, Figures, tables_in
from caremetrix_assets.serving.report.moved import MOVED_ID, MOVED_TITLE, moved_section
from caremetrix_assets.serving.report.plots import drawn
from caremetrix_assets.serving.report.words import change, written

GRAINS = {
    "day": "the day",
    "month": "month to date",
    "rolling_30d": "last 30 days",
    "rolling_90d": "last 90 days",
    "rolling_12m": "last 12 months",
}
BASIS = {"source": "source", "derived": "derived", "simulated": "simulated", "not_available": "not available"}
LEGEND = {
    "source": "as the drops say",
    "derived": "a rule over what the drops say",
    "simulated": "at least one input comes from the practice simulator",
    "not_available": "the input is in no drop",
}


def page(figures: Figures, report: Report) -> str:
    """The whole page."""
    sections = "".join(_section(figures, title, marts) for title, marts in ((s.title, s.marts) for s in report.sections))
    moved = moved_section(figures.lake, figures.day, report)
    style = "".join(resources.files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "moved.css"))
    contents = "".join(f'<a href="#{_id(s.title)}">{escape(s.title)}</a>' for s in report.sections)
    contents += f'<a href="#{MOVED_ID}">{MOVED_TITLE}</a>' if moved else ""
    bases = "".join(f"<li>{_chip(basis)} {words}</li>" for basis, words in LEGEND.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(report.title)} – {figures.day}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(report.title)}</h1>
<p class="day">As of <strong>{figures.day:%-d %B %Y}</strong></p>
<nav>{contents}</nav>
<ul class="legend">{bases}</ul>
</header>
<main>
{sections}{moved}</main>
</body>
</html>
"""


def _section(figures: Figures, title: str, marts: tuple[Mart, ...]) -> str:
    body = "".join(_mart(figures, mart) for mart in marts)
    return f'<section id="{_id(title)}">\n<h2>{escape(title)}</h2>\n{body}</section>\n'


def _mart(figures: Figures, mart: Mart) -> str:
    contract = figures.lake.catalog.table(mart.mart)
    grain = f' <span class="grain">{GRAINS[mart.grain]}</span>' if mart.grain else ""
    head = f'<h3>{escape(mart.title)}{grain}</h3>\n<p class="doc">{escape(contract.doc)}</p>\n'
    found = figures.cards(mart)
    if not found:
        days = figures.days_of(mart)
        when = f"Its newest day before is {days[-1]}." if days else "`caremetrix run` builds it."
        return f'<article id="{mart.mart}">\n{head}<p class="nothing">{mart.mart} is not built for this day. {when}</p>\n</article>\n'
    cards = "".join(_card(mart, figure) for figure in found)
    plots = "".join(_plot(figures, mart, plot, n) for n, plot in enumerate(mart.plots, 1))
    return f'<article id="{mart.mart}">\n{head}<div class="cards">\n{cards}</div>\n<div class="plots">\n{plots}</div>\n</article>\n'


def _card(mart: Mart, figure: Figure) -> str:
    moved, direction = change(figure.value, figure.before, figure.unit)
    side = ""
    if moved:
        better = {"up": 1, "down": -1}.get(figure.card.good or "", 0) * direction
        tone = {1: " better", -1: " worse"}.get(better, "")
        day = f"{figure.before_day:%-d %b %Y}"
        against = f"against the period to {day}" if figure.is_period_before else f"since {day}, the earliest day built"
        side = f'<p class="change{tone}">{moved} <span>{against}</span></p>'
    elif figure.value is not None:
        side = '<p class="change"><span>no earlier figure</span></p>'
    where = f" where {figure.where}" if figure.where else ""
    return (
        f'<div class="card"><h4>{escape(figure.card.title)}</h4><p class="value">{escape(written(figure.value, figure.unit))}</p>'
        f'{side}<p class="from">{_chip(figure.basis)} <code>{_broken(figure.column)}</code> from <code>{_broken(mart.mart + where)}</code>'
        "</p></div>\n"
    )


def _plot(figures: Figures, mart: Mart, plot: Plot, number: int) -> str:
    names, rows = figures.plot(mart, plot)
    sql = figures.sql(mart, plot)
    picture = drawn(plot, names, rows, f"{mart.mart}-{number}")
    note = f'<p class="note">{escape(plot.note)}</p>' if plot.note else ""
    return (
        f"<figure><figcaption>{escape(plot.title)}</figcaption>\n{picture}\n{note}"
        f"<details><summary>from {', '.join(tables_in(sql))}</summary><code>{escape(sql)}</code></details></figure>\n"
    )


def _broken(code: str) -> str:
    """Code that may break behind an underscore, so that narrow cards hold long names."""
    return escape(code).replace("_", "_<wbr>")


def _chip(basis: str) -> str:
    return f'<span class="basis {basis}">{BASIS[basis]}</span>'


def _id(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower())
