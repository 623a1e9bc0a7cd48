"""Options are read by several threads at once, as soon as a process has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

AT_ONCE = """
import sys, threading
sys.setswitchinterval(1e-6)
from routing.core import options
gate = threading.Barrier(16)

def read(number):
    gate.wait()
    if number % 2:
        options.route_options({"T_up": 2})
    else:
        options.charger_options({"T_auth": 2})

threads = [threading.Thread(target=read, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("attempt", range(5))
def test_the_first_to_read_them_may_be_several(attempt: int) -> None:
    """A process for each attempt: msgspec crashed about one in six where a class was new to it."""
    assert subprocess.run([sys.executable, "-c", AT_ONCE], cwd=ROOT, check=False).returncode == 0
