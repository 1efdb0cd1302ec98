"""The services of docker-compose.yml without containers: the same commands, environment and health checks on this machine.

Only places differ: host names, ports and folders of the images become ones of the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from caremetrix_assets_tests.service.compose import ROOT, read_compose
from caremetrix_assets_tests.service.programs import Supervised, database_user, free_port, object_store_program, postgres_program
from caremetrix_assets_tests.service.ui import Ui

SECRETS = {"POSTGRES_PASSWORD": "p@ss/word of the tests", "S3_ACCESS_KEY": "AKIATESTACCESS", "S3_SECRET_KEY": "TestSecretOfTheTests"}
PORTS = {"postgres": "5432", "object-store": "9000", "code": "4000", "webserver": "3000"}
OWN = ("CAREMETRIX_", "AWS_", "DAGSTER_", "POSTGRES_", "PG")


class Stack:
    """A running service in folders of its own; leaves nothing behind."""

    def __init__(self, start_date: str, module: str = "caremetrix_assets.definitions") -> None:
        """``module`` holds the definitions that the code server serves."""
        self._programs = {"postgres": postgres_program("postgres"), "versitygw": object_store_program()}
        self.root = Path(tempfile.mkdtemp(prefix="service-"))
        self.module = module
        self.ports = {name: str(free_port()) for name in PORTS}
        self.services: dict[str, Any] = read_compose({**SECRETS, "LAKE_START_DATE": start_date})
        self.running: dict[str, Supervised] = {}
        self.ui = Ui(f"http://127.0.0.1:{self.ports['webserver']}")

    def __enter__(self) -> Stack:
        os.chmod(self.root, 0o755)
        for folder in ("objects", "work", "logs", "dagster"):
            (self.root / folder).mkdir()
        instance = (ROOT / "dagster.yaml").read_text("utf-8") + (ROOT / "docker/storage.yaml").read_text("utf-8")
        (self.root / "dagster/dagster.yaml").write_text(instance, "utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        for service in reversed(list(self.running.values())):
            service.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def up(self, *names: str) -> None:
        """Starts services in this order, each after the one before is healthy; one that only does a job is waited for."""
        for name in names:
            if "healthcheck" not in self.services[name]:
                self.do(self.services[name]["command"], name)
                continue
            user = self._make_database() if name == "postgres" else None
            service = Supervised(self._command(name), self.env(name), self.root / f"{name}.log", user)
            self.running[name] = service
            service.start()
            self.until(partial(self.is_healthy, name), f"{name} is healthy")

    def do(self, words: list[str], name: str) -> str:
        """Runs one command in the environment of a service and returns what it prints."""
        done = subprocess.run(self._words(words), env=self.env(name), capture_output=True, text=True, timeout=120, cwd=self.root)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_healthy(self, name: str) -> bool:
        """What compose's own check of the service says."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        if name == "postgres":
            words[0] = postgres_program(words[0])
        return not subprocess.run(self._words(words), env=self.env(name), capture_output=True, timeout=60).returncode

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        """Waits for a condition and returns its first true value; the logs' ends when it does not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.2)
        raise AssertionError(f"not in {seconds} s: {what}\n{self.logs()}")

    def logs(self) -> str:
        """The last lines of every service's log."""
        ends = [f"--- {path.name}\n" + "\n".join(path.read_text("utf-8", "replace").splitlines()[-15:]) for path in self.root.glob("*.log")]
        return "\n".join(ends)

    def workers(self) -> list[int]:
        """Process ids of the run workers of the code server."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_text("utf-8")
            except OSError:
                continue
            if parent == self.running["code"].pid and "multiprocessing.spawn" in words:
                found.append(int(folder.name))
        return found

    def env(self, name: str) -> dict[str, str]:
        """The environment of a service: compose's, the image's, this machine's without settings of a developer."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OWN)}
        image = {
            "DAGSTER_HOME": str(self.root / "dagster"),
            "COMPUTE_LOGS": str(self.root / "logs"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(ROOT),
            "CAREMETRIX_GX_ROW_LIMIT": "0",
            "PGHOST": "127.0.0.1",
            "PGPORT": self.ports["postgres"],
        }
        return {**kept, **image, **{key: self._here(value) for key, value in self.services[name].get("environment", {}).items()}}

    def _command(self, name: str) -> list[str]:
        words = self._words(self.services[name]["command"])
        if name == "postgres":
            words += ["-D", str(self.root / "postgres"), "-h", "127.0.0.1", "-p", self.ports["postgres"], "-k", ""]
        return words

    def _words(self, words: list[str]) -> list[str]:
        """A command with this machine's program and places."""
        program = words[0]
        if program == "python":
            path = sys.executable
        elif program.startswith("dagster"):
            path = str(Path(sys.executable).parent / program)
        else:
            path = self._programs.get(program, program)
        return [path, *(self._here(word) for word in words[1:])]

    def _here(self, text: str) -> str:
        """A word of the compose file with this machine's places in it."""
        for name, port in PORTS.items():
            if text in (port, f":{port}", name):
                return {port: self.ports[name], f":{port}": f"127.0.0.1:{self.ports[name]}", name: "127.0.0.1"}[text]
            text = text.replace(f"{name}:{port}", f"127.0.0.1:{self.ports[name]}").replace(
                f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[name]}"
            )
        places = {
            "0.0.0.0": "127.0.0.1",
            "/opt/dagster/workspace.yaml": str(ROOT / "docker/workspace.yaml"),
            "/opt/caremetrix/store.py": str(ROOT / "docker/store.py"),
            "/var/lib/caremetrix/work": str(self.root / "work"),
            "/var/lib/objects": str(self.root / "objects"),
            "caremetrix_assets.definitions": self.module,
        }
        return places.get(text, text)

    def _make_database(self) -> str | None:
        """What the image's entry point does: a cluster with the one role and the one database."""
        user, data = database_user(), self.root / "postgres"
        data.mkdir(mode=0o700)
        secret = self.root / "password"
        secret.write_text(SECRETS["POSTGRES_PASSWORD"], "utf-8")
        if user:
            shutil.chown(data, user)
        words = [
            postgres_program("initdb"),
            "-D",
            str(data),
            "-U",
            "dagster",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(secret),
            "-N",
            "-E",
            "UTF8",
        ]
        subprocess.run(words, check=True, capture_output=True, user=user, cwd="/")
        single = [self._programs["postgres"], "--single", "-D", str(data), "postgres"]
        subprocess.run(single, input=b"create database dagster\n", check=True, capture_output=True, user=user, cwd="/")
        return user

    def lose(self, name: str, *, whole: bool = False, away: float = 1.0, number: signal.Signals = signal.SIGKILL) -> None:
        """Kills a service, with its children when ``whole``; it comes back by itself ``away`` seconds later."""
        self.running[name].kill(number, whole=whole, away=away)
