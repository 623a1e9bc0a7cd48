"""Has Daphne make its loop on uvloop, which halves the CPU of a frame. Import it before Daphne.

Daphne makes its loop when ``daphne.server`` is imported. The policy of the process is put back
afterwards: other loops (of tests, of a shell) are not ours to choose.
"""

import asyncio
import sys

if sys.platform != "win32":
    import uvloop

    _policy = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    import daphne.server  # noqa: F401

    asyncio.set_event_loop_policy(_policy)
