"""What docs/athena.md promises: the permissions are those that the calls need and no more, the policies are JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.serving.athena.definition import LakePlace, definition
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets.serving.athena.sync import sync

CATALOG = load_catalog()
DOCUMENT = (Path(__file__).parents[3] / "docs" / "athena.md").read_text("utf-8")
POLICIES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCUMENT, re.S)]


def actions_of(policy: dict[str, Any], effect: str = "Allow") -> set[str]:
    found = [s["Action"] for s in policy["Statement"] if s["Effect"] == effect]
    return {action for one in found for action in ([one] if isinstance(one, str) else one)}


def test_the_service_may_do_what_sync_does_and_no_more(glue: Glue, at: LakePlace):
    called: set[str] = set()
    glue._client().meta.events.register("before-call.glue", lambda model, **_: called.add(f"glue:{model.name}"))
    wanted = [definition(CATALOG.tables[name], at) for name in ("fact_payment", "dim_patient")]
    sync(glue, wanted)
    sync(glue, [replace(wanted[0], comment="another text")], drop_removed=True)
    assert called == actions_of(POLICIES[0])


def test_readers_change_nothing_but_their_results():
    reader = POLICIES[1]
    writing = [s for s in reader["Statement"] if s["Effect"] == "Allow" and re.search(r"Put|Create|Update|Delete", str(s["Action"]))]
    assert [s["Sid"] for s in writing] == ["KeepResults"]
    assert all("results" in resource for resource in writing[0]["Resource"])
    assert not any("*" in action for policy in POLICIES for action in actions_of(policy))


def test_readers_do_not_see_what_names_a_person():
    named = {t.name for t in CATALOG.tables.values() for c in t.columns if c.privacy in ("pii", "restricted")}
    reachable = {name for name in named if not name.startswith("raw_")}
    denied = json.dumps([s["Resource"] for s in POLICIES[1]["Statement"] if s["Effect"] == "Deny"])
    assert {name for name in reachable if f"table/caremetrix/{name}" not in denied or f"/{name}/*" not in denied} == set()
    allowed = json.dumps([s for s in POLICIES[1]["Statement"] if s["Effect"] == "Allow"])
    assert "raw" not in allowed
