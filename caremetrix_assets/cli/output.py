"""How commands speak: tables for people, one JSON document for programs, errors in one sentence with an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from caremetrix_assets.errors import CaremetrixError, UsageError

# Without a terminal there is nothing to fit into, and a narrow guess would break every word.
WIDE = 240
out = Console(width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, width=None if sys.stderr.isatty() else WIDE)


@dataclass
class Options:
    """What every command may be given."""

    as_json: bool = False
    debug: bool = False


OPTIONS = Options()


def day_of(text: str, option: str) -> date:
    """The date an option was given; UsageError when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: write a date as YYYY-MM-DD.") from error


def plain(value: Any) -> Any:
    """A value as JSON can say it: dates ISO, decimals as text with all their digits."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (Decimal, Path)):
        return str(value)
    return value


def safe(text: str) -> str:
    """A text as a terminal may have it: names of folders and files are other people's and may hold control characters."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def show(rows: Sequence[dict[str, Any]], title: str = "", empty: str = "Nothing to show.") -> None:
    """Rows as one JSON document (``--json``) or as a table."""
    if OPTIONS.as_json:
        print(json.dumps([{k: plain(v) for k, v in row.items()} for row in rows], indent=1))
        return
    if not rows:
        out.print(empty)
        return
    table = RichTable(title=title or None, header_style="bold")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, (int, float, Decimal)) else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if v is None else escape(safe(str(plain(v)))) for v in row.values()))
    out.print(table)


def say(message: str, *, styled: bool = False, **document: Any) -> None:
    """A sentence for people; with ``--json`` the document instead. ``styled``: the sentence has rich's markup."""
    if OPTIONS.as_json:
        print(json.dumps({k: plain(v) for k, v in document.items()}, indent=1, default=plain))
    else:
        out.print(safe(message), highlight=False, soft_wrap=True, markup=styled)


def note(message: str) -> None:
    """A line on standard error: progress, warnings, what was rejected."""
    err.print(safe(message), highlight=False, soft_wrap=True, markup=False)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """An expected error ends the command with its sentence and its exit code; ``--debug`` shows the traceback."""
    try:
        yield
    except CaremetrixError as error:
        if OPTIONS.debug:
            raise
        err.print(Text.assemble(("Error:", "bold red"), " ", safe(str(error))), highlight=False, soft_wrap=True)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        note("Interrupted; the published data is as it was. Run again to go on.")
        raise typer.Exit(130) from error


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Decorates a command so that expected errors become exit codes."""
    import functools

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with errors_as_exit_codes():
            function(*args, **kwargs)

    return wrapped


def is_terminal() -> bool:
    """True when progress may be drawn."""
    return sys.stderr.isatty() and not OPTIONS.as_json
