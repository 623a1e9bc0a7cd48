"""Scenarios 1 to 4, 8 to 12 and 14: who may connect, as whom, and what a socket takes. Real sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.conformance.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERSIONS = ("1.6", "2.0.1", "2.1")
ALL = pytest.mark.parametrize("version", VERSIONS)
HEX = "00ff80fe01fd02fc03fb04fa05f906f807f7aabb"


def dial(
    site: Site,
    path: str,
    version: str = "1.6",
    *,
    offered: Sequence[str] | None = None,
    login: tuple[str, bytes] | None = None,
    **options: Any,
) -> connect:
    """A client on a raw path. Entering it raises InvalidStatus where it is refused."""
    headers = {}
    if login is not None:
        pair = login[0].encode() + b":" + login[1]
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    names = [Subprotocol(name) for name in offered or (f"ocpp{version}",)]
    url = f"{site.proxy.url()}/{path}"
    return connect(url, subprotocols=names, additional_headers=headers, proxy=None, **options)


async def status_of(client: connect) -> int:
    """The HTTP status with which a connection is answered."""
    try:
        async with client:
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def closing(client: ClientConnection) -> int:
    """The code with which the proxy closes."""
    with pytest.raises(ConnectionClosed) as ended:
        async with asyncio.timeout(20):
            await client.recv()
    received = ended.value.rcvd
    assert received is not None, "the socket was dropped without a close frame"
    return received.code


@ALL
async def test_01_an_identity_with_a_space(site: Site, version: str) -> None:
    """Given identity ``RDAM 123``, then it is that here, and its alias, encoded once, at each backoffice."""
    billing, energy = await site.backoffice("billing"), await site.backoffice("energy")
    identity, alias = f"RDAM {site.number}", f"100% ä {site.number}"
    await site.configure(identity, routes={"energy": {"identity": alias}})
    charger = await site.charger(identity.replace(" ", "%20"), version)
    await charger.boot()
    await billing.wait_for(identity, "BootNotification")
    await energy.wait_for(alias, "BootNotification")
    paths = [
        str(backoffice.chargers[name].socket.request.path).rsplit("/", 1)[-1]  # type: ignore[union-attr] # it is there
        for backoffice, name in ((billing, identity), (energy, alias))
    ]
    assert paths == [f"RDAM%20{site.number}", f"100%25%20%C3%A4%20{site.number}"]


@ALL
async def test_02_an_identity_with_a_slash(site: Site, version: str) -> None:
    """Given ``%2F`` in the identity, then 404, and the charger behind the slash is not looked up."""
    identity = site.identity()
    await site.configure(identity)
    assert await status_of(dial(site, identity, version)) == 101
    for path in (f"x%2F{identity}", f"%2F{identity}", f"{identity}%2F"):
        assert await status_of(dial(site, path, version)) == HTTPStatus.NOT_FOUND


@ALL
async def test_03_an_identity_that_nobody_knows(site: Site, version: str) -> None:
    """Given an identity nobody knows, then 404 and no WebSocket."""
    assert await status_of(dial(site, f"UNKNOWN-{site.number}", version)) == HTTPStatus.NOT_FOUND


async def test_04_a_version_that_nobody_speaks(site: Site) -> None:
    """Given an offer of ocpp1.5 alone, then the handshake ends without a subprotocol, and then the socket."""
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, offered=["ocpp1.5"]) as client:
        assert client.subprotocol is None
        assert await closing(client) == 1002


async def test_08_a_hexadecimal_key(site: Site) -> None:
    """Given a key of 20 bytes, then its bytes are let in, its text too; one byte wrong is not."""
    identity = site.identity()
    await site.configure(identity, charger={"password": f"hex:{HEX}"})
    right = bytes.fromhex(HEX)
    assert await status_of(dial(site, identity, login=(identity, right))) == 101
    assert await status_of(dial(site, identity, login=(identity, HEX.encode()))) == 101
    wrong = right[:-1] + b"\x00"
    assert await status_of(dial(site, identity, login=(identity, wrong))) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_09_a_password_with_a_colon(site: Site, version: str) -> None:
    """Given 40 characters of UTF-8 with a colon among them, then they are let in."""
    identity, password = site.identity(), "pä:ss:" + "w" * 33 + "€"
    await site.configure(identity, charger={"password": password})
    login = (identity, password.encode())
    assert await status_of(dial(site, identity, version, login=login)) == 101
    cut = (identity, password.rpartition(":")[2].encode())
    assert await status_of(dial(site, identity, version, login=cut)) == HTTPStatus.UNAUTHORIZED


@ALL
async def test_10_somebody_else_with_the_right_password(site: Site, version: str) -> None:
    """Given a user name that is not the identity, then 401."""
    identity = site.identity()
    await site.configure(identity, charger={"password": "right-right-right"})
    other = ("OTHER", b"right-right-right")
    assert await status_of(dial(site, identity, version, login=other)) == HTTPStatus.UNAUTHORIZED


@pytest.mark.skip(reason="client certificates (profile 3) need a PKI of the proxy's own, a later issue")
async def test_11_a_certificate_of_another_charger() -> None:
    """Given a certificate whose CN is another's serial number, then it is refused."""


@ALL
async def test_12_the_same_charger_again(site: Site, version: str) -> None:
    """Given a live socket, when the charger connects again, then the new one serves and nobody notices."""
    billing = await site.backoffice("billing")
    identity = site.identity()
    await site.configure(identity)
    await site.booted(identity, version)
    async with dial(site, identity, version) as first, dial(site, identity, version) as second:
        assert await closing(first) == 1008
        await first.wait_closed()
        await second.send('[2,"h","Heartbeat",{}]')
        assert str(await second.recv()).startswith('[3,"h",')
    assert billing.chargers[identity].connections == 1


@ALL
async def test_14_little_that_becomes_much(site: Site, version: str) -> None:
    """Given compression, then frames inflate; one that inflates to 50 MB closes the socket with 1009."""
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, version, compression="deflate") as client:
        assert client.protocol.extensions
        await client.send('[2,"h","Heartbeat",{}]')
        assert str(await client.recv()).startswith('[3,"h",')
        await client.send(" " * 50_000_000)
        assert await closing(client) == 1009
