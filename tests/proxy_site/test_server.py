"""Start, stop and refusal of the service, seen from outside its process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 30  # for a machine that is busy; nothing here waits that long


class Served:
    """A process of ``tests.proxy_site.serve`` and the lines it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, start: str) -> str:
        """The next line that begins with ``start``."""
        assert self.process.stdout
        while True:
            raw = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_S)
            assert raw, f"ended before {start!r}: {self.lines}"
            self.lines.append(raw.decode().strip())
            if self.lines[-1].startswith(start):
                return self.lines[-1]

    async def port(self) -> int:
        return int((await self.line("port")).split()[1])

    async def end(self) -> int:
        """The exit code; the lines that were left are in ``lines``."""
        rest, _ = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        self.lines += rest.decode().splitlines()
        assert self.process.returncode is not None
        return self.process.returncode


@contextlib.asynccontextmanager
async def served(*arguments: Any) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.proxy_site.serve",
        *map(str, arguments),
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "proxy_site.settings"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Served(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_a_signal_closes_chargers_with_1012_and_ends_with_0(number):
    async with served(0, "at-once") as service:
        port = await service.port()
        async with connect(f"ws://127.0.0.1:{port}/", subprotocols=["ocpp1.6"]) as charger:  # type: ignore[list-item]  # a NewType of str
            await charger.send("hello")
            assert await charger.recv() == "hello"
            service.process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                await charger.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "service restart")
        assert await service.end() == 0
    assert service.lines[:3] == ["sessions started on uvloop", "worker started", "schedule started"]
    # The sessions hear of every closed charger before they stop.
    assert service.lines[4:] == [
        "schedule stopped",
        "worker stopped",
        "sessions winding down",
        "objects left alone: True",
        "disconnected 1012",
        "sessions stopping",
        "sessions stopped",
        "ended",
    ]


async def test_a_charger_that_answers_no_close_does_not_hold_the_stop_up():
    async with served(0, "at-once") as service:
        port = await service.port()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: proxy\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        )
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            service.process.send_signal(signal.SIGTERM)
            assert await service.end() == 0
    assert "sessions stopped" in service.lines
    assert any(line.startswith("disconnected") for line in service.lines)


async def test_a_second_signal_ends_it_at_once():
    async with served(0, "never", 3600) as service:
        await service.port()
        service.process.send_signal(signal.SIGINT)
        await service.line("sessions stopping")
        service.process.send_signal(signal.SIGINT)
        assert await service.end() == 130


async def test_what_does_not_stop_is_abandoned():
    async with served(0, "never", 0.2) as service:
        await service.port()
        service.process.send_signal(signal.SIGINT)
        assert await service.end() == 1
    assert "sessions stopped" not in service.lines


async def test_a_port_in_use_is_named_and_everything_stops():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with served(port, "at-once") as service:
            assert await service.end() == 1
    assert "sessions stopped" in service.lines
    assert str(port) in service.lines[-1]
    assert "in use" in service.lines[-1]
