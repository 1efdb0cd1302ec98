"""From which date on each file's change log has to be replayed, told from what was replayed last time.

The saved state is small and plain JSON: ``{"drops": [{"drop_id", "partition_date", "waiting": {file: fingerprint}}]}`` in
drop order, with an entry in ``waiting`` for every file of the drop ('' when no row of it waits for a parent).
What lives elsewhere: the replay (``replay``), where the state is kept (the caller).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import zip_longest
from typing import Any, NamedTuple

from caremetrix_assets.sources.replay_model import AcceptedDrop

Fingerprint = Callable[[AcceptedDrop, str], str]


class Known(NamedTuple):
    """A drop as the saved state has it; ``waiting`` has an entry per file."""

    drop_id: str
    partition_date: date
    waiting: Mapping[str, str]


def plan_from(previous: Mapping[str, Any], drops: Sequence[AcceptedDrop], waiting_now: Fingerprint, opening_date: date) -> dict[str, date]:
    """Per file the earliest partition date whose change rows may differ from the published ones; other files need nothing.

    ``previous`` is the saved state ({} before the first replay), ``drops`` all accepted drops in any order.
    ``waiting_now(drop, file)`` is ``replay_incoming.waiting_fingerprint`` against the parents of all ``drops``; it is
    asked only where the answer can have changed: of drops with waiting rows when a drop came, of all when one left.
    """
    before = [Known(d["drop_id"], date.fromisoformat(d["partition_date"]), d["waiting"]) for d in previous.get("drops", [])]
    now = sorted(drops, key=lambda d: d.order)
    old_ids, new_ids = {d.drop_id for d in before}, {d.drop_id for d in now}
    if [d.drop_id for d in before] == [d.drop_id for d in now]:
        return {}
    one_left = bool(old_ids - new_ids)
    result = {}
    for file in sorted({f for d in before for f in d.waiting} | {f for d in now for f in d.columns}):
        old = [d for d in before if file in d.waiting]
        new = [d for d in now if file in d.columns]
        first = _first_difference(old, new, opening_date)
        for known, drop in zip(old, new, strict=False):
            if known.drop_id != drop.drop_id or (first is not None and known.partition_date >= first):
                break
            if (known.waiting[file] or one_left) and waiting_now(drop, file) != known.waiting[file]:
                first = known.partition_date
                break
        if first is not None:
            result[file] = first
    return result


def next_state(
    previous: Mapping[str, Any], drops: Sequence[AcceptedDrop], replayed: Mapping[str, Mapping[str, str]], opening_date: date
) -> dict[str, Any]:
    """The state to save after a replay. ``replayed``: per file ``ReplayResult.fingerprints``; the others stay as they were."""
    before = {d["drop_id"]: d["waiting"] for d in previous.get("drops", [])}
    return {
        "drops": [
            {
                "drop_id": drop.drop_id,
                "partition_date": max(drop.drop_date, opening_date).isoformat(),
                "waiting": {
                    file: replayed.get(file, {}).get(drop.drop_id, before.get(drop.drop_id, {}).get(file, ""))
                    for file in sorted(drop.columns)
                },
            }
            for drop in sorted(drops, key=lambda d: d.order)
        ]
    }


def _first_difference(old: Sequence[Known], new: Sequence[AcceptedDrop], opening_date: date) -> date | None:
    for known, drop in zip_longest(old, new):
        if known is None or drop is None or known.drop_id != drop.drop_id:
            dates = [known.partition_date] if known else []
            return min([*dates, max(drop.drop_date, opening_date)] if drop else dates)
    return None
