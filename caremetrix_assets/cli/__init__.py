"""The command line: thin commands over the same steps, assets and readers that the UI and programs use."""

from caremetrix_assets.cli.app import main

__all__ = ["main"]
