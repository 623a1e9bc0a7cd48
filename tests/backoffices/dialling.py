"""Backoffices to be dialled, as servers of the websockets package."""

from contextlib import asynccontextmanager

from websockets.asyncio.server import serve

from backoffices.sockets import Limits

QUICK = Limits(first_delay=0.001, longest_delay=0.001)


@asynccontextmanager
async def backoffice(handler, **options):
    options = {"subprotocols": ["ocpp1.6"], "compression": None, "ping_interval": None, **options}
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield server.sockets[0].getsockname()[1]


async def echo(connection):
    async for text in connection:
        await connection.send(text)


async def stay(connection):
    await connection.wait_closed()
