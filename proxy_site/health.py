"""``/livez`` (the process answers), ``/readyz`` (it may be sent chargers) and ``/metrics``.

They stand before Django: a request through Django waits for the one thread that all synchronous code
of a process shares, and a database that hangs would make a process look dead that is only cut off.
"""

from collections.abc import Awaitable, Callable, Mapping

from backoffices import current
from proxy_site.metrics.page import page
from proxy_site.plain import Answer, Scope, Send, send_answer
from routing import bus


async def livez(scope: Scope) -> Answer:
    """The process is alive: its loop runs."""
    return Answer(200, "ok\n")


async def readyz(scope: Scope) -> Answer:
    """Sessions are running, which the database had to allow at the start; the process is not about to stop.

    A database that went away later is told, and no reason to be taken out of service: it is away for the
    other processes too, so that a load balancer would cut off every charger and gain nothing. Nothing is
    asked here, the runtime's proof of life knows.
    """
    try:
        bus.current()
    except bus.BusUnavailable as reason:
        return Answer(503, f"{reason}\n")
    runtime = current.get()
    away_s = None if runtime is None else runtime.life.away_s
    if away_s is None:
        return Answer(200, "ok\n")
    return Answer(200, f"ok, but no new charger can be let in: no database for {away_s:.0f} s\n")


PATHS: Mapping[str, Callable[[Scope], Awaitable[Answer]]] = {
    "/livez": livez,
    "/readyz": readyz,
    "/metrics": page.answer,
}


async def answer(scope: Scope, send: Send) -> None:
    """Answer a request for one of ``PATHS``."""
    await send_answer(await PATHS[scope["path"]](scope), send)
