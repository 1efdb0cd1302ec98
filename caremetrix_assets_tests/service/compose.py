"""docker-compose.yml as the tests read it: variables filled in as compose does, services by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[?-])(?P<rest>[^}]*))?\}")


class MissingVariable(Exception):
    """A variable without a default has no value: compose refuses to start."""


def read_compose(variables: dict[str, str]) -> dict[str, Any]:
    """The services with ``variables`` filled in; MissingVariable with the file's own message."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return {name: _filled(service, variables) for name, service in document["services"].items()}


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    return _VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: dict[str, str]) -> str:
    found = variables.get(match["name"], "")
    if found:
        return found
    if match["kind"] == ":-":
        return str(match["rest"])
    raise MissingVariable(match["rest"] or match["name"])
