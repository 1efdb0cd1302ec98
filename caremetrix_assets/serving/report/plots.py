"""Plots of the report as inline SVG, drawn by pygal in the page's colours, and heat maps as HTML tables.

Colours are CSS variables of the page, so that one picture serves light, dark and paper. Nothing here runs a script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import pygal
from pygal.style import Style

from caremetrix_assets.serving.report.definition import Plot, Unit
from caremetrix_assets.serving.report.words import MISSING, axis, label, written

COLORS = tuple(f"var(--series-{n})" for n in range(1, 9))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink-soft)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--line)",
    guide_stroke_color="var(--line)",
    major_guide_stroke_color="var(--line)",
    font_family=FONT,
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=13,
    value_font_size=12,
    value_label_font_size=12,
    no_data_font_size=16,
    opacity="1",
    stroke_opacity="1",
    stroke_width="2.5",
    transition="0s",
    colors=COLORS,
    value_colors=("var(--ink)",) * len(COLORS),
)
MOST_BARS = 12
HEAT_STEPS = 8
Rows = Sequence[tuple[Any, ...]]


class Shape(NamedTuple):
    """How large a plot is drawn, and how much is written along its axes."""

    width: int
    height: int
    row_height: int
    label_length: int
    ticks: int
    scale_step: int
    upright_labels: int
    bar_labels: int
    legend_columns: int


# Shrinking one drawing to a phone makes its letters unreadable, so each plot is drawn for both; the page shows one of the two.
SHAPES = {
    "wide": Shape(560, 300, row_height=30, label_length=30, ticks=5, scale_step=1, upright_labels=7, bar_labels=12, legend_columns=3),
    "narrow": Shape(330, 280, row_height=30, label_length=17, ticks=3, scale_step=2, upright_labels=4, bar_labels=6, legend_columns=2),
}


def drawn(plot: Plot, names: Sequence[str], rows: Rows, chart_id: str) -> str:
    """The plot as HTML; a sentence where there is nothing to draw."""
    filled = [row for row in rows if any(value is not None for value in row[1:])]
    if not filled:
        return '<p class="nothing">Nothing to draw: the figures are not known on this day.</p>'
    if plot.kind == "heat":
        return heat(filled, plot.unit)
    if plot.kind == "line" and len(filled) == 1:
        return '<p class="nothing">One day so far; a line needs two.</p>'
    pictures = (_svg(_chart(plot, names, filled, shape), f"{chart_id}-{name}", name) for name, shape in SHAPES.items())
    return "".join(pictures)


def _chart(plot: Plot, names: Sequence[str], rows: Rows, shape: Shape) -> Any:
    shared = {
        "style": STYLE,
        "width": shape.width,
        "show_legend": len(names) > 2,
        "legend_at_bottom": True,
        "truncate_legend": -1,
        "truncate_label": -1,
        "legend_at_bottom_columns": legend_columns(len(names) - 1, shape.legend_columns),
        "js": (),
        "disable_xml_declaration": True,
        "no_data_text": "",
        "margin": 8,
        "margin_right": 60 if plot.kind == "bars" else 24,
        "value_formatter": lambda value: written(value, plot.unit),
    }
    labels = [shortened_label(label(row[0]), shape.label_length) for row in rows]
    if plot.kind == "line":
        chart = pygal.Line(**shared, height=shape.height, dots_size=3, show_minor_x_labels=False)
        chart.x_labels = labels
        chart.x_labels_major = [labels[i] for i in ticks(len(labels), shape.ticks)]
    elif plot.kind == "stack":
        rotation = 0 if len(rows) <= shape.upright_labels else 30
        chart = pygal.StackedBar(**shared, height=shape.height, x_label_rotation=rotation, show_minor_x_labels=False)
        chart.x_labels = labels
        chart.x_labels_major = [labels[i] for i in ticks(len(labels), shape.bar_labels)]
    else:
        rows = list(rows[:MOST_BARS])[::-1]
        height = 70 + shape.row_height * len(rows) * max(1, (len(names) - 1) * 2 // 3)
        chart = pygal.HorizontalBar(**shared, height=height, spacing=6, print_values=True, print_values_position="top")
        chart.x_labels = labels[:MOST_BARS][::-1]
    values = [float(v) for row in rows for v in row[1:] if v is not None]
    totals = [sum(float(v) for v in row[1:] if v is not None) for row in rows] if plot.kind == "stack" else values
    scale = round_scale(min([0.0, *totals]), max(totals), plot.unit)
    step = shape.scale_step if plot.kind == "bars" else 1
    chart.y_labels = [{"value": tick, "label": "" if n % step else axis(tick, plot.unit)} for n, tick in enumerate(scale)]
    for column, name in enumerate(names[1:], 1):
        chart.add(name.replace("_", " "), [None if row[column] is None else float(row[column]) for row in rows])
    return chart


def legend_columns(count: int, most: int) -> int:
    """Columns that fill every row of a legend: pygal cuts off a last row that is not full."""
    return max(n for n in range(1, most + 1) if count % n == 0)


def ticks(count: int, most: int) -> list[int]:
    """Which of ``count`` labels along a line are written: first, last, and some between, ``most`` at most."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def round_scale(low: float, high: float, unit: Unit) -> list[float]:
    """Four to six round figures from below ``low`` to above ``high``."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** len(str(int(span))) / 100 if span >= 1 else 0.001
    step = next(m * p for p in (power * 10.0**k for k in range(-3, 4)) for m in (1, 2, 2.5, 5) if span / (m * p) <= 5)
    if unit in ("count", "days"):
        step = max(step, 1.0)
    first = int(low // step)
    last = int(-(-high // step))
    return [round(n * step, 6) for n in range(first, max(last, first + 1) + 1)]


def shortened_label(text: str, longest: int) -> str:
    """A label that leaves room for the plot."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _svg(chart: Any, chart_id: str, shape: str) -> str:
    chart.uuid = chart_id
    text: str = chart.render(is_unicode=True)
    text = re.sub(r"<script.*?</script>|<!--.*?-->", "", text, flags=re.DOTALL)
    # what pygal's script would show beside the pointer, browsers show by themselves
    text = re.sub(r'<desc class="value">(.*?)</desc>', r"<title>\1</title>", text)
    text = re.sub(r'<desc class="(?:x|y|x_label|max|centroid)[^"]*">.*?</desc>|<desc class="[xy] centered">.*?</desc>', "", text)
    return f'<div class="{shape}">{text.replace("<title>Pygal</title>", "")}</div>'


def heat(rows: Rows, unit: Unit) -> str:
    """A heat map as a table: rows and columns as they come, cells shaded from the least to the most."""
    columns = list(dict.fromkeys(row[1] for row in rows))
    columns = sorted(columns) if all(isinstance(c, (int, float)) for c in columns) else columns
    lines = list(dict.fromkeys(row[0] for row in rows))
    cells = {(row[0], row[1]): row[2] for row in rows}
    known = [float(v) for v in cells.values() if v is not None]
    low, high = min(known), max(known)
    head = "".join(f'<th scope="col">{escape(label(c))}</th>' for c in columns)
    body = []
    for line in lines:
        shades = "".join(_cell(cells.get((line, c)), low, high, unit) for c in columns)
        body.append(f'<tr><th scope="row">{escape(label(line))}</th>{shades}</tr>')
    return f'<div class="scroll"><table class="heat"><tr><td></td>{head}</tr>{"".join(body)}</table></div>'


def _cell(value: Any, low: float, high: float, unit: Unit) -> str:
    if value is None:
        return f'<td class="none">{MISSING}</td>'
    share = (float(value) - low) / (high - low) if high > low else 1.0
    step = round(share * (HEAT_STEPS - 1))
    text = f"{float(value) * 100:.0f}" if unit == "rate" else written(value, "count")
    return f'<td class="s{step}">{text}</td>'
