"""A table's SELECT as Spark SQL, in steps: each common table expression becomes a view, in the order they need each other.

sqlglot translates the words; what means something else in Spark in spite of the same words is rewritten here, each
rule with its reason. Spark computes a common table expression once for every place that names it, and a plan that
names one twice at ten levels holds it a thousand times: a step that is read more than once and is more than a choice of
rows is therefore marked ``shared``, to be computed once. Nothing runs here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from caremetrix_assets.engines.spark_functions import TEMPLATES, expanded


@dataclass(frozen=True)
class Step:
    """One view: its name, its Spark SQL, and whether it is to be computed once and kept."""

    name: str
    sql: str
    shared: bool


@dataclass(frozen=True)
class Script:
    """A query as views to be made in order, and the last SELECT over them."""

    steps: tuple[Step, ...]
    sql: str


def to_spark(sql: str, first: Mapping[str, str] | None = None) -> Script:
    """The Spark form of a DuckDB SELECT. ``first``: relations of it that are queries themselves, by name."""
    found: list[tuple[str, exp.Expr]] = []
    names: dict[str, str] = {}
    for name, query in (first or {}).items():
        tree = sqlglot.parse_one(query, dialect="duckdb")
        _flatten(tree, {}, found)
        found.append((f"step_{len(found)}_{name}", tree))
        names[name] = found[-1][0]
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    _flatten(tree, names, found)
    reads = Counter(t.name for _, query in [*found, ("", tree)] for t in query.find_all(exp.Table))
    shared = {name for name, query in found if reads[name] > 1 and _is_work(query)}
    return Script(tuple(Step(name, _text(query), name in shared) for name, query in found), _text(tree))


def _text(query: exp.Expr) -> str:
    for call in list(query.find_all(exp.Lead, exp.Lag)):
        _without_frame(call)
    # children first, so a rule finds its parts rewritten; what a rule brings in is in Spark's words already
    for node in reversed(list(query.walk())):
        changed = _rewritten(node)
        if changed is not node:
            node.replace(changed)
    return query.sql(dialect="spark")


def _flatten(query: exp.Expr, names: dict[str, str], found: list[tuple[str, exp.Expr]]) -> None:
    """Takes the CTEs out of ``query``, innermost first, each under a name of its own; ``names`` is what is in sight."""
    clause = query.args.get("with_") or query.args.get("with")
    if clause is not None:
        names = dict(names)
        for cte in clause.expressions:
            body = cte.this
            _flatten(body, names, found)
            columns = [c.name for c in cte.args["alias"].columns]
            name = f"step_{len(found)}_{cte.alias}"
            found.append((name, _named(body, columns)))
            names[cte.alias] = name
        clause.pop()
    for node in _own_nodes(query):
        if isinstance(node, exp.Table) and node.name in names:
            if not node.alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
            node.set("this", exp.to_identifier(names[node.name]))
        elif isinstance(node, exp.Query) and node is not query and (node.args.get("with_") or node.args.get("with")):
            _flatten(node, names, found)


def _own_nodes(query: exp.Expr) -> list[exp.Expr]:
    """The nodes of a query outside the subqueries that have CTEs of their own, and those subqueries themselves."""

    def has_own(node: exp.Expr) -> bool:
        return node is not query and isinstance(node, exp.Query) and bool(node.args.get("with_") or node.args.get("with"))

    return list(query.walk(prune=has_own))


def _named(body: exp.Expr, columns: list[str]) -> exp.Expr:
    if not columns:
        return body
    alias = exp.TableAlias(this=exp.to_identifier("named"), columns=[exp.to_identifier(c) for c in columns])
    return exp.select("*").from_(exp.Subquery(this=body, alias=alias))


def _is_work(query: exp.Expr) -> bool:
    return query.find(exp.Join, exp.Group, exp.Window, exp.AggFunc, exp.Distinct, exp.SetOperation) is not None


def _without_frame(call: exp.Expr) -> None:
    """`lead` and `lag` look past any frame; Spark takes none with them, not from a named window either."""
    window, select = call.find_ancestor(exp.Window), call.find_ancestor(exp.Select)
    named = window.args.get("alias") if window is not None else None
    if window is None or select is None or named is None:
        return
    definition = next(w for w in select.args["windows"] if w.name == named.name)
    if definition.args.get("spec") is None:
        return
    spelled = definition.copy()
    for part, value in (("this", window.this.copy()), ("over", "OVER"), ("spec", None)):
        spelled.set(part, value)
    window.replace(spelled)


def _rewritten(node: exp.Expr) -> exp.Expr:
    """One node in words that mean to Spark what the original means to DuckDB; the node itself when its words do."""
    name = _called(node)
    if name:
        return expanded(name, [node.this, node.expression] if isinstance(node, exp.AddMonths) else list(node.expressions))
    if isinstance(node, exp.Div):
        # DuckDB divides as doubles, Spark decimals as decimals
        return exp.Div(this=_double(node.left), expression=_double(node.right))
    if isinstance(node, (exp.ArgMax, exp.ArgMin)):
        # DuckDB leaves out rows whose value is null, Spark only those whose order is
        filled = exp.Not(this=exp.Is(this=exp.paren(node.this), expression=exp.null()))
        return type(node)(this=node.this.copy(), expression=exp.Case().when(filled, node.expression.copy()))
    if isinstance(node, exp.Window) and isinstance(node.this, exp.Filter):
        return _without_filter(node)
    if isinstance(node, exp.TryCast):
        return _try_cast(node)
    return node


def _called(node: exp.Expr) -> str | None:
    if isinstance(node, exp.AddMonths):
        return "add_months"
    return node.name.lower() if isinstance(node, exp.Anonymous) and node.name.lower() in TEMPLATES else None


def _double(node: exp.Expr) -> exp.Expr:
    return exp.cast(exp.paren(node), "double")


def _without_filter(node: exp.Window) -> exp.Window:
    """``agg(x) filter (where c) over (..)``: Spark knows no filter there."""
    changed = node.copy()
    call, condition = changed.this.this, changed.this.expression.this
    value = exp.Literal.number(1) if isinstance(call.this, exp.Star) else call.this
    changed.set("this", type(call)(this=exp.Case().when(condition.copy(), value.copy())))
    return changed


def _try_cast(node: exp.TryCast) -> exp.Expr:
    """Text to number as DuckDB reads it: no suffix of Java's (`1.5d`), digits may be grouped by `_`, integers are rounded."""
    if not node.to.is_type(exp.DataType.Type.DOUBLE, *exp.DataType.INTEGER_TYPES):
        return node
    text = node.this.sql("spark")
    plain = f"case when {text} rlike '[0-9.][dDfF]\\\\s*$' then null else regexp_replace({text}, '(?<=[0-9])_(?=[0-9])', '') end"
    if node.to.is_type(exp.DataType.Type.DOUBLE):
        return sqlglot.parse_one(f"try_cast({plain} as double)", dialect="spark")
    return sqlglot.parse_one(f"try_cast(round(try_cast({plain} as decimal(38, 10)), 0) as {node.to.sql('spark')})", dialect="spark")
