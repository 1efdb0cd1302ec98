"""What Dagster loads: ``dagster dev -m caremetrix_assets.definitions``. Opens no connection."""

from caremetrix_assets.defs import build_definitions
from caremetrix_assets.settings import load_settings, partitions_start

defs = build_definitions(partitions_start(load_settings()))
