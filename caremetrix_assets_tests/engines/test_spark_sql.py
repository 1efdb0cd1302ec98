"""A SELECT in Spark's words, as text: what is rewritten and which steps are computed once. Running it is `test_spark_parity`."""

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.engines.spark_sql import Script, to_spark


def steps(script: Script) -> dict[str, str]:
    return {step.name: step.sql for step in script.steps}


def test_nested_ctes_become_steps_in_the_order_they_are_read_and_hide_outer_ones_of_the_same_name():
    script = to_spark(
        "with a as (select x from t), b as (with a as (select 2 * x as x from a) select x from a) "
        "select a.x, b.x from a inner join b on a.x = b.x"
    )
    assert steps(script) == {
        "step_0_a": "SELECT x FROM t",
        "step_1_a": "SELECT 2 * x AS x FROM step_0_a AS a",
        "step_2_b": "SELECT x FROM step_1_a AS a",
    }
    assert script.sql == "SELECT a.x, b.x FROM step_0_a AS a INNER JOIN step_2_b AS b ON a.x = b.x"


def test_a_cte_inside_a_subquery_sees_the_outer_ones():
    script = to_spark("with a as (select x from t) select q.x from (with b as (select x from a) select x from b) as q")
    assert steps(script) == {"step_0_a": "SELECT x FROM t", "step_1_b": "SELECT x FROM step_0_a AS a"}
    assert script.sql == "SELECT q.x FROM (SELECT x FROM step_1_b AS b) AS q"


def test_column_names_of_a_cte_are_kept():
    script = to_spark("with n (i) as (values (1), (2)) select i from n")
    assert script.steps[0].sql == "SELECT * FROM (SELECT * FROM VALUES (1), (2) AS _values) AS named(i)"


def test_only_work_that_is_read_twice_is_computed_once():
    script = to_spark(
        "with chosen as (select x from t where x > 1), counted as (select x, count(*) as n from chosen group by x), "
        "alone as (select max(x) as x from counted) "
        "select c.n from counted as c cross join alone as a cross join chosen as d cross join chosen as e"
    )
    assert {step.name: step.shared for step in script.steps} == {"step_0_chosen": False, "step_1_counted": True, "step_2_alone": False}


def test_relations_that_are_queries_come_first():
    script = to_spark("select x from t", {"t": "select x from t__log where x > 1"})
    assert steps(script) == {"step_0_t": "SELECT x FROM t__log WHERE x > 1"}
    assert script.sql == "SELECT x FROM step_0_t AS t"


@pytest.mark.parametrize(
    ("duckdb", "spark"),
    [
        ("a / b", "CAST((a) AS DOUBLE) / CAST((b) AS DOUBLE)"),
        ("arg_max(a, b)", "MAX_BY(a, CASE WHEN NOT (a) IS NULL THEN b END)"),
        ("sum(a) filter (where b) over (partition by c)", "SUM(CASE WHEN b THEN a END) OVER (PARTITION BY c)"),
        ("count(*) filter (where b) over ()", "COUNT(CASE WHEN b THEN 1 END) OVER ()"),
        ("count(*) filter (where b)", "COUNT(*) FILTER(WHERE b)"),
        ("lag(a) over (order by b)", "LAG(a) OVER (ORDER BY b NULLS LAST)"),
        ("add_months(a, -1)", "(ADD_MONTHS(CAST((a) AS DATE), CAST((-1) AS INT)))"),
        ("try_cast(a as date)", "TRY_CAST(a AS DATE)"),
    ],
)
def test_what_means_something_else_in_spark_is_rewritten(duckdb: str, spark: str):
    assert to_spark(f"select {duckdb} as x from t").sql == f"SELECT {spark} AS x FROM t"


def test_lead_takes_no_frame_from_a_named_window():
    query = "select lead(a) over w as x, sum(a) over w as y from t window w as (partition by b order by c rows unbounded preceding)"
    text = to_spark(query).sql
    assert "LEAD(a) OVER (PARTITION BY b ORDER BY c NULLS LAST) AS x" in text
    assert "SUM(a) OVER w AS y" in text


def test_a_function_inside_a_function_is_rewritten_too():
    text = to_spark("select max_by(iso_date(a), age_years(b, a) / 2) as x from t").sql.lower()
    assert "iso_date" not in text
    assert "age_years" not in text


def test_every_table_can_be_said_in_spark():
    left = set()
    for table in load_catalog().tables.values():
        if table.sql:
            script = to_spark(str(table.sql))
            text = " ".join([script.sql, *steps(script).values()]).lower()
            left |= {name for name in ("rate_of(", "money_of(", "number_of(", "stable_key(", "iso_ts(", "lapse_date(") if name in text}
    assert left == set()
