"""Who wants to hear of finished steps, and of waiting, in this process: the command line's progress, nobody else."""

from collections.abc import Callable

from caremetrix_assets.steps.staged import Staged

LISTENERS: list[Callable[[Staged], None]] = []
WAITERS: list[Callable[[str], None]] = []


def tell(staged: Staged) -> None:
    """Called once per table, after its audit."""
    for listener in LISTENERS:
        listener(staged)


def hear(text: str, log: Callable[[str], None]) -> None:
    """Logs why a run waits, and tells whoever started it in this process."""
    log(text)
    for waiter in WAITERS:
        waiter(text)
