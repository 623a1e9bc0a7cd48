"""A harness that is killed leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.faults.keeper import ROOT

HARNESS = """
import os, signal, subprocess, sys
from pathlib import Path
from tests.faults.keeper import Keeper

keeper = Keeper()
one, other = (subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(2))
keeper.process(one.pid)
keeper.process(other.pid)
other.kill()
other.wait()
keeper.ended(other.pid)
room = Path(sys.argv[1])
(room / "file").write_text("x")
keeper.directory(room)
print(one.pid, keeper._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_harness_has_started_ends_and_its_directory_goes(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    # Both hold our pipe open: it ends when the last of them has.
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(room)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout is not None
        pids = harness.stdout.read().split()
    assert harness.returncode == -9
    assert len(pids) == 2
    assert not room.exists()
