"""Files under ``tables/`` to a :class:`Catalog`: strict parsing, dependencies from the SQL, layer rules, build order.

Errors are for the author of a table: file, line where the parser knows one, and what to write instead.
Column lineage is ``lineage.py``; the portable-SQL rules are ``lint.py``.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from caremetrix_assets.catalog.drill import check_drills
from caremetrix_assets.catalog.models import LAYER_OF_PREFIX, Catalog, Column, Layer, Seed, Table
from caremetrix_assets.catalog.narrowing import check_narrow
from caremetrix_assets.catalog.neighbours import neighbours, own_queries
from caremetrix_assets.catalog.sqltext import Query, parse_query, parse_text, read_shared
from caremetrix_assets.errors import UsageError

TABLES = Path(__file__).parent.parent / "tables"
GIVEN_RELATIONS = frozenset({"run_dates", "run_settings", "drop_ledger"})
MAY_READ: dict[Layer, tuple[Layer, ...]] = {
    "raw": (),
    "dims": ("raw", "dims"),
    "facts": ("raw", "dims", "facts"),
    "marts": ("dims", "facts", "marts"),
}
# Texts change no row, so they are left out of the definition hash: editing a description rebuilds nothing.
TEXT_FREE = ("name", "type", "required", "counts", "null_if", "headers", "scd", "parent")


def read_yaml(path: Path) -> Any:
    """Parsed YAML; UsageError with file and line when it is not YAML."""
    try:
        return yaml.load(path.read_text("utf-8"), Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}, line {mark.line + 1}, column {mark.column + 1}" if mark else path.name
        raise UsageError(f"{where}: not readable as YAML ({getattr(error, 'problem', None) or error}).") from error


class _UniqueKeyLoader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """A key written twice is an error, not the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is written twice", key_node.start_mark)
            seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


def load_catalog(root: Path | None = None) -> Catalog:
    """The catalog of ``root`` (default: the package's own tables). Raises UsageError for an author's mistake."""
    return _load(root or TABLES)


@lru_cache(maxsize=4)
def _load(root: Path) -> Catalog:
    glossary = read_yaml(root / "glossary.yml") or {}
    groups = read_yaml(root / "column_groups.yml") or {}
    seeds = {p.stem: _seed(p) for p in sorted((root / "seeds").glob("*.yml"))}
    shared = read_shared(root / "shared")
    tables: dict[str, Table] = {}
    for path in sorted(p for p in root.glob("*/**/*.yml") if p.parent.name != "seeds"):
        table = _table(root, path, glossary, groups, shared)
        if table.name in tables:
            raise UsageError(f"{path.name}: a table of this name stands in another folder too; give it another name.")
        tables[table.name] = table
    tables = {name: _with_seeds(_with_neighbours(table, tables, seeds), seeds) for name, table in tables.items()}
    _check_references(tables, seeds)
    check_drills(tables)
    check_narrow(tables)
    return Catalog(tables=_build_order(tables, seeds), seeds=seeds)


def _seed(path: Path) -> Seed:
    data = read_yaml(path)
    source = path.with_suffix(".csv")
    if not source.exists():
        raise UsageError(f"{path.name}: there is no {source.name} beside it.")
    try:
        return Seed(name=path.stem, path=str(source), **data)
    except (ValidationError, TypeError) as error:
        raise UsageError(f"{path.name}: {_first(error)}") from error


def _table(root: Path, path: Path, glossary: dict[str, Any], groups: dict[str, Any], shared: dict[str, Query]) -> Table:
    name, data = path.stem, read_yaml(path)
    if not isinstance(data, dict):
        raise UsageError(f"{path.name}: a contract is a mapping with doc, grain, key and columns.")
    layer = LAYER_OF_PREFIX.get(name.split("_")[0])
    top = path.relative_to(root).parts[0]
    if layer is None or (layer != top and not (name.startswith("bridge_") and top == "facts")):
        raise UsageError(f"{path.name}: a table in {top}/ needs the prefix of that layer (raw_, dim_, fact_, mart_).")
    columns = _columns(path, data, glossary, groups)
    sql_path = path.with_suffix(".sql")
    query = _query(sql_path, name, columns, shared) if top != "raw" else None
    subfolder = path.relative_to(root).parts[1] if len(path.relative_to(root).parts) > 2 else ""
    data = {k: v for k, v in data.items() if k != "columns"}
    try:
        table = Table(
            name=name,
            layer=layer if not name.startswith("bridge_") else top,  # type: ignore[arg-type]
            folder=subfolder,
            columns=columns,
            sql=query.text if query else None,
            upstream=query.upstream if query else (),
            **data,
        )
    except (ValidationError, TypeError) as error:
        raise UsageError(f"{path.name}: {_first(error)}") from error
    return table.model_copy(update={"definition": _definition(table, query)})


def _columns(path: Path, data: dict[str, Any], glossary: dict[str, Any], groups: dict[str, Any]) -> tuple[Column, ...]:
    own = data.get("columns") or {}
    if not isinstance(own, dict):
        raise UsageError(f"{path.name}: `columns` is a mapping from column name to its type and meaning.")
    merged: dict[str, Any] = {}
    for label, part in (("header", groups.get(str(data.get("header")))), ("own", own), ("footer", groups.get(str(data.get("footer"))))):
        if part is None and label != "own" and data.get(label):
            raise UsageError(f"{path.name}: {label} names {data[label]!r}, which column_groups.yml does not define.")
        for column, attributes in (part or {}).items():
            if column in merged and label == "header":
                raise UsageError(f"{path.name}: column {column} stands twice.")
            merged[column] = {**(attributes or {}), **((own.get(column) or {}) if label != "own" else {})}
    result = []
    for column, attributes in merged.items():
        shared = glossary.get(column) or {}
        if "type" in attributes and shared.get("type", attributes["type"]) != attributes["type"]:
            raise UsageError(f"{path.name}: column {column} is {attributes['type']}, but the glossary says {shared['type']}.")
        full = {**shared, **attributes}
        try:
            result.append(Column(name=column, **full))
        except (ValidationError, TypeError) as error:
            raise UsageError(f"{path.name}: column {column}: {_first(error)}") from error
    return tuple(result)


def _query(path: Path, name: str, columns: tuple[Column, ...], shared: dict[str, Query]) -> Query:
    if not path.exists():
        raise UsageError(f"{name}.yml: there is no {path.name} beside it; a table is these two files.")
    query = parse_query(path, shared)
    wanted = [c.name for c in columns]
    if list(query.columns) != wanted:
        pairs = list(zip([*query.columns, None], [*wanted, None], strict=False))
        got, want = next(((g, w) for g, w in pairs if g != w), (None, None))
        raise UsageError(
            f"{path.name}: the last SELECT gives {got or 'nothing more'} where the contract has {want or 'nothing more'}; "
            "write the columns in the order of the contract."
        )
    return query


def _definition(table: Table, query: Query | None) -> str:
    rows = [[str(getattr(c, a)) for a in TEXT_FREE] for c in table.columns]
    parts = [table.name, query.canonical if query else "", repr(rows), repr(table.source), repr(table.sort), repr(table.key)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _with_seeds(table: Table, seeds: dict[str, Seed]) -> Table:
    """The contents of the seeds a table reads are part of its definition: an edited seed makes the table stale."""
    read = [Path(seeds[name].path).read_bytes() for name in table.upstream if name in seeds]
    if not read:
        return table
    return table.model_copy(update={"definition": hashlib.sha256(b"\n".join([table.definition.encode(), *read])).hexdigest()[:16]})


def _with_neighbours(table: Table, tables: dict[str, Table], seeds: dict[str, Seed]) -> Table:
    """What rules look into comes first too: a key is checked against its dimension even where the SQL only computes it.

    A raw table has no SQL: all it comes after are the tables that its columns and checks refer to.
    """
    for query in own_queries(table):
        parse_text(query, f"{table.name}.yml")
    named = neighbours(table, tables)
    upstream = table.upstream if table.layer != "raw" else tuple(sorted(named & set(tables)))
    audited_with = tuple(sorted((named & {*tables, *seeds}) - set(upstream)))
    return table.model_copy(update={"upstream": upstream, "audited_with": audited_with})


def _check_references(tables: dict[str, Table], seeds: dict[str, Seed]) -> None:
    for table in tables.values():
        for name in table.upstream:
            if name in seeds or name in GIVEN_RELATIONS:
                continue
            if name not in tables:
                raise UsageError(f"{table.name}.sql: reads {name!r}, and no table or seed has that name.")
            if table.layer != "raw" and tables[name].layer not in MAY_READ[table.layer]:
                raise UsageError(f"{table.name}.sql: a table of layer {table.layer} may not read {name} ({tables[name].layer}).")
        for column in table.columns:
            if column.ref:
                target, _, target_column = column.ref.partition(".")
                if target in tables and not tables[target].has(target_column):
                    raise UsageError(f"{table.name}.yml: column {column.name}: ref {column.ref} names no column of {target}.")


def _build_order(tables: dict[str, Table], seeds: dict[str, Seed]) -> dict[str, Table]:
    layers = ["raw", "dims", "facts", "marts"]
    graph = {t.name: {u for u in t.after if u in tables} for t in tables.values()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise UsageError(f"tables read each other in a circle: {' -> '.join(error.args[1])}.") from error
    rank = {name: i for i, name in enumerate(order)}
    return {n: tables[n] for n in sorted(tables, key=lambda n: (layers.index(tables[n].layer), rank[n]))}


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        where = ".".join(str(p) for p in detail["loc"])
        return f"{where}: {detail['msg']}" if where else str(detail["msg"])
    return str(error)
