"""The change log of a raw table as SQL: its state, its keys, its row hash, drop order.

What lives elsewhere: how drops become change rows (``sources/replay*.py``), where partitions are (``layout``).
"""

from caremetrix_assets.catalog.models import Column, Table

DROP_ORDER = ("drop_date", "drop_sequence", "drop_id")


def state_key(table: Table) -> tuple[str, ...]:
    """Columns that name one row of the state: the natural key, with the ordinal where the file repeats keys."""
    assert table.source is not None
    return (*table.source.key, "source_ordinal") if table.source.ordinal else table.source.key


def same(columns: tuple[str, ...], left: str, right: str) -> str:
    """The condition that two relations agree in ``columns``, null being a value like any other."""
    return " and ".join(f"{left}.{quoted(c)} is not distinct from {right}.{quoted(c)}" for c in columns) or "true"


def state_sql(table: Table, log_relation: str) -> str:
    """A SELECT of the last row per natural key and ordinal of ``log_relation``, deleted ones left out.

    ``log_relation`` names change-log rows of the table; restrict it to partitions up to D for the state as of D.
    Columns: the contract's, in its order. A row stands unless an update or delete of its key comes after it: those
    are few, so they are ranked and joined, where a window over the whole log would sort millions of inserts.
    """
    key = state_key(table)
    columns = ", ".join(f"l.{quoted(c.name)}" for c in table.columns)
    wanted = ", ".join(quoted(c) for c in (*key, *DROP_ORDER))
    by = ", ".join(quoted(c) for c in key)
    newest_first = ", ".join(f"{quoted(c)} desc" for c in DROP_ORDER)
    return (
        f"select {columns} from {log_relation} as l left join (select {wanted} from (select {wanted}, "
        f"row_number() over (partition by {by} order by {newest_first}) as newest_first "
        f"from {log_relation} where change_type <> 'insert') as ranked where newest_first = 1) as n on {same(key, 'l', 'n')} "
        # one condition: DuckDB takes each as keeping a fifth of the rows, and would soon take the log for a small table
        f"where case when n.drop_id is null then true when {_not_before('l', 'n')} then l.change_type <> 'delete' else false end"
    )


def _not_before(left: str, right: str) -> str:
    first, second, last = (f"{left}.{c} {{}} {right}.{c}" for c in DROP_ORDER)
    return f"({first.format('>')} or ({first.format('=')} and ({second.format('>')} or ({second.format('=')} and {last.format('>=')}))))"


def row_hash_sql(table: Table, alias: str = "") -> str:
    """The SQL of ``source_row_hash``: md5 of the columns that count as a change, as text, joined by ``|``."""
    prefix = f"{alias}." if alias else ""
    return f"md5(concat_ws('|', {', '.join(iso_text(c, prefix) for c in table.source_columns if c.counts)}))"


def iso_text(column: Column, prefix: str = "") -> str:
    """A column as text without null: ISO dates and timestamps, numbers plain, null as the empty string."""
    name = f"{prefix}{quoted(column.name)}"
    if column.type == "ts":
        return f"coalesce(replace(cast({name} as varchar), ' ', 'T') || 'Z', '')"
    return f"coalesce({name if column.is_text else f'cast({name} as varchar)'}, '')"


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
