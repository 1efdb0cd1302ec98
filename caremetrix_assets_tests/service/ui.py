"""What a person sees in the UI, asked of its GraphQL."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

RUNS = "query { runsOrError { ... on Runs { results { runId status jobName tags { key value } } } } }"
ASSETS = """query { assetNodes { assetKey { path } groupName partitionStats { numMaterialized numFailed }
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
    status evaluation { success severity } } } } } } }"""
FINAL = ("SUCCESS", "FAILURE", "CANCELED")


class Ui:
    """The webserver at an address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            document = json.load(answer)
        assert "errors" not in document, document["errors"]
        return document["data"]

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first; none while the database or the webserver is away."""
        try:
            return list(self.ask(RUNS)["runsOrError"].get("results", []))
        except (OSError, AssertionError):
            return []

    def statuses(self) -> list[str]:
        """The status of every run, oldest first."""
        return [run["status"] for run in reversed(self.runs())]

    def assets(self) -> dict[str, dict[str, Any]]:
        """Asset nodes by ``layer/table``."""
        return {"/".join(node["assetKey"]["path"]): node for node in self.ask(ASSETS)["assetNodes"]}

    def checks(self) -> dict[str, tuple[str, str]]:
        """``layer/table:check`` to status of its last execution and severity."""
        found = {}
        for name, node in self.assets().items():
            for check in node["assetChecksOrError"].get("checks", []):
                last = check["executionForLatestMaterialization"] or {"status": "NONE", "evaluation": None}
                found[f"{name}:{check['name']}"] = (last["status"], (last["evaluation"] or {}).get("severity", ""))
        return found
