"""What a contract's models are made of: strictness, and the rules that tie a column to others. The models are ``models``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator


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
