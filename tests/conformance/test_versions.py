"""Scenarios 5 to 7: which OCPP version is spoken where not everybody takes all. Real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.conformance.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERSIONS = ("1.6", "2.0.1", "2.1")
ALL = pytest.mark.parametrize("version", VERSIONS)
PATIENCE_S = 20

BOOTS = {
    "1.6": {"chargePointVendor": "Vendor", "chargePointModel": "Model"},
    "2": {"reason": "PowerUp", "chargingStation": {"model": "Model", "vendorName": "Vendor"}},
}


def dial(site: Site, identity: str, offered: Sequence[str]) -> connect:
    """A charger that offers several versions."""
    names = [Subprotocol(f"ocpp{version}") for version in offered]
    return connect(site.proxy.url(identity), subprotocols=names, proxy=None)


async def boot(client: ClientConnection, version: str) -> str:
    """The charger boots; the status that it is answered."""
    await client.send(json.dumps([2, "b", "BootNotification", BOOTS.get(version, BOOTS["2"])]))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            frame = json.loads(await client.recv())
            if frame[:2] == [3, "b"]:
                return str(frame[2]["status"])


async def test_05_a_version_that_billing_is_known_to_take(site: Site) -> None:
    """Given three versions on offer and P known to take 2.0.1 only, then that is spoken on both sides."""
    billing = await site.backoffice("billing", versions=("2.0.1",))
    identity = site.identity()
    await site.configure(identity)
    known = {"name": f"billing-{site.number}", "url": billing.url, "ocpp_versions": ["2.0.1"]}
    await site.proxy.apply({"backoffices": [known]})
    async with dial(site, identity, ("2.1", "2.0.1", "1.6")) as client:
        assert client.subprotocol == "ocpp2.0.1"
        assert await boot(client, "2.0.1") == "Accepted"
        socket = billing.chargers[identity].socket
        assert socket is not None
        assert socket.request is not None
        assert socket.request.headers.get_all("Sec-WebSocket-Protocol") == ["ocpp2.0.1"]


@pytest.mark.parametrize(
    ("refused", "taken"), [("1.6", "2.0.1"), ("2.0.1", "1.6"), ("2.1", "2.0.1")], ids=["1.6", "2.0.1", "2.1"]
)
async def test_06_billing_refuses_the_version_and_the_charger_has_another(
    site: Site, refused: str, taken: str
) -> None:
    """Given P refuses the version chosen, then 1012, and the next connection has one that P takes."""
    billing = await site.backoffice("billing", versions=(taken,))
    identity = site.identity()
    await site.configure(identity)
    offered = (refused, taken)
    async with dial(site, identity, offered) as client:
        assert client.subprotocol == f"ocpp{refused}"
        with pytest.raises(ConnectionClosed) as ended:
            await boot(client, refused)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1012
    async with dial(site, identity, offered) as client:
        assert client.subprotocol == f"ocpp{taken}"
        assert await boot(client, taken) == "Accepted"
        await billing.wait_for(identity, "BootNotification")
    async with dial(site, identity, offered) as client:  # and so it stays
        assert client.subprotocol == f"ocpp{taken}"


@ALL
async def test_07_a_watcher_refuses_the_version(site: Site, version: str) -> None:
    """Given M refuses the version, then charger and P work, and M's link is parked with the alarm."""
    billing = await site.backoffice("billing")
    await site.backoffice("watcher", versions=[v for v in VERSIONS if v != version][:1])
    identity = site.identity()
    await site.configure(identity, roles={"watcher": "observe"})
    async with dial(site, identity, VERSIONS if version == "1.6" else (version, "1.6")) as client:
        assert client.subprotocol == f"ocpp{version}"
        assert await boot(client, version) == "Accepted"
        await billing.wait_for(identity, "BootNotification")
        name = f"watcher-{site.number}"
        state = await site.proxy.wait_rows(
            "SELECT s.state, s.last_error FROM routing_routestate s "
            "JOIN routing_route r ON r.id = s.route_id "
            "JOIN backoffices_backoffice b ON b.id = r.backoffice_id "
            "WHERE b.name = ? AND s.state = 'parked'",
            name,
        )
        assert state[0][1].startswith("version_mismatch")
        alarm = await site.proxy.wait_rows(
            "SELECT a.cleared FROM routing_alarm a JOIN chargers_charger c ON c.id = a.charger_id "
            "WHERE c.identity = ? AND a.kind = 'version mismatch'",
            identity,
        )
        assert alarm == [(None,)]
        assert await boot(client, version) == "Accepted"  # and it goes on
