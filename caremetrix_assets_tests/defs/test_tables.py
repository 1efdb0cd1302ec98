"""The asset graph: a table comes after what its SQL reads and what its rules look into."""

import dagster as dg

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.defs.tables import asset_key, table_assets


def test_an_asset_depends_on_the_dimensions_its_keys_are_checked_against():
    catalog = load_catalog()
    assets = table_assets(catalog, dg.DailyPartitionsDefinition("2025-01-01"))
    needed = {a.key: set(a.asset_deps[a.key]) for a in assets}
    ledger = catalog.table("fact_transaction")
    assert "dim_claim_transaction" not in ledger.upstream
    assert asset_key(catalog.table("dim_claim_transaction")) in needed[asset_key(ledger)]
    assert asset_key(catalog.table("raw_claims_transactions")) in needed[asset_key(ledger)]
    for table in catalog.tables.values():
        assert needed[asset_key(table)] >= {asset_key(catalog.tables[n]) for n in table.after if n in catalog.tables}
