"""The same through the API, as another program would do it, and what only the API has."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from asyncio import to_thread
from typing import Any

import pytest
from websockets.asyncio.client import connect

from routing.commands.verbs import VERBS
from tests.end_to_end.conftest import Site
from tests.end_to_end.test_commands import QUICK, Asking, everything

pytestmark = pytest.mark.asyncio(loop_scope="session")

ISSUE = """
from accounts.models import User
from accounts.tokens import SCOPES, issue
print("token", issue(User.objects.get(username="admin"), "end to end", list(SCOPES))[1])
"""
PATIENCE_S = 20


class Program(Asking):
    """A program with a token of the first start's superuser."""

    def __init__(self, base: str, token: str) -> None:
        self.base, self.token = base, token
        self.charger = ""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    async def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        said = (
            {"verb": verb, "arguments": arguments}
            if verb in VERBS
            else {"action": verb, "payload": arguments}
        )
        path = f"/api/v1/chargers/{self.charger}/commands/"
        status, told = await to_thread(self.ask, "POST", path, {**said, "wait": 30})
        assert status == 200, told
        return dict(told)

    async def find(self, identity: str) -> None:
        """Ask this charger from now on."""
        _, told = await to_thread(self.ask, "GET", f"/api/v1/chargers/?identity={identity}")
        [row] = told["data"]
        self.charger = row["uuid"]


async def program(site: Site, identity: str) -> Program:
    code, printed = await site.proxy.manage("shell", "-c", ISSUE)
    assert code == 0, printed
    found = Program(site.proxy.http, printed.split("token ")[1].split()[0])
    await found.find(identity)
    return found


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_everything_a_backoffice_can_do(site: Site, version: str) -> None:
    both = (await site.backoffice("billing", 100), await site.backoffice("energy", 900))
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, version, habits=QUICK)
    await everything(await program(site, identity), charger, both, identity, version)


async def test_sockets_are_closed_and_dialled_anew(site: Site) -> None:
    billing = await site.backoffice("billing", 100)
    identity = site.identity()
    await site.configure(identity)
    await site.booted(identity, retry_s=0.05)
    asks = await program(site, identity)
    _, routes = await to_thread(asks.ask, "GET", f"/api/v1/routes/?charger={asks.charger}")
    route = routes["data"][0]["uuid"]
    status, _ = await to_thread(asks.ask, "POST", f"/api/v1/routes/{route}/reconnect", {})
    assert status == 202
    await billing.wait_connected(identity, connections=2)
    status, told = await to_thread(asks.ask, "DELETE", f"/api/v1/chargers/{asks.charger}/connection/")
    assert (status, told["connection_status"]) == (202, "online")
    since = told["connected_at"]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, told = await to_thread(asks.ask, "GET", f"/api/v1/chargers/{asks.charger}/connection/")
            if told["connection_status"] == "online" and told["connected_at"] > since:
                break
            await asyncio.sleep(0.05)


async def test_a_program_reads_messages_as_they_pass(site: Site) -> None:
    await site.backoffice("billing", 100)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity)
    asks = await program(site, identity)
    address = f"{asks.base.replace('http', 'ws')}/ws/v1/chargers/{asks.charger}/messages"
    headers = {"Authorization": f"Bearer {asks.token}"}
    async with (
        connect(address, additional_headers=headers, proxy=None) as socket,
        asyncio.timeout(PATIENCE_S),
    ):
        stored = json.loads(await socket.recv())
        assert "BootNotification" in {row["action"] for row in stored["rows"]}
        await charger.status(1, "Preparing")
        while "Preparing" not in await socket.recv(decode=True):
            pass
