"""The charger is connected to one process, the viewer to another; Redis between them."""

from __future__ import annotations

import asyncio
import json
from asyncio import to_thread
from typing import Any

import psycopg
from websockets.asyncio.client import ClientConnection, connect

from tests.end_to_end.conftest import Site
from tests.end_to_end.proxy import ProxyProcess
from tests.end_to_end.test_admin_switch import Browser
from tests.end_to_end.test_fleet import database, fleet, pytestmark

__all__ = ["database", "fleet", "pytestmark"]

PATIENCE_S = 30


async def told(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        return dict(json.loads(await socket.recv()))


def key_of(database: str, identity: str) -> int:
    with psycopg.connect(database) as postgres:
        row = postgres.execute("SELECT id FROM chargers_charger WHERE identity = %s", [identity]).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_viewer_at_the_other_process_sees_all_in_order(
    fleet: tuple[Site, ProxyProcess], database: str
) -> None:
    site, second = fleet
    await site.backoffice("billing", 100)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity)
    await charger.start(1, "CARD-1")
    browser = Browser(second.http)
    await to_thread(browser.log_in)
    path = f"/ws/v1/chargers/{await to_thread(key_of, database, identity)}/messages"
    address = second.http.replace("http", "ws") + path
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    headers = {"Cookie": cookies}
    async with connect(address, origin=second.http, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type] # plain text is an origin
        stored = await told(socket)
        assert "BootNotification" in {row["action"] for row in stored["rows"]}
        assert await told(socket) == {"state": "live"}
        for _ in range(20):
            await charger.meter(1, seconds=60)
        heads: list[str] = []
        expected = stored["first"] + len(stored["rows"])
        while len(heads) < 20:
            said = await told(socket)
            assert (said["first"], said["left_out"]) == (expected, 0)
            expected += len(said["rows"])
            came = [row for row in said["rows"] if row["action"] == "MeterValues" and row["route"] is None]
            heads += [row["message_id"] for row in came]
    with psycopg.connect(database) as postgres:
        logged = postgres.execute(
            "SELECT message_id FROM routing_message WHERE route_id IS NULL AND action = 'MeterValues'"
            " ORDER BY exchange"
        ).fetchall()
    assert heads == [message_id for (message_id,) in logged]
