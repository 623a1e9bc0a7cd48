"""Runs a Service with an echoing application and fakes, in its own process: a reactor starts only once.

Prints what happens, a line each. Arguments: the port (0: any) and what ``stop`` of the sessions does,
``at-once`` or ``never``.
"""

import asyncio
import gc
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
django.setup()

from proxy_site import server  # noqa: E402  # the edge knows models


def say(*words: object) -> None:
    print(*words, flush=True)


class Sessions:
    async def start(self) -> None:
        say("sessions started on", type(asyncio.get_running_loop()).__module__)

    async def wind_down(self) -> None:
        say("sessions winding down")
        say("objects left alone:", gc.get_freeze_count() > 10_000)

    async def stop(self, seconds: float) -> None:
        say("sessions stopping")
        if sys.argv[2] == "never":
            await asyncio.Event().wait()
        say("sessions stopped")


class Thread:
    """Stands for the worker and for the schedule."""

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        say(self.name, "started")

    def stop(self) -> None:
        say(self.name, "stopped")

    def join(self, timeout_s: float) -> bool:
        return True


async def application(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})
    say("disconnected", message["code"])


if __name__ == "__main__":
    if sys.argv[2] == "never":
        server.STOP_SECONDS = float(sys.argv[3])
    web = server.WebServer(application, "127.0.0.1", int(sys.argv[1]), lambda host, port: say("port", port))
    problem = server.Service(web, Sessions(), Thread("worker"), Thread("schedule")).run()
    say("ended" if not problem else f"ended: {problem}")
    sys.exit(bool(problem))
