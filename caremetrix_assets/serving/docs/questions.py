"""The questions of ``tables/questions.yml``: what people ask, which table answers, and a query to start from."""

from __future__ import annotations

from typing import NamedTuple

from caremetrix_assets.catalog.load import TABLES, read_yaml
from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.errors import UsageError


class Question(NamedTuple):
    """A question under its subject, the table where to read on, and the SQL that answers it."""

    subject: str
    ask: str
    table: str
    sql: str


def questions_of(catalog: Catalog) -> list[Question]:
    """The questions in the order of the file. UsageError for a table that does not exist or a question asked twice."""
    found: list[Question] = []
    for subject, entries in read_yaml(TABLES / "questions.yml").items():
        for entry in entries:
            question = Question(subject, entry["ask"], entry["table"], entry["sql"])
            if question.table not in catalog.tables:
                raise UsageError(f"questions.yml: {question.ask!r} names {question.table!r}, and there is no such table.")
            if any(question.ask == other.ask for other in found):
                raise UsageError(f"questions.yml: {question.ask!r} stands twice.")
            found.append(question)
    return found
