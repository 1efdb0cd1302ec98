"""docker-compose.yml keeps its promises: no start without secrets, nothing as root, loopback only, pinned, restarted, looked after."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from caremetrix_assets.settings import Settings
from caremetrix_assets_tests.service.compose import ROOT, MissingVariable, read_compose
from caremetrix_assets_tests.service.stack import SECRETS

VARIABLES = {**SECRETS, "LAKE_START_DATE": "2025-11-30"}
LONG_RUNNING = {"postgres", "object-store", "code", "webserver", "daemon"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return read_compose(VARIABLES)


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_nothing_starts_without(name: str) -> None:
    with pytest.raises(MissingVariable, match=f"set {name}"):
        read_compose({**VARIABLES, name: ""})


def test_the_example_names_what_is_needed_and_gives_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert {line.rstrip("=") for line in lines if re.fullmatch(r"[A-Z_0-9]+=.*", line)} == set(VARIABLES)
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    assert used == set(VARIABLES) | {line[2:].partition("=")[0] for line in lines if re.fullmatch(r"# [A-Z_0-9]+=.*", line)}
    assert ".env" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_every_service_is_pinned_unprivileged_and_comes_back(services: dict[str, Any]) -> None:
    assert services.keys() == LONG_RUNNING | {"buckets", "sample"}
    for name, service in services.items():
        assert re.fullmatch(r"[a-z-]+:\d[\w.-]*", service["image"]), name
        user = service["user"].partition(":")[0]
        assert user.isdigit() and int(user) > 0, name
        assert service["cap_drop"] == ["ALL"], name
        assert (service["restart"] == "unless-stopped") == (name in LONG_RUNNING), name
        assert ("healthcheck" in service) == (name in LONG_RUNNING), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_base_images_and_programs_are_pinned() -> None:
    for path in (ROOT / "docker").glob("*Dockerfile"):
        for image in re.findall(r"^FROM (\S+)", path.read_text("utf-8"), flags=re.M):
            assert re.fullmatch(r"\w+:\d+\.\d+\.\d+(-[\w.-]+)?", image), path
    assert re.search(r"versitygw@v\d+\.\d+\.\d+$", (ROOT / "docker/object-store.Dockerfile").read_text("utf-8"), flags=re.M)


def test_only_who_reads_and_writes_the_lake_has_its_credentials(services: dict[str, Any]) -> None:
    holders = {name for name, service in services.items() if SECRETS["S3_SECRET_KEY"] in service.get("environment", {}).values()}
    assert holders == {"object-store", "buckets", "code", "sample"}
    holders = {name for name, service in services.items() if SECRETS["POSTGRES_PASSWORD"] in service.get("environment", {}).values()}
    assert holders == {"postgres", "code", "webserver", "daemon"}


def test_every_setting_is_one(services: dict[str, Any]) -> None:
    given = {name for service in services.values() for name in service.get("environment", {}) if name.startswith("CAREMETRIX_")}
    assert {name.removeprefix("CAREMETRIX_").lower() for name in given} <= set(Settings.model_fields)


def test_the_instance_is_that_of_one_machine_with_postgres() -> None:
    alone = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))
    here = yaml.safe_load((ROOT / "docker/storage.yaml").read_text("utf-8"))
    assert not alone.keys() & here.keys()
    assert here["storage"]["postgres"]["postgres_db"]["password"] == {"env": "POSTGRES_PASSWORD"}


@pytest.mark.parametrize("source", re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "docker/Dockerfile").read_text("utf-8"), flags=re.M))
def test_what_the_image_copies_is_sent_to_the_builder(source: str) -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").split() if line.startswith("!")]
    for name in source.split():
        assert (ROOT / name).exists()
        assert name.partition("/")[0] in sent


def test_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    """Where there is a compose program: on the PATH, in TEST_COMPOSE, or docker's plugin."""
    words = [found] if (found := os.environ.get("TEST_COMPOSE") or shutil.which("docker-compose")) else ["docker", "compose"]
    if not found and (shutil.which("docker") is None or subprocess.run([*words, "version"], capture_output=True).returncode):
        pytest.skip("no docker compose here, nor in TEST_COMPOSE")
    example = tmp_path / "env"
    example.write_text("".join(f"{name}={value}\n" for name, value in VARIABLES.items()), "utf-8")
    config = [*words, "--project-directory", str(ROOT), "--env-file", str(example), "--profile", "sample", "config", "--quiet"]
    done = subprocess.run(config, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    empty = tmp_path / "empty"
    empty.touch()
    refused = subprocess.run([*config[:-5], str(empty), *config[-4:]], capture_output=True, text=True)
    assert refused.returncode != 0
    assert "copy .env.example to .env" in refused.stderr
