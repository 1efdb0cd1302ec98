"""A mart of day D says the same when everything dated after D is taken away: the sample's marts, built again from less."""

from datetime import date

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.engines.duckdb import empty_relation, parquet_relation, quote, run_select
from caremetrix_assets.engines.given import Given, create_given, create_seeds
from caremetrix_assets_tests.harness import ENGINE
from caremetrix_assets_tests.runs import Place

OPENING, DAY, NEWEST = date(2025, 11, 30), date(2025, 12, 3), date(2025, 12, 7)
MARTS = sorted(t.name for t in load_catalog().tables.values() if t.layer == "marts")


@pytest.mark.parametrize("name", MARTS)
def test_what_comes_later_changes_nothing(sample_place: Place, name: str):
    catalog = load_catalog()
    table = catalog.table(name)
    folders = {t.name: sample_place.lake / t.layer / t.name for t in catalog.tables.values()}
    with ENGINE.session() as con:
        create_given(con, Given(dates=[DAY], opening_date=OPENING, newest_date=DAY))
        create_seeds(con, catalog, set(table.upstream))
        for other in (catalog.tables[u] for u in table.upstream if u in catalog.tables):
            found = {path.parent.name[-10:]: path for path in folders[other.name].glob("partition_date=*/*.parquet")}
            if other.by_event_date or other.name == "fact_booking":
                wanted = [path for day, path in sorted(found.items()) if day <= DAY.isoformat()]
            else:
                wanted = [found[(DAY if other.layer == "marts" else NEWEST).isoformat()]]
            if wanted:
                parquet_relation(con, other.name, wanted)
            else:
                empty_relation(con, other, other.name)
        run_select(con, table, str(table.sql), "built_again")
        parquet_relation(con, "published", [folders[name] / f"partition_date={DAY}" / f"{name}.parquet"])
        columns = ", ".join(quote(c.name) for c in table.columns)
        one, two = f"select {columns} from built_again", f"select {columns} from published"
        assert con.execute(f"({one} except all {two}) union all ({two} except all {one})").fetchmany(5) == []
        assert con.execute("select count(*) from built_again").fetchone() != (0,)
