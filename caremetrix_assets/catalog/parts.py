"""What a contract's models are made of: strictness, and what ties a column or a row to others. The models are ``models``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """Unknown keys are errors: an unquoted comma in YAML otherwise becomes a silent new key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class When(Strict):
    """Ties a column of a practice file to another one's value: filled ``exactly``, ``only`` or at least (``needed``) then."""

    column: str
    values: tuple[str, ...]
    rule: Literal["exactly", "only", "needed"] = "exactly"


class Match(Strict):
    """How often the join behind a fact's key finds its member: ``rate`` is the least share of the rows that name one.

    ``when`` says which do, over the row ``t``; without it those whose id beside the key has a value (``patient_id`` for
    ``patient_key``), without such an id all. A rate below the usual one has a reason.
    """

    when: str | None = None
    rate: Decimal = Decimal("0.95")
    reason: str = ""

    @model_validator(mode="after")
    def _reasoned(self) -> Match:
        if not 0 < self.rate <= 1 or (self.rate < Decimal("0.95") and not self.reason):
            raise ValueError("`match`: the rate is above 0 and at most 1, and one below 0.95 has a `reason`")
        return self


class Names(Strict):
    """Says that a raw column names a row that it does not hang on: of a ``table``, of the file that the column ``kind_in``
    tells, or a ``person`` by full name. Forgetting a person looks there too.
    """

    table: str | None = None
    kind_in: str | None = None
    person: bool = False


class Through(Strict):
    """The rows between a fact's rows and a mart's row: of ``table`` (alias ``t``), equal in the columns ``by``.

    A payment counts under its line's keys: the line stands between them.
    """

    table: str
    by: tuple[str, ...]
    where: str = "true"


class Drill(Strict):
    """Where a mart's row comes from: the table (alias ``f``) and the filter in terms of the row's columns (alias ``m``).

    A condition for each key of the mart that the fact (or the table ``through`` which it is found) has too need not be
    written (All: none); keys in ``without`` have none. ``measures`` compute columns of the row anew from the rows found.
    """

    fact: str
    where: str = "true"
    through: Through | None = None
    without: tuple[str, ...] = ()
    measures: dict[str, str] = Field(default_factory=dict)
