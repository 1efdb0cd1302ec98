"""The report: one self-contained HTML page with the marts' headline cards and plots, for a day.

What stands in it is ``tables/report.yml``; reading the figures is ``figures.py``, drawing ``plots.py``, the page ``page.py``.
"""

from __future__ import annotations

import datetime as dt

from caremetrix_assets.errors import InputError
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.report.definition import read_report
from caremetrix_assets.serving.report.figures import Figures
from caremetrix_assets.serving.report.page import page

__all__ = ["newest_day", "report"]


def newest_day(lake: Lake) -> dt.date:
    """The newest day that a mart of the report is built for; InputError when none is."""
    days = [day for mart in read_report(lake.catalog).marts if (day := lake.table(mart.mart).newest())]
    if not days:
        raise InputError(f"{lake.url} holds no mart yet; `caremetrix run` builds them.")
    return max(days)


def report(lake: Lake, day: dt.date) -> str:
    """The page as of ``day``, HTML; the same lake and day give the same page, byte for byte."""
    return page(Figures(lake, day), read_report(lake.catalog))
