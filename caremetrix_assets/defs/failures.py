"""Why a step or run failed, in words that hold no value of a row: our own sentences, else the kind of error and its place."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from caremetrix_assets.errors import CaremetrixError, ServiceError


class UnexpectedError(CaremetrixError):
    """An error nobody foresaw. Its own message may quote a row, so it says kind and place only."""


def unexpected(error: Exception) -> UnexpectedError:
    """Raise it ``from None``, or the event log keeps the original message."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = place.filename.replace("\\", "/").rsplit("/", 1)[-1]
    return UnexpectedError(f"unexpected {type(error).__name__} in {file}, line {place.lineno} ({place.name})")


@contextmanager
def told_without_values(prefix: str = "") -> Iterator[None]:
    """Raises the errors of a step as the event log may keep them: those of a service as they are, so that they are retried; our
    others as failures that are not; what nobody foresaw by kind and place.
    """
    try:
        yield
    except ServiceError:
        raise
    except CaremetrixError as error:
        raise dg.Failure(f"{prefix}{error}", allow_retries=False) from None
    except Exception as error:  # its message may quote a row
        raise unexpected(error) from None


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step failed."""
    failure = getattr(event.event_specific_data, "user_failure_data", None)
    if failure and failure.description:
        return str(failure.description)
    error = error_of(event)
    if error is None:
        return "failed"
    if error.cls_name in _ours():
        return str(error.message).strip().split(": ", 1)[-1].strip()
    return f"failed with {error.cls_name}; the log of the run has more"


def error_of(event: dg.DagsterEvent) -> Any:
    """The error that a step raised, without Dagster's wrapping."""
    error: Any = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cause is not None and str(error.cls_name).startswith(("Dagster", "RetryRequested")):
        error = error.cause
    return error


def _ours(kind: type[CaremetrixError] = CaremetrixError) -> set[str]:
    return {kind.__name__}.union(*(_ours(k) for k in kind.__subclasses__()))
