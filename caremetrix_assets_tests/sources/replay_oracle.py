"""The change log told again, row by row in Python and without a look at the product's SQL: what the replay must give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow.parquet as pq

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.sources.replay import AcceptedDrop
from caremetrix_assets_tests.sources.replay_lab import OPENING, TABLES, Row

Key = tuple[Any, ...]


def told_again(table: Table, drops: Sequence[AcceptedDrop]) -> tuple[list[Row], dict[str, dict[str, int]]]:
    """Change rows (without hash) and counts per drop over ``drops``, from the first to the last in drop order."""
    teller = _Teller(table, drops)
    for index in range(len(teller.drops)):
        teller.tell(index)
    return teller.log, teller.counts


def text(value: Any) -> str:
    return "" if value is None else str(value)


class _Teller:
    def __init__(self, table: Table, drops: Sequence[AcceptedDrop]) -> None:
        assert table.source
        self.source, self.columns = table.source, table.source_columns
        self.unit_length = 1 if self.source.unit else len(self.source.key)
        self.drops = sorted((d for d in drops if self.source.file in d.columns), key=lambda d: (d.drop_date, d.sequence, d.drop_id))
        self.files = [_read(d, self.source.file) for d in self.drops]
        parents = {str(c.parent).removeprefix("raw_") for c in self.columns if c.parent}
        self.ids = {p: {r["id"] for d in drops if p in d.columns for r in _read(d, p) if not r["broken_rule"]} for p in parents}
        self.state: dict[Key, dict[int, Row]] = defaultdict(dict)  # unit -> ordinal (claims: position) -> row
        self.log: list[Row] = []
        self.counts: dict[str, dict[str, int]] = {}

    def unit(self, row: Row) -> Key:
        return tuple(row[k] for k in self.source.key[: self.unit_length])

    def tell(self, index: int) -> None:
        self.drop = drop = self.drops[index]
        rows = self.files[index]
        self.tally = self.counts[drop.drop_id] = defaultdict(int, rows_in=len(rows))
        self.present = {c.name for c in self.columns if c.name in {*drop.columns[self.source.file], *self.source.key}}
        self.present |= {c.name for c in self.columns if c.name.endswith("_ordinal")}
        self.counted = [c.name for c in self.columns if c.counts and c.name in self.present]
        accepted, held = self._accept(rows)
        matched: set[tuple[Key, int]] = set()
        for unit in dict.fromkeys(self.unit(r) for r in accepted):
            mine = [r for r in accepted if self.unit(r) == unit]
            if self.source.unit:
                self._claim(unit, mine)
                matched |= {(unit, o) for o in self.state[unit]}
            else:
                pairs = self._pair(mine, self.state[unit]) if self.source.ordinal else [(mine[0], 0 if self.state[unit] else None)]
                matched |= self._apply(unit, pairs)
        if drop.is_full:
            self._vanish(index, matched, held)

    def _accept(self, rows: list[Row]) -> tuple[list[Row], set[Key]]:
        good = [r for r in rows if not r["broken_rule"] and not r["is_superseded"]]
        self.tally["rows_broken"] = sum(bool(r["broken_rule"]) for r in rows)
        self.tally["rows_superseded"] = len(rows) - len(good) - self.tally["rows_broken"]
        waits = [any(c.parent and r[c.name] is not None and r[c.name] not in self.ids[c.parent[4:]] for c in self.columns) for r in good]
        if self.source.unit:
            together = {self.unit(r) for r, w in zip(good, waits, strict=True) if w}
            waits = [self.unit(r) in together for r in good]
        self.tally["rows_waiting"] = sum(waits)
        held = {self.unit(r) for r in rows if r["broken_rule"]} | {self.unit(r) for r, w in zip(good, waits, strict=True) if w}
        return [r for r, w in zip(good, waits, strict=True) if not w], held

    def _pair(self, mine: list[Row], known: dict[int, Row]) -> list[tuple[Row, int | None]]:
        left, free = list(mine), dict(sorted(known.items()))
        if len(left) == 1 and len(free) == 1:
            return [(left[0], next(iter(free)))]
        pairs: list[tuple[Row, int | None]] = []

        def take(row: Row, ordinal: int) -> None:
            pairs.append((row, ordinal))
            left.remove(row)
            del free[ordinal]

        others = [c.name for c in self.columns if c.name in self.present and c.name not in (*self.source.key, "stop")]
        order = lambda r: ((r["stop"] is None, text(r["stop"])) if "stop" in self.present else (), *(text(r[c]) for c in others))  # noqa: E731
        agree = lambda r, names: [o for o, s in free.items() if all(r[n] == s[n] for n in names)]  # noqa: E731
        for row in list(left):
            if same := agree(row, self.counted):
                take(row, same[0])
        if "stop" in self.present:
            for row in sorted(left, key=order):
                if same := agree(row, ["stop"]):
                    take(row, min(same, key=lambda o: (order(free[o]), o)))
            for row in sorted(left, key=order):
                opened = [o for o, s in free.items() if s["stop"] is None]
                if row["stop"] is not None and opened:
                    take(row, min(opened, key=lambda o: (order(free[o]), o)))
        if self.drop.is_full or "stop" not in self.present:
            for row, ordinal in list(zip(sorted(left, key=order), sorted(free, key=lambda o: (order(free[o]), o)), strict=False)):
                take(row, ordinal)
        return pairs + [(row, None) for row in sorted(left, key=order)]

    def _apply(self, unit: Key, pairs: list[tuple[Row, int | None]]) -> set[tuple[Key, int]]:
        known, matched = self.state[unit], set()
        next_free = max(known, default=-1) + 1
        for row, ordinal in pairs:
            old = known.get(ordinal) if ordinal is not None else None
            if ordinal is None:
                ordinal, next_free = next_free, next_free + 1
            matched.add((unit, ordinal))
            if old is None:
                self._write(row, {c.name: row[c.name] if c.name in self.present else None for c in self.columns}, ordinal, "insert")
            elif any(row[n] != old[n] for n in self.counted):
                self._write(row, {c.name: (row if c.name in self.counted else old)[c.name] for c in self.columns}, ordinal, "update")
        return matched

    def _claim(self, unit: Key, mine: list[Row]) -> None:
        known = dict(self.state[unit])
        by_place = {r["line_ordinal"]: r for r in mine}
        if set(by_place) == set(known) and all(by_place[p][n] == known[p][n] for p in known for n in self.counted):
            return
        for place, row in by_place.items():
            lacking = known.get(place, {})
            values = {c.name: row[c.name] if c.name in self.present else lacking.get(c.name) for c in self.columns}
            self._write(row, values, place, "update" if known else "insert")
        for place in set(known) - set(by_place):
            self._delete(unit, place)

    def _vanish(self, index: int, matched: set[tuple[Key, int]], held: set[Key]) -> None:
        earlier = list(zip(self.drops[:index], self.files[:index], strict=True))
        own = {self.unit(r) for d, rows in earlier for r in rows if d.producer == self.drop.producer}
        foreign = {self.unit(r) for d, rows in earlier for r in rows if d.producer != self.drop.producer}
        for unit, rows in self.state.items():
            for ordinal in list(rows):
                if (unit, ordinal) not in matched and unit in own and unit not in held:
                    self.tally["rows_vanished"] += 1
                    if self.drop.deletes and unit not in foreign:
                        self._delete(unit, ordinal)

    def _write(self, row: Row, values: Row, ordinal: int, change: str) -> None:
        self.state[self.unit(row)][ordinal] = {**values, "source_file": row["source_file"], "source_line": row["source_line"]}
        self.tally["rows_new" if change == "insert" else "rows_changed"] += 1
        self._log(self.state[self.unit(row)][ordinal], ordinal, change)

    def _delete(self, unit: Key, ordinal: int) -> None:
        self.tally["deletes"] += 1
        self._log(self.state[unit].pop(ordinal), ordinal, "delete")

    def _log(self, row: Row, ordinal: int, change: str) -> None:
        drop = self.drop
        made = {"change_type": change, "drop_id": drop.drop_id, "drop_date": drop.drop_date, "drop_sequence": drop.sequence}
        place: date = max(drop.drop_date, OPENING)
        self.log.append(
            {**row, "source_ordinal": 0 if self.source.unit else ordinal, **made, "is_simulated": False, "partition_date": place}
        )


def _read(drop: AcceptedDrop, file: str) -> list[Row]:
    path = drop.path(file)
    assert path and file in TABLES
    return pq.read_table(path).to_pylist()
