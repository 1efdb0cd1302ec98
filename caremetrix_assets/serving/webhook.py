"""Tells an outside address that something needs a person: one POST of JSON, a few seconds, never an exception.

The document says what, where and what to do: names, dates and counts. No value of a row, no secret; the address itself,
which often holds a token, is in no message.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

from caremetrix_assets.settings import Settings

TIMEOUT_SECONDS = 5.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead the message to somebody else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follows none; the answer then counts as an error."""


def document(event: str, what: str, todo: str, where: dict[str, Any]) -> dict[str, Any]:
    """The message. ``event``: run_failed, drop_parked, drop_rejected, tables_late. ``text`` is what chat programs show."""
    place = {k: v for k, v in where.items() if v}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"source": "caremetrix", "event": event, "at": at, "what": what, "where": place, "what_to_do": todo, "text": f"{what} {todo}"}


def notify(settings: Settings, event: str, what: str, todo: str, **where: Any) -> str | None:
    """Posts the message; None when it was taken or no address is set, else why not, without the address."""
    if not settings.webhook_url:
        return None
    body = json.dumps(document(event, what, todo, {**where, "lake": settings.lake})).encode()
    try:
        request = urllib.request.Request(settings.webhook_url, data=body, headers={"Content-Type": "application/json"}, method="POST")
        if request.type not in ("http", "https"):
            return "the webhook was not told: its address must begin with http:// or https://"
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return f"the webhook was not told: it answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"the webhook was not told: {type(error).__name__}"
