"""The report: every mart has its cards and plots, figures are those of the lake, the page needs nothing but itself."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from caremetrix_assets import Lake
from caremetrix_assets.catalog.load import load_catalog, read_yaml
from caremetrix_assets.cli.app import app
from caremetrix_assets.serving.query import query
from caremetrix_assets.serving.report import newest_day, report
from caremetrix_assets.serving.report.definition import REPORT, Card, Mart, Plot, filter_of, read_report
from caremetrix_assets.serving.report.figures import Figures, prior_day, tables_in
from caremetrix_assets.serving.report.plots import drawn, heat, legend_columns, round_scale, ticks
from caremetrix_assets.serving.report.words import change, written

CATALOG = load_catalog()
DEFINITION = read_report(CATALOG)
DAY = dt.date(2025, 12, 7)


@pytest.fixture(scope="module")
def page(sample_lake: Lake) -> str:
    return report(sample_lake, newest_day(sample_lake))


def test_every_mart_has_cards_and_a_plot():
    described = {mart.mart: mart for mart in DEFINITION.marts}
    assert sorted(described) == sorted(t.name for t in CATALOG.layer("marts"))
    assert [m.mart for m in DEFINITION.marts if len(m.cards) < 1 or len(m.plots) not in (1, 2)] == []
    assert read_yaml(REPORT)["title"] == DEFINITION.title


@pytest.mark.parametrize("mart", DEFINITION.marts, ids=lambda m: m.mart)
def test_cards_and_plots_are_read_from_the_lake(sample_lake: Lake, mart: Mart):
    figures = Figures(sample_lake, DAY)
    found = figures.cards(mart)
    assert [f.card for f in found] == list(mart.cards)
    for figure in found:
        assert figure.basis in ("source", "derived", "simulated", "not_available")
        assert figure.before_day == dt.date(2025, 11, 30)
    for plot in mart.plots:
        names, _ = figures.plot(mart, plot)
        assert len(names) == 3 if plot.kind == "heat" else len(names) >= 2
        assert mart.mart in tables_in(figures.sql(mart, plot))


def test_a_card_shows_the_marts_own_figure(sample_lake: Lake, page: str):
    row = query(
        sample_lake,
        "select visits from mart_appointment_efficiency where period_grain = 'rolling_30d' and breakdown = 'total' "
        "and partition_date = date '2025-12-07'",
    ).to_pylist()[0]
    article = page.split('<article id="mart_appointment_efficiency">')[1].split("</article>")[0]
    assert f'<h4>Visits</h4><p class="value">{row["visits"]}</p>' in article
    assert "mart_<wbr>appointment_<wbr>efficiency where period_<wbr>grain = &#x27;rolling_<wbr>30d&#x27;" in article
    assert '<span class="basis derived">derived</span>' in article


def test_the_page_needs_nothing_but_itself(page: str):
    addresses = set(re.findall(r"https?://[^\"'\s<>)]+", page)) - {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert addresses == set()
    for word in ("<script", "<link", "<img", "@import", "url("):
        assert word not in page
    assert '<meta name="viewport"' in page
    for word in ("prefers-color-scheme: dark", "@media print", "max-width: 560px"):
        assert word in page


def test_every_mart_has_an_article_and_a_drawing(page: str):
    for mart in DEFINITION.marts:
        assert page.count(f'<article id="{mart.mart}">') == 1
        article = page.split(f'<article id="{mart.mart}">')[1].split("</article>")[0]
        assert article.count("<h4>") == len(mart.cards)
        assert article.count("<figure>") == len(mart.plots)
    assert page.count('<div class="wide">') == page.count('<div class="narrow">') == page.count("<svg") / 2 > 20
    assert '<table class="heat">' in page


def test_the_same_lake_and_day_give_the_same_page(sample_lake: Lake, page: str):
    assert report(sample_lake, DAY) == page


def test_the_command_writes_the_page(sample_lake: Lake, tmp_path):
    target = tmp_path / "deep" / "page.html"
    result = CliRunner().invoke(app, ["report", "--date", "2025-12-01", "--out", str(target), "--lake", sample_lake.url])
    assert result.exit_code == 0, result.output
    text = target.read_text("utf-8")
    assert "1 December 2025" in text
    assert "2025-12-07" not in text


@pytest.mark.parametrize("command", ["report", "checks"])
def test_a_wrong_date_is_said(tmp_path, command: str):
    result = CliRunner().invoke(app, [command, "--date", "tomorrow", "--lake", str(tmp_path)])
    assert result.exit_code == 2
    assert "--date tomorrow: write a date as YYYY-MM-DD." in result.output


def test_a_lake_without_marts_says_what_to_do(tmp_path):
    result = CliRunner().invoke(app, ["report", "--lake", str(tmp_path), "--out", str(tmp_path / "x.html")])
    assert result.exit_code == 1
    assert not (tmp_path / "x.html").exists()


def test_a_day_that_is_not_built_is_said(sample_lake: Lake):
    text = report(sample_lake, dt.date(2025, 12, 8))
    assert "Its newest day before is 2025-12-07." in text
    assert "<svg" not in text


@pytest.mark.parametrize(
    ("grain", "day", "prior"),
    [
        ("day", "2025-03-10", "2025-03-03"),
        ("month", "2025-03-10", "2025-02-10"),
        ("month", "2025-03-31", "2025-02-28"),
        ("month", "2025-03-30", "2025-02-28"),
        ("month", "2025-02-28", "2025-01-31"),
        ("rolling_30d", "2025-03-31", "2025-03-01"),
        ("rolling_90d", "2025-03-31", "2024-12-31"),
        ("rolling_12m", "2024-02-29", "2023-02-28"),
        (None, "2025-03-31", "2025-03-01"),
    ],
)
def test_the_period_before(grain: str | None, day: str, prior: str):
    assert prior_day(grain, dt.date.fromisoformat(day)) == dt.date.fromisoformat(prior)


def test_figures_are_written_for_people():
    assert written(None, "count") == "–"
    assert written(1234567, "count") == "1,234,567"
    assert written(Decimal("-1234.5"), "money") == "−$1,234"
    assert written(Decimal("2345678.00"), "money") == "$2.35 M"
    assert written(Decimal("0.0714"), "rate") == "7.1 %"
    assert written(12.5, "days") == "12.5 days"
    assert change(Decimal("0.08"), Decimal("0.10"), "rate") == ("▼ 2.0 points", -1)
    assert change(110, 100, "count") == ("▲ 10.0 %", 1)
    assert change(5, 0, "count") == ("▲ from 0", 1)
    assert change(5, 5, "count") == ("= unchanged", 0)
    assert change(None, 5, "count") == ("", 0)


def test_scales_are_round_and_hold_the_figures():
    assert round_scale(0, 23, "count") == [0, 5, 10, 15, 20, 25]
    assert round_scale(-4, 7, "count")[0] <= -4
    assert round_scale(0, 0.23, "rate")[-1] >= 0.23
    assert len(round_scale(0, 1_234_567, "money")) <= 7
    assert ticks(3, 5) == [0, 1, 2]
    assert ticks(100, 3) == [0, 50, 99]


def test_legends_fill_their_rows():
    assert [legend_columns(count, 3) for count in (1, 2, 3, 4, 5, 6)] == [1, 2, 3, 2, 1, 3]
    assert [legend_columns(count, 2) for count in (2, 3, 4)] == [2, 1, 2]


def test_the_drawing_for_a_phone_writes_less():
    """Both drawings show all values; the narrow one shortens labels and leaves out every second figure of the axis."""
    rows = [("A reason with quite a long name", Decimal("0.98")), ("Another", Decimal("0.745"))]
    text = drawn(Plot(title="t", kind="bars", sql="select 1", unit="rate"), ["reason", "rate"], rows, "c")
    wide, narrow = text.split('<div class="narrow">')
    assert "A reason with quite a long na…" in wide or "A reason with quite a long name" in wide
    assert "A reason with qu…" in narrow and "long" not in narrow
    for value in ("98.0 %", "74.5 %"):
        assert value in wide and value in narrow
    assert ">20 %<" in wide and ">20 %<" not in narrow and ">40 %<" in narrow


def test_nothing_to_draw_is_a_sentence():
    plot = Plot(title="t", kind="bars", sql="select 1")
    assert "Nothing to draw" in drawn(plot, ["a", "b"], [("x", None)], "c")
    assert "One day so far" in drawn(plot.model_copy(update={"kind": "line"}), ["a", "b"], [(DAY, 1)], "c")


def test_a_heat_map_shades_from_least_to_most():
    text = heat([("Monday", 9, 1), ("Monday", 10, 8), ("Tuesday", 9, None)], "count")
    assert '<td class="s0">1</td><td class="s7">8</td>' in text
    assert text.count('<td class="none">–</td>') == 2


def test_labels_are_text_not_markup():
    text = drawn(Plot(title="t", kind="bars", sql="select 1"), ["a", "b"], [("<b>&x", 3)], "c")
    assert "<b>" not in text
    assert "&lt;b&gt;" in text


def test_filters_say_grain_and_total_row():
    mart = Mart(mart="mart_scheduling_analytics", title="t", grain="month", cards=(Card(title="c", value="bookings"),))
    assert filter_of(mart, CATALOG) == "period_grain = 'month' and breakdown = 'total'"
    own = mart.model_copy(update={"where": "breakdown = 'provider'"})
    assert filter_of(own, CATALOG) == "period_grain = 'month' and breakdown = 'provider'"
