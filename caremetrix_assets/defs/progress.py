"""Who wants to hear of finished steps in this process: the command line's progress, nobody else."""

from collections.abc import Callable

from caremetrix_assets.steps.staged import Staged

LISTENERS: list[Callable[[Staged], None]] = []


def tell(staged: Staged) -> None:
    """Called once per table, after its audit."""
    for listener in LISTENERS:
        listener(staged)
