"""A second opinion: what the tables must hold, recomputed from the CSV files of a list of drops with plain DuckDB.

It shares no code with the package on purpose, so that both must be wrong in the same way to agree. It knows drops of one release
without a practice feed and without broken or waiting rows. The two marts it recomputes are in ``oracle_marts.py``.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

# natural key of each file, in the CSV's own column names; the ledger is a matter of its own (see ``_load_ledger``)
KEYS: dict[str, list[str]] = {
    **{file: ["id"] for file in ("patients", "encounters", "organizations", "providers", "payers", "claims", "careplans")},
    **{file: ["start", "patient", "encounter", "code"] for file in ("conditions", "allergies", "devices", "medications")},
    **{file: ["date", "patient", "encounter", "code"] for file in ("immunizations", "supplies")},
    "procedures": ["start", "stop", "patient", "encounter", "code"],
    "observations": ["date", "patient", "encounter", "code", "value", "units"],
    "imaging_studies": ["id", "series_uid", "instance_uid"],
    "payer_transitions": ["patient", "start_date"],
}
# files whose rows may repeat a key, and the column that closes a row
REPEATING: dict[str, str | None] = {"medications": "stop", "supplies": None, "observations": None, "payer_transitions": "end_date"}
# values that Synthea draws anew with every export: the first one seen stays
REDRAWN_IN_LEDGER = {"id", "chargeid", "transferoutid", "method", "todate"}
TRACKED: dict[str, str] = {
    "patients": "prefix, first, middle, last, suffix, maiden, marital, race, ethnicity, birthplace,"
    " address, city, state, county, fips, zip, lat, lon",
    "providers": "organization, name, gender, speciality, address, city, state, zip, lat, lon",
    "organizations": "name, address, city, state, zip, lat, lon, phone",
    "payers": "name, ownership, address, city, state_headquartered, zip, phone",
}

Row = dict[str, Any]


class Drop(NamedTuple):
    """A drop folder in drop order."""

    drop_date: date
    sequence: int
    name: str
    is_delta: bool
    folder: Path


def stable_key(*parts: str) -> int:
    """A surrogate key as the conventions define it: 15 hexadecimal digits of an md5."""
    return int(hashlib.md5("|".join(parts).encode()).hexdigest()[:15], 16)


def drops_in_order(folders: Iterable[Path]) -> list[Drop]:
    """Read the manifests; two drops of one date and sequence are not told apart here."""
    drops = []
    for folder in folders:
        manifest = json.loads((folder / "manifest.json").read_text())
        day = date.fromisoformat(manifest["drop_date"])
        drops.append(Drop(day, manifest.get("sequence", 0), folder.name, manifest["kind"] == "delta", folder))
    drops.sort()
    assert len({drop[:2] for drop in drops}) == len(drops), "drop order is not unique"
    return drops


def pair_rows(state: list[Row], arriving: list[Row], stop: str | None, is_delta: bool) -> list[Row]:
    """Pair the rows of one repeated key with those of the state; unpaired ones are new."""
    if len(state) == 1 and len(arriving) == 1:
        return arriving
    result, free, left = list(state), list(range(len(state))), list(arriving)

    def closed(row: Row) -> Any:
        return row[stop] if stop else None

    def in_order(row: Row) -> tuple[bool, str, list[str]]:
        return closed(row) is None, closed(row) or "", [str(value) for value in row.values()]

    rules = [
        lambda old, new: old == new,
        lambda old, new: closed(old) == closed(new),
        lambda old, new: closed(old) is None and closed(new) is not None,
        lambda old, new: not (is_delta and closed(old) is not None and closed(new) is not None and closed(old) != closed(new)),
    ]
    for is_pair in rules:
        for new in sorted(left, key=in_order):
            place = next((at for at in sorted(free, key=lambda at: in_order(result[at])) if is_pair(result[at], new)), None)
            if place is not None:
                result[place] = new
                free.remove(place)
                left.remove(new)
    return result + sorted(left, key=in_order)


class Oracle:
    """The final state of every file and the facts that follow from it.

    ``newest`` is the newest built date: what is dated later is held back. Tables of the connection: one per file (columns as text,
    lower-case names), then ``ledger``, ``lines``, ``claim_kinds`` and ``visits``, typed.
    """

    def __init__(self, folders: Iterable[Path], newest: date | None = None) -> None:
        self.drops = drops_in_order(folders)
        self.newest = newest or max(drop.drop_date for drop in self.drops)
        self.db = duckdb.connect()
        for file in [*KEYS, "claims_transactions"]:
            self._load_all_rows(file)
        for file in KEYS:
            self._load_repeating(file) if file in REPEATING else self._load_keyed(file)
        self._load_ledger()
        self.db.execute(FACTS)

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Run a query; one dict per row."""
        cursor = self.db.execute(sql, values or None)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _load_all_rows(self, file: str) -> None:
        """``all_<file>``: every row of every drop as text, with the drop's number and the line's."""
        parts = []
        for number, drop in enumerate(self.drops):
            for path in sorted(drop.folder.glob(f"{file}.csv*")):
                parts.append(
                    f"select {number} as drop_no, date '{drop.drop_date}' as drop_day, row_number() over () as line, *"
                    f" from read_csv('{path}', header = true, all_varchar = true, normalize_names = false)"
                )
        self.db.execute(f"create table raw_rows as {' union all by name '.join(parts)}")
        columns = [row[0] for row in self.db.execute("describe raw_rows").fetchall()]
        renamed = ", ".join(f'"{name}" as "{name.lower()}"' for name in columns)
        self.db.execute(f"create table all_{file} as select {renamed} from raw_rows")
        self.db.execute("drop table raw_rows")

    def _load_keyed(self, file: str) -> None:
        """The last row of each key counts; of a procedure's base cost the first."""
        key = ", ".join(KEYS[file])
        kept = f"* replace (arg_min(base_cost, (drop_no, -line)) over (partition by {key}) as base_cost)" if file == "procedures" else "*"
        self.db.execute(
            f"create table {file} as select {kept} from all_{file}"
            f" qualify row_number() over (partition by {key} order by drop_no desc, line desc) = 1"
        )

    def _load_repeating(self, file: str) -> None:
        states: dict[tuple[Any, ...], list[Row]] = {}
        for number, drop in enumerate(self.drops):
            arriving = defaultdict(list)
            for row in self.rows(
                f"select * exclude (drop_no, drop_day, line) from all_{file} where drop_no = $number order by line", number=number
            ):
                arriving[tuple(row[name] for name in KEYS[file])].append(row)
            for key, new in arriving.items():
                states[key] = pair_rows(states.get(key, []), new, REPEATING[file], drop.is_delta)
        columns = [row[0] for row in self.db.execute(f"describe all_{file}").fetchall()][3:]
        rows = [row for state in states.values() for row in state]
        found = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in columns})
        self.db.register("found", found)
        self.db.execute(f"create table {file} as select * from found")

    def _load_ledger(self) -> None:
        """A claim is one unit: the newest drop that really differs gives all its rows."""
        columns = [row[0] for row in self.db.execute("describe all_claims_transactions").fetchall()][3:]
        counted = ", ".join(f"coalesce({name}, '~')" for name in columns if name not in REDRAWN_IN_LEDGER)
        self.db.execute(f"""
            create table positions as
            select *, row_number() over (partition by drop_no, claimid order by cast(chargeid as bigint)) as line_ordinal
            from all_claims_transactions;
            create table units as
            with placed as (
                select p.*, f.line_ordinal as from_ordinal from positions p
                left join positions f on f.drop_no = p.drop_no and f.claimid = p.claimid and f.chargeid = p.transferoutid
            ),
            digests as (
                select
                    claimid,
                    drop_no,
                    string_agg(concat_ws('|', coalesce(from_ordinal, 0), {counted}), '#' order by line_ordinal) as digest
                from placed group by claimid, drop_no
            ),
            steps as (select *, lag(digest) over (partition by claimid order by drop_no) is distinct from digest as is_change from digests)
            select claimid, max(drop_no) as drop_no from steps where is_change group by claimid;
            create table claims_transactions as
            select p.* from positions p inner join units u on u.claimid = p.claimid and u.drop_no = p.drop_no;
        """)

    def state_counts(self) -> dict[str, int]:
        """Rows of the newest state by file."""
        return {file: self.db.execute(f"select count(*) from {file}").fetchall()[0][0] for file in [*KEYS, "claims_transactions"]}

    def version_counts(self) -> dict[str, int]:
        """Versions of all members by file: one more for each day that ends with other tracked values."""
        counts = {}
        for file, columns in TRACKED.items():
            present = {row[0] for row in self.db.execute(f"describe {file}").fetchall()}
            tracked = ", ".join(name for name in columns.split(", ") if name in present)
            counts[file] = self.rows(f"""
                with days as (
                    select id, drop_day, row({tracked}) as tracked from all_{file}
                    qualify row_number() over (partition by id, drop_day order by drop_no desc, line desc) = 1
                ),
                steps as (select lag(tracked) over (partition by id order by drop_day) is distinct from tracked as is_version from days)
                select count(*) as versions from steps where is_version
            """)[0]["versions"]
        return counts

    def appointments(self) -> list[Row]:
        """One row per encounter started up to the newest date."""
        return self.rows("select * from visits where visit_date <= $newest order by encounter_id", newest=self.newest)

    def procedures(self) -> Row:
        """Rows and sums of performed procedures; the fee is the charge line's amount, else the base cost."""
        return self.rows(
            """
            with numbered as (
                select *, row_number() over (partition by encounter, code order by cast(start as timestamp), cast(stop as timestamp)) as n
                from procedures
            )
            select
                count(*) as rows,
                sum(cast(p.base_cost as decimal(18, 2))) as base_cost_amount,
                sum(coalesce(l.charge_amount, cast(p.base_cost as decimal(18, 2)))) as gross_fee_amount
            from numbered p
            left join lines l
                on l.claim_kind = 'encounter' and l.line_number > 1 and l.encounter_id = p.encounter and l.code = p.code and l.nth = p.n
            where cast(cast(p.start as timestamp) as date) <= $newest
            """,
            newest=self.newest,
        )[0]

    def claim_lines(self) -> dict[tuple[str, str], tuple[int, Decimal]]:
        """Rows and charges by claim_kind and line_kind."""
        found = self.rows(
            """
            with counts as (select encounter, code, count(*) as n from procedures group by encounter, code)
            select
                l.claim_kind,
                case
                    when l.claim_kind = 'medication' then 'medication'
                    when l.line_number = 1 then 'visit'
                    when l.nth <= c.n then 'procedure'
                    else 'immunization'
                end as line_kind,
                count(*) as rows,
                sum(l.charge_amount) as charge
            from lines l
            left join counts c on c.encounter = l.encounter_id and c.code = l.code
            where l.service_date <= $newest
            group by 1, 2
            """,
            newest=self.newest,
        )
        return {(row["claim_kind"], row["line_kind"]): (row["rows"], row["charge"]) for row in found}

    def transactions(self) -> dict[tuple[str, str | None], Row]:
        """Rows and sums of the ledger by transaction_type and paid_by."""
        sums = ("charge_amount", "payment_amount", "adjustment_amount", "transfer_in_amount", "transfer_out_amount")
        found = self.rows(
            f"""
            select transaction_type, paid_by, count(*) as rows, {", ".join(f"sum({name}) as {name}" for name in sums)}
            from ledger where service_date <= $newest group by 1, 2
            """,
            newest=self.newest,
        )
        return {(row.pop("transaction_type"), row.pop("paid_by")): row for row in found}


FACTS = (Path(__file__).parent / "oracle.sql").read_text()
