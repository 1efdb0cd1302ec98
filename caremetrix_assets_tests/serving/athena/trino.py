"""A Trino server for tests: configured for a Glue catalog and an S3 server, asked over its HTTP protocol.

Athena's engine is Trino, so what Trino reads through the same Glue entries is the nearest to Athena on one machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caremetrix_assets_tests.service.programs import free_port

HEAP = "2G"
START_SECONDS = 240
NEEDED_JAVA = 22
JVM = """-server
-Xmx{heap}
-XX:+UseG1GC
-XX:+ExitOnOutOfMemoryError
-XX:ReservedCodeCacheSize=256M
-Djdk.attach.allowAttachSelf=true
-Djdk.nio.maxCachedBufferSize=2000000
-Dfile.encoding=UTF-8
-XX:+EnableDynamicAgentLoading
"""
NODE = """node.environment=test
node.id=test
node.data-dir={data}
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
"""
CONFIG = """coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
query.max-memory=800MB
query.max-memory-per-node=800MB
memory.heap-headroom-per-node=400MB
"""
CATALOG = """connector.name=hive
hive.metastore=glue
hive.metastore.glue.region=us-east-1
hive.metastore.glue.endpoint-url={glue}
hive.metastore.glue.aws-access-key={access}
hive.metastore.glue.aws-secret-key={secret}
hive.partition-projection-enabled=true
fs.native-s3.enabled=true
s3.endpoint={s3}
s3.region=us-east-1
s3.path-style-access=true
s3.aws-access-key={access}
s3.aws-secret-key={secret}
"""


@dataclass(frozen=True)
class Answer:
    """The rows of a query, its column types, and how many rows and splits the server read for it."""

    rows: list[list[Any]]
    types: list[str]
    rows_read: int
    splits: int


class TrinoError(Exception):
    """The server refused a query."""


@dataclass(frozen=True)
class Trino:
    """A running server, and the database that names without one belong to."""

    url: str
    database: str = "caremetrix"

    def ask(self, sql: str) -> Answer:
        """One statement to its end."""
        headers = {"X-Trino-User": "test", "X-Trino-Catalog": "awsdatacatalog", "X-Trino-Schema": self.database}
        request = urllib.request.Request(f"{self.url}/v1/statement", sql.encode(), headers)
        rows: list[list[Any]] = []
        columns: list[dict[str, Any]] = []
        while True:
            with urllib.request.urlopen(request, timeout=120) as response:
                page = json.load(response)
            if "error" in page:
                raise TrinoError(f"{page['error']['message']} in {sql[:300]}")
            rows += page.get("data", [])
            columns = page.get("columns") or columns
            if "nextUri" not in page:
                stats = page["stats"]
                return Answer(rows, [c["type"] for c in columns], stats["processedRows"], stats["totalSplits"])
            request = urllib.request.Request(page["nextUri"], headers=headers)


def java_home() -> str | None:
    """A Java that the server accepts: TEST_TRINO_JAVA, JAVA_HOME, or one of the machine's; None without one."""
    places = [os.environ.get("TEST_TRINO_JAVA"), os.environ.get("JAVA_HOME"), *map(str, sorted(Path("/usr/lib/jvm").glob("*")))]
    for place in places:
        release = Path(place or "", "release")
        if place and release.is_file() and Path(place, "bin", "java").is_file():
            version = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.M)
            if version and int(version[1]) >= NEEDED_JAVA:
                return place
    return None


@contextmanager
def running(home: Path, java: str, place: Path, *, glue: str, s3: str, access: str, secret: str) -> Iterator[Trino]:
    """The server unpacked in ``home``, with all its files in ``place``; ends with the block."""
    port = free_port()
    settings = {"port": port, "data": place / "data", "heap": HEAP, "glue": glue, "s3": s3, "access": access, "secret": secret}
    etc = place / "etc"
    (etc / "catalog").mkdir(parents=True)
    for name, text in (("jvm.config", JVM), ("node.properties", NODE), ("config.properties", CONFIG)):
        (etc / name).write_text(text.format(**settings))
    (etc / "catalog" / "awsdatacatalog.properties").write_text(CATALOG.format(**settings))
    (etc / "log.properties").write_text("io.trino=ERROR\n")
    if "jdk.incubator.vector" in subprocess.run([f"{java}/bin/java", "--list-modules"], capture_output=True, text=True).stdout:
        with (etc / "jvm.config").open("a") as jvm:
            jvm.write("--add-modules=jdk.incubator.vector\n")
    environment = {**os.environ, "JAVA_HOME": java, "PATH": f"{java}/bin:{os.environ['PATH']}"}
    nice = ["nice", "-n", "10"] if shutil.which("nice") else []
    with open(place / "trino.log", "wb") as log:
        command = [*nice, str(home / "bin" / "launcher"), "run", f"--etc-dir={etc}"]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            _wait(port, server, place / "trino.log")
            yield Trino(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_SECONDS * 2):
        if server.poll() is not None:
            raise TrinoError(f"the server ended with {server.returncode}: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=5) as response:
                if not json.load(response)["starting"]:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise TrinoError(f"the server did not start in {START_SECONDS} s: {log.read_text()[-2000:]}")
