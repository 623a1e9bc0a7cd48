"""For a process whose clock libfaketime sets; Python imports this by its name at the start.

libfaketime (0.9.10) takes the deadline that ``time.sleep`` gives on the monotonic clock for one of the wall
clock, and every sleep fails (EINVAL). ``select`` is given a time span, which it leaves alone.
"""

import select
import time
from typing import SupportsIndex


def sleep(seconds: SupportsIndex | float) -> None:
    """Wait so many seconds."""
    select.select((), (), (), float(seconds))


time.sleep = sleep
