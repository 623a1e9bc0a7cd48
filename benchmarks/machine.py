"""What the operating system says: CPU time and memory of processes, and what machine this is."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, from field 3 (state) on; none for one that has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents = {child: int(fields[1]) for child in _pids() if (fields := _stat(child))}
    found = [pid]
    for parent in found:  # it grows on the way
        found += [child for child, its in parents.items() if its == parent]
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that all threads of a process and its descendants have used so far.

    Descendants that have ended count as soon as their parent has waited for them.
    Source: proc(5), fields utime, stime, cutime and cstime.
    """
    ticks = sum(sum(map(int, fields[11:15])) for one in family(pid) if (fields := _stat(one)))
    return ticks * _TICK


def queued_s() -> float:
    """How long this thread was ready to run so far and had no core, in seconds; 0 where nobody counts it.

    Source: the kernel's Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
    """
    try:
        return int((_PROC / "thread-self" / "schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


def named(name: str) -> list[int]:
    """All processes with this name."""
    return [pid for pid in _pids() if _name(pid) == name]


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def rss_kib(pid: int) -> int:
    """Resident memory of a process and its descendants, in KiB."""
    return sum(map(_rss_kib, family(pid)))


def _rss_kib(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def load_average() -> float:
    """Processes that wanted a core in the last minute."""
    return os.getloadavg()[0]


def described() -> str:
    """The machine in a line, without its name."""
    cores = len(os.sched_getaffinity(0))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_model()}, {cores} cores, Linux {platform.release()}, {python}"


def _model() -> str:
    lines = (_PROC / "cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
