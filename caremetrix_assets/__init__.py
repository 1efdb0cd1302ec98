"""CareMetrix: Synthea drops to audited tables. Importing this package opens no connection and reads no secret."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caremetrix_assets.lake.reader import Lake

__all__ = ["Lake"]


def __getattr__(name: str) -> Any:
    """``caremetrix_assets.Lake``, imported on first use: PyArrow alone costs 0.2 s."""
    if name == "Lake":
        from caremetrix_assets.lake.reader import Lake

        return Lake
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
