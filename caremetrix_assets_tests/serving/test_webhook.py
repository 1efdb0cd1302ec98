"""The webhook against a real server: what it posts, and that whatever the other side does nothing fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from caremetrix_assets.serving import webhook
from caremetrix_assets.serving.webhook import notify
from caremetrix_assets.settings import load_settings


class Listener(HTTPServer):
    """Answers with ``status`` and keeps what was posted; with ``slow`` it does not answer before the caller gives up."""

    status, slow = 200, False

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.given_up = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The address, with a token in it as those of chat programs have."""
        return f"http://127.0.0.1:{self.server_port}/hook/s3cret-token"


class Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body))
        if self.server.slow:
            self.server.given_up.wait(10)
            return
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Keeps the tests' output clean."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.given_up.set()
        server.shutdown()
        thread.join()


def test_it_says_what_where_and_what_to_do(listener: Listener) -> None:
    settings = load_settings(webhook_url=listener.url, lake="/data/lake")
    assert notify(settings, "run_failed", "Run 1 failed.", "Run again.", run_id="1", partition=None, steps=["marts/mart_x"]) is None
    (heard,) = listener.heard
    assert heard.pop("at").endswith("+00:00")
    assert heard == {
        "source": "caremetrix",
        "event": "run_failed",
        "what": "Run 1 failed.",
        "where": {"run_id": "1", "steps": ["marts/mart_x"], "lake": "/data/lake"},
        "what_to_do": "Run again.",
        "text": "Run 1 failed. Run again.",
    }


def test_without_an_address_nothing_is_told() -> None:
    assert notify(load_settings(), "run_failed", "a", "b") is None


@pytest.mark.parametrize(("status", "said"), [(500, "it answered 500"), (302, "it answered 302")])
def test_a_bad_answer_is_said_without_the_address(listener: Listener, status: int, said: str) -> None:
    listener.status = status
    told = notify(load_settings(webhook_url=listener.url), "run_failed", "a", "b") or ""
    assert said in told
    assert "s3cret" not in told
    assert len(listener.heard) == 1  # a redirect is not followed


def test_a_silent_server_costs_the_timeout_and_no_more(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    listener.slow = True
    assert "TimeoutError" in (notify(load_settings(webhook_url=listener.url), "run_failed", "a", "b") or "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///etc/passwd", "not an address", "http://[bad/"])
def test_an_address_that_is_none_fails_nothing(url: str) -> None:
    assert "was not told" in (notify(load_settings(webhook_url=url), "run_failed", "a", "b") or "")
