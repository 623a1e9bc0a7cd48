"""Chooses the event loop. Import it before ``daphne.server``, which makes its loop when it is imported."""

import asyncio
import sys

if sys.platform != "win32":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
