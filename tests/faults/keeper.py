"""Clears away what a harness leaves that was killed: processes, mounts, directories.

``Keeper`` is the harness's side. The other side is a process that outlives the harness: it is told what
there is, a line each time, and when the harness ends, however that happens, its standard input ends too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GONE_WITHIN_S = 10.0


class Keeper:
    """Close it last: what was not taken back by then is cleared away."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.keeper"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,  # the terminal's Ctrl-C is for the harness
        )

    def process(self, pid: int) -> None:
        """A process that has to end with the harness."""
        self._say("+process", pid)

    def ended(self, pid: int) -> None:
        """It has ended: its number may be another's soon."""
        self._say("-process", pid)

    def cluster(self, place: Path) -> None:
        """A directory whose ``postmaster.pid`` names a PostgreSQL server, while there is one."""
        self._say("+cluster", place)

    def mount(self, place: Path) -> None:
        """A file system that has to be unmounted."""
        self._say("+mount", place)

    def directory(self, place: Path) -> None:
        """A directory that has to be removed."""
        self._say("+directory", place)

    def close(self) -> None:
        """Clear away what is left."""
        assert self._process.stdin is not None  # it is a pipe
        self._process.stdin.close()
        self._process.wait()

    def _say(self, what: str, which: int | Path) -> None:
        assert self._process.stdin is not None  # it is a pipe
        self._process.stdin.write(f"{what} {which}\n".encode())
        self._process.stdin.flush()


def clear_away(lines: Iterable[str]) -> None:
    """Read what there is until the lines end; then it has to go."""
    known: dict[str, None] = {}
    for line in lines:
        what, _, which = line.rstrip("\n").partition(" ")
        if what.startswith("+"):
            known[f"{what[1:]} {which}"] = None
        else:
            known.pop(f"{what[1:]} {which}", None)
    things = [thing.partition(" ")[::2] for thing in reversed(known)]
    _end([int(which) for what, which in things if what == "process"], signal.SIGKILL)
    _end([pid for what, which in things if what == "cluster" for pid in _postmaster(which)], signal.SIGQUIT)
    for what, which in things:
        if what == "mount" and os.path.ismount(which):
            subprocess.run(["umount", "-l", which], check=False)
    for what, which in things:
        if what == "directory":
            shutil.rmtree(which, ignore_errors=True)


def _postmaster(cluster: str) -> list[int]:
    try:
        return [int((Path(cluster) / "postmaster.pid").read_text().split("\n", 1)[0])]
    except (OSError, ValueError):
        return []


def _end(pids: list[int], how: signal.Signals) -> None:
    """Send a signal and wait until they are gone: then nothing they write keeps a directory."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
    end = time.monotonic() + GONE_WITHIN_S
    while any(_is_there(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self").exists()  # a system without /proc: it has taken the signal
    return not state.startswith("Z")  # dead, and nobody has asked how it ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends when the harness has
    clear_away(sys.stdin)
