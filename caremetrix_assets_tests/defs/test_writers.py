"""Two real processes on one lake: a terminal beside a running refresh waits, says for whom, and goes on when it may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets_tests.runs import Place
from caremetrix_assets_tests.sources.drops import Lab, minimal

HOLDER = """
import sys
from caremetrix_assets.lake.lease import Lease
from caremetrix_assets.lake.local import LocalStorage
with Lease(LocalStorage(sys.argv[1]), "run 4f2a"):
    print("writing", flush=True)
    sys.stdin.readline()
"""
COMMAND = "from caremetrix_assets.cli import main; main()"


def test_a_terminal_run_beside_another_writer_waits_says_so_and_then_does_its_work(place: Place, tmp_path: Path) -> None:
    Lab(tmp_path).drop("first", minimal(), "2025-01-31")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(place.lake)], **pipes)  # type: ignore[call-overload]
    assert other.stdout.readline() == "writing\n"
    words = ["run", "--inbox", str(place.inbox), "--lake", str(place.lake), "--select", "key:ops/drop_ledger or key:raw/raw_payers"]
    mine = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert mine.stderr is not None
    seen: list[str] = []
    while "waiting" not in (line := mine.stderr.readline()):
        assert line, seen
        seen.append(line)
    assert "is being written by run 4f2a on" in line
    assert not (place.lake / "raw").exists()
    assert Ledger.load(place.reader().storage).entries == {}
    other.communicate("done\n")
    rest = mine.communicate(timeout=300)[1]
    assert mine.returncode == 0, rest
    assert place.reader().table("raw_payers").to_arrow().num_rows == 1
