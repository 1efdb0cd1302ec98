"""What a table's rules look into besides what its SQL reads."""

from caremetrix_assets.catalog.neighbours import neighbours, references
from caremetrix_assets.catalog.sqltext import names_in
from caremetrix_assets_tests.audit.support import contract

RAW = contract("raw_x", {"id": "id", "boss": {"type": "id", "parent": "raw_z"}}, ["id"], source={"file": "x", "key": ("id",)})
PLACE = contract("dim_place", {"place_key": "key"}, ["place_key"])
BIG_PLACE = contract("dim_big_place", {"big_place_key": "key"}, ["big_place_key"])
CHECK = "with m as (select * from mart_late) select m.partition_date, 'k' as key from m, fact_y, run_dates, raw_w__log, seed_a"
FACT = contract(
    "fact_y",
    {
        "y_sk": "text",
        "old_place_key": "key",
        "old_big_place_key": "key",
        "who_id": {"type": "id", "ref": "dim_who.who_id"},
        "amount": {"type": "money", "equals": "-fact_x.amount"},
    },
    ["y_sk"],
    driving={"table": "raw_x", "key": ("id",), "own_key": ("y_sk",), "where": "id in (select id from raw_v)"},
    checks={"late": {"sql": CHECK, "not_applicable_when": "select 'none' where not exists (select 1 from raw_u)"}},
    empty_when="select 'none' from fact_t",
)
TABLES = {t.name: t for t in (RAW, PLACE, BIG_PLACE, FACT)}


def test_everything_that_a_rule_names() -> None:
    columns = {"dim_place", "dim_big_place", "dim_who", "fact_x"}
    queries = {"mart_late", "run_dates", "raw_w", "seed_a", "raw_u", "fact_t", "raw_x", "raw_v"}
    assert neighbours(FACT, TABLES) == columns | queries
    assert neighbours(RAW, TABLES) == {"raw_z"}


def test_a_key_without_a_reference_points_at_the_dimension_with_the_longest_fitting_name() -> None:
    found = references(FACT, TABLES)
    assert found == {
        "old_place_key": ("dim_place", "place_key"),
        "old_big_place_key": ("dim_big_place", "big_place_key"),
        "who_id": ("dim_who", "who_id"),
    }
    assert references(PLACE, TABLES) == {}


def test_names_of_relations_leave_out_ctes_and_functions() -> None:
    sql = "with a as (select * from b) select * from a join c on true where exists (select 1 from range(3)) and x in (select y from d)"
    assert names_in(sql) == {"b", "c", "d"}
    assert names_in("not sql at all (") == frozenset()
