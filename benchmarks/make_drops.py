"""Makes the drops that ``bench.py`` measures: the sample's people copied until there are enough rows. Nothing is timed here.

Each copy gets ids of its own for people and what happens to them; organizations, providers and payers are shared. Three drops on
consecutive days: a full export, the next full export (its ledger numbered anew, as Synthea does) and a delta.
"""

import argparse
import hashlib
import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

ROOT = Path(__file__).parent.parent
SHARED = {"organizations", "providers", "payers"}
# identifiers of people and what happens to them, by lower-case column name; the file's own "id" is one too, unless shared
REWRITTEN = {"id", "patient", "patientid", "encounter", "claimid", "appointmentid", "patientinsuranceid", "memberid"}
NUMBERED = {"chargeid", "transferoutid"}
SUFFIXED = {"series_uid", "instance_uid"}
# what tells rows of one file apart, where it is not the id
KEYS = {
    "claims_transactions": ["claimid"],
    "procedures": ["start", "stop", "patient", "encounter", "code"],
    "observations": ["date", "patient", "encounter", "code", "value", "units"],
    "imaging_studies": ["id", "series_uid", "instance_uid"],
    "payer_transitions": ["patient", "start_date"],
    **{file: ["start", "patient", "encounter", "code"] for file in ("conditions", "allergies", "devices", "medications")},
    **{file: ["date", "patient", "encounter", "code"] for file in ("immunizations", "supplies")},
}


class Source(NamedTuple):
    """A sealed drop to copy from."""

    drop_date: date
    sequence: int
    folder: Path
    producer: str
    kind: str


def sources_in(folder: Path) -> list[Source]:
    """The drops of the producer that sent the first full export, in drop order."""
    found = []
    for path in folder.glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        day = date.fromisoformat(manifest["drop_date"])
        found.append(Source(day, manifest.get("sequence", 0), path.parent, manifest.get("producer", "default"), manifest["kind"]))
    found.sort()
    producer = next(source.producer for source in found if source.kind == "full")
    return [source for source in found if source.producer == producer]


def file_names(sources: list[Source]) -> list[str]:
    """The files any of the drops holds, without suffixes."""
    return sorted({path.name.split(".")[0] for source in sources for path in source.folder.glob("*.csv*")})


def load_state(db: duckdb.DuckDBPyConnection, sources: list[Source], file: str) -> list[str]:
    """Table ``state``: the rows of ``file`` after all the drops, as text; returns its columns. Good enough to measure, no reference."""
    parts = [
        f"select {number} as drop_no, row_number() over () as line, * from read_csv('{path}', header = true, all_varchar = true)"
        for number, source in enumerate(sources)
        for path in source.folder.glob(f"{file}.csv*")
    ]
    db.execute(f"create or replace table found as {' union all by name '.join(parts)}")
    key = ", ".join(KEYS.get(file, ["id"]))
    if file == "claims_transactions":
        latest = f"qualify drop_no = max(drop_no) over (partition by {key})"
    else:
        latest = f"qualify row_number() over (partition by {key}, nth order by drop_no desc) = 1"
    db.execute(f"""
        create or replace table state as
        select * exclude (nth) from (select *, row_number() over (partition by drop_no, {key} order by line) as nth from found) {latest}
    """)
    return [row[0] for row in db.execute("describe state").fetchall()][2:]


def in_copy(column: str, file: str, ledger_from: int) -> str:
    """The SQL of a column in copy number ``copy_no``; copy 0 keeps the sample's ids."""
    name = column.lower()
    quoted = f'"{column}"'
    if name in NUMBERED:
        return f"cast(cast({quoted} as bigint) + {ledger_from} + copy_no * (select count(*) from state) as varchar) as {quoted}"
    if name in SUFFIXED:
        return f"case when copy_no = 0 then {quoted} else {quoted} || '.' || copy_no end as {quoted}"
    if name in REWRITTEN and file not in SHARED:
        is_redrawn = file == "claims_transactions" and name == "id" and ledger_from > 0
        digest = f"md5('{ledger_from if is_redrawn else 0}|' || copy_no || '|' || {quoted})"
        ends = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        uuid = " || '-' || ".join(f"substr({digest}, {start}, {length})" for start, length in ends)
        return f"case when copy_no = 0 and not {is_redrawn} then {quoted} else {uuid} end as {quoted}"
    return quoted


def write_file(db: duckdb.DuckDBPyConnection, file: str, columns: list[str], target: Path, copies: int, ledger_from: int) -> int:
    """Write ``state`` ``copies`` times as CSV without quotes; returns the rows."""
    copies = 1 if file in SHARED else copies
    selected = ", ".join(in_copy(column, file, ledger_from) for column in columns)
    written = db.execute(f"""
        copy (select {selected} from state, range({copies}) as copies(copy_no) order by copy_no, drop_no, line)
        to '{target}' (header true, delimiter ',', quote '')
    """).fetchall()
    return int(written[0][0])


def write_drop(sources: list[Source], folder: Path, day: date, kind: str, copies: int, ledger_from: int = 0) -> None:
    """Write and seal one drop, the manifest last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sealed = {}
    with duckdb.connect() as db:
        for file in file_names(sources):
            columns = load_state(db, sources, file)
            target = folder / f"{file}.csv"
            rows = write_file(db, file, columns, target, copies, ledger_from)
            with target.open("rb") as handle:
                sealed[target.name] = {"sha256": hashlib.file_digest(handle, "sha256").hexdigest(), "rows": rows}
            print(f"  {folder.name}/{target.name}: {rows:,} rows", flush=True)
    manifest = {"drop_date": str(day), "kind": kind, "producer": sources[0].producer, "sequence": 0, "files": sealed}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))


def make_drops(out: Path, rows: int, source: Path) -> list[Path]:
    """Write the three drops under ``out`` unless they are there already; returns their folders in drop order."""
    marker = {"rows": rows, "source": str(source)}
    made = out / "made.json"
    folders = [out / name for name in ("1-full", "2-next-full", "3-delta")]
    if made.exists() and json.loads(made.read_text()) == marker:
        return folders
    sources = sources_in(source)
    per_copy = sum(entry["rows"] for entry in json.loads((sources[0].folder / "manifest.json").read_text())["files"].values())
    copies = max(1, round(rows / per_copy))
    last = sources[-1].drop_date
    print(f"Making {copies} copies of {per_copy:,} rows in {out}", flush=True)
    write_drop(sources[: max(1, len(sources) - 2)], folders[0], last - timedelta(days=2), "full", copies)
    write_drop(sources[:-1], folders[1], last - timedelta(days=1), "full", copies, ledger_from=1_000_000_000)
    write_drop(sources[-1:], folders[2], last, "delta", copies, ledger_from=2_000_000_000)
    made.write_text(json.dumps(marker))
    return folders


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".caremetrix" / "bench" / "drops")
    parser.add_argument("--rows", type=int, default=3_100_000, help="rows of the first drop, about")
    parser.add_argument("--source", type=Path, default=ROOT / "sample_drops", help="a folder of sealed drops to copy from")
    arguments = parser.parse_args()
    make_drops(arguments.out, arguments.rows, arguments.source)


if __name__ == "__main__":
    main()
