"""Pieces of Markdown: tables, links, SQL laid out over lines. What they say is in the pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MARK = "<!-- Written by `caremetrix docs` from the contracts in caremetrix_assets/tables; edit those, not this page. -->"
CLAUSE = re.compile(r"(?:inner |left |cross )?join\b|from\b|where\b|group by\b|order by\b|having\b|limit\b|union all\b|select\b", re.I)
# a bracket with a whole SELECT longer than this is opened over lines, and a longer line is broken at a comma
LONG = 110


def page(*blocks: str) -> str:
    """A page with the mark in front: blocks with an empty line between, empty ones left out."""
    return "\n\n".join([MARK, *(b.strip("\n") for b in blocks if b.strip())]) + "\n"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; empty without rows."""
    lines = [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    head = [f"| {' | '.join(headers)} |", f"|{'---|' * len(headers)}"]
    return "\n".join([*head, *lines]) if lines else ""


def cell(value: object) -> str:
    """A text fit for a table: one line, no bar that would end the cell."""
    return " ".join(("" if value is None else str(value)).split()).replace("|", "\\|")


def link(name: str) -> str:
    """A link to a table's page."""
    return f"[{name}]({name}.md)"


def links(names: Iterable[str]) -> str:
    """Links to tables' pages, by comma."""
    return ", ".join(link(name) for name in names)


def linked(text: str, names: Iterable[str], own: str) -> str:
    """The text with every other table that it names as a link to its page."""
    known = set(names) - {own}
    return re.sub(r"\w+", lambda word: link(word[0]) if word[0] in known else word[0], text)


def bullets(texts: Iterable[str]) -> str:
    """A list of one-line texts."""
    return "\n".join("- " + " ".join(text.split()) for text in texts)


def sql(query: str) -> str:
    """A query as a block of code, one clause a line."""
    return f"```sql\n{laid_out(query)}\n```"


def laid_out(query: str) -> str:
    """The query with every clause on its own line, also in brackets that hold a long SELECT; texts in quotes stay as they are."""
    text, lines, line = " ".join(query.split()), list[str](), ""
    opened: list[bool] = []
    position = 0
    while position < len(text):
        rest = text[position:]
        token = _token(rest)
        if token == "(":
            opened.append(_is_long_select(rest))
            line += token
            if opened[-1]:
                lines.append(line)
                line = "    " * sum(opened)
        elif token == ")":
            if opened.pop():
                lines.append(line.rstrip())
                line = "    " * sum(opened)
            line += token
        elif CLAUSE.fullmatch(token) and all(opened) and line.strip():
            lines.append(line.rstrip())
            line = "    " * sum(opened) + token
        else:
            line += token if line.strip() else token.lstrip()
        position += len(token)
    return "\n".join(part for whole in [*lines, line] for part in _broken(whole))


def _broken(line: str) -> list[str]:
    """The line in pieces of at most ``LONG`` characters where commas or ``and`` outside brackets and quotes allow it."""
    indent = line[: len(line) - len(line.lstrip())]
    pieces = [""]
    for part in _parts(line):
        if pieces[-1].strip() and len(pieces[-1]) + len(part.rstrip()) > LONG:
            pieces[-1] = pieces[-1].rstrip()
            pieces.append(f"{indent}    {part.lstrip()}")
        else:
            pieces[-1] += part
    return pieces


def _parts(line: str) -> list[str]:
    """The line cut after each comma and before each ``and`` that is outside brackets and quotes."""
    parts, depth, position = [""], 0, 0
    while position < len(line):
        token = _token(line[position:])
        depth += (token == "(") - (token == ")")
        if token == "and" and depth == 0:
            parts.append("")
        parts[-1] += token
        if token == "," and depth == 0:
            parts.append("")
        position += len(token)
    return parts


def _token(text: str) -> str:
    """What stands in front: a quoted text, a clause, a word, or one character."""
    found = re.match(r"'(?:[^']|'')*'", text) or CLAUSE.match(text) or re.match(r"\w+", text)
    return found[0] if found else text[0]


def _is_long_select(text: str) -> bool:
    """Whether ``text`` begins with a bracket around a SELECT that is too long for one line."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position > LONG and text.startswith("(select ")
    return False
