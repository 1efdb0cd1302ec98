"""The files around the package keep their promises: the instance loads, pins are complete, the sample is sealed and small."""

import hashlib
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from dagster import DagsterInstance

ROOT = Path(__file__).parent.parent
PINS = ("constraints.txt", "constraints-spark.txt")
DROPS = sorted(path.parent for path in (ROOT / "sample_drops").rglob("manifest.json"))


def test_dagster_instance_loads_with_one_run_at_a_time_and_no_telemetry(tmp_path: Path):
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        run_queue = instance.get_concurrency_config().run_queue_config
        assert run_queue is not None
        assert run_queue.max_concurrent_runs == 1
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_start_timeout_seconds == 180
        assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] == 60
        assert not instance.telemetry_enabled


@pytest.mark.parametrize("file", PINS)
def test_every_dependency_is_pinned_with_hashes_and_names_no_host(file: str):
    text = (ROOT / file).read_text()
    pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,-]+\])?==\S+.*\\$", text, flags=re.M)
    requirements = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(pins) == len(requirements)
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]


def test_constraints_hold_what_pyproject_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(pin for extra in project["optional-dependencies"].values() for pin in extra)]
    text = "".join((ROOT / file).read_text() for file in PINS)
    held = {
        re.sub(r"[-_.]+", "-", name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", text, flags=re.M)
    }
    for pin in wanted:
        name, version = re.sub(r"\[[^]]*\]", "", pin).split("==")
        assert held[re.sub(r"[-_.]+", "-", name.lower())] == version


@pytest.mark.parametrize("drop", DROPS, ids=lambda drop: drop.name)
def test_sample_drop_is_sealed(drop: Path):
    sealed = json.loads((drop / "manifest.json").read_text())["files"]
    held = {path.relative_to(drop).as_posix() for path in drop.rglob("*") if path.is_file()}
    assert held == {*sealed, "manifest.json"}
    assert {name: hashlib.sha256((drop / name).read_bytes()).hexdigest() for name in sealed} == {
        name: entry["sha256"] for name, entry in sealed.items()
    }


def test_sample_is_eight_days_and_one_to_try():
    direct = {drop.name for drop in DROPS if drop.parent.name == "sample_drops"}
    assert len({name[:10] for name in direct}) == 8
    assert [drop.name for drop in DROPS if drop.parent.name == "later"] == ["2025-12-31"]
    assert sum(path.stat().st_size for path in (ROOT / "sample_drops").rglob("*") if path.is_file()) < 5_000_000


DOCS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#\s]+)?(?:#([^)\s]+))?\)", page.read_text()):
        path, anchor = target
        if "://" in path:
            continue
        found = page.parent / path if path else page
        assert found.exists(), f"{page.name}: {path}"
        if anchor and found.suffix == ".md":
            heads = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", found.read_text(), flags=re.M)]
            assert anchor in heads, f"{page.name}: {path}#{anchor}"


def test_every_setting_is_documented():
    from caremetrix_assets.settings import PREFIX, Settings

    told = set(re.findall(rf"`({PREFIX}[A-Z0-9_]+)`", (ROOT / "docs" / "settings.md").read_text()))
    assert told == {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("policy", sorted((ROOT / "docs" / "iam").glob("*.json")), ids=lambda path: path.stem)
def test_sample_policies_allow_no_more_than_they_say(policy: Path):
    statements = json.loads(policy.read_text())["Statement"]
    assert len({s["Sid"] for s in statements}) == len(statements)
    allowed = [s for s in statements if s["Effect"] == "Allow"]
    assert not [s for s in allowed if s["Resource"] == "*" or any("*" in action for action in s["Action"])]
    if policy.stem == "reader":
        assert {action for s in allowed for action in s["Action"]} == {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}
        assert not re.search(r"caremetrix/(raw|quarantine|ops/drops|\*)", json.dumps(allowed))


def test_the_web_interface_listens_on_loopback_only():
    assert "dagster dev -w workspace.yaml -h 127.0.0.1" in (ROOT / "Makefile").read_text()
    for sample in (ROOT / "docs" / "viewer").iterdir():
        assert re.search(r"127\.0\.0\.1:3001", sample.read_text()) and not re.search(r"0\.0\.0\.0", sample.read_text())
