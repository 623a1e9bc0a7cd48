"""Options are read by several threads at once, as soon as a process has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

AT_ONCE = """
import threading, time
from msgspec import _utils
from routing.core import options

study = _utils._get_class_mro_and_typevar_mappings
studied = threading.Event()

def slowly(kind):
    if kind is options.AuthRule:
        studied.set()
        time.sleep(0.1)
    return study(kind)

_utils._get_class_mro_and_typevar_mappings = slowly

def read():
    options.charger_options({"pki": "billing"})

first = threading.Thread(target=read)
first.start()
studied.wait(0.3)
read()
first.join()
"""


def test_the_first_to_read_them_may_be_two() -> None:
    """In a process of its own: it crashed where msgspec was still studying the class for another thread."""
    assert subprocess.run([sys.executable, "-c", AT_ONCE], cwd=ROOT, check=False).returncode == 0
