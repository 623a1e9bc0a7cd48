"""Bad input is data: answered, recorded, never a crash, never a lost message (issue 2, acceptance)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEARTBEAT = '[2,"h","Heartbeat",{}]'


def dial(site: Site, identity: str, *subprotocols: str, **more: Any) -> connect:
    """A bare charger socket."""
    offered = [Subprotocol(name) for name in subprotocols] or None
    return connect(site.proxy.url(identity), subprotocols=offered, compression=None, proxy=None, **more)


async def is_alive(socket: ClientConnection) -> bool:
    """Whether the proxy still answers on this socket."""
    await socket.send(HEARTBEAT)
    answer = json.loads(await socket.recv())
    return bool(answer[0] == 3 and answer[1] == "h" and "currentTime" in answer[2])


async def recorded(site: Site, identity: str, outcome: str) -> list[tuple[Any, ...]]:
    """What the audit log says of frames with this outcome."""
    query = (
        "SELECT m.text, m.rule FROM routing_message m JOIN chargers_charger c ON c.id = m.charger_id"
        " WHERE c.identity = ? AND m.outcome = ?"
    )
    return await site.proxy.wait_rows(query, identity, outcome)


DEEP = "[" * 5000 + "]" * 5000

TEXTS = {
    "not JSON": ("hello", None, "malformed"),
    "cut off": ('[2,"1","Heart', [4, "1", "FormationViolation"], "malformed"),
    "cut off early": ('[2,"1', None, "malformed"),
    "stray comma": ('[2,"c","Heartbeat",{},]', [4, "c", "FormationViolation"], "malformed"),
    "deep nesting": (f'[2,"d","DataTransfer",{DEEP}]', [4, "d", "FormationViolation"], "malformed"),
    "unknown action": ('[2,"u","Teleport",{}]', [4, "u", "NotImplemented"], "error"),
    "the backoffice's action": ('[2,"r","Reset",{"type":"Soft"}]', [4, "r", "NotSupported"], "error"),
    "an answer nobody asked for": ('[3,"nobody",{}]', None, "unsolicited"),
    "an error nobody asked for": ('[4,"nobody","GenericError","",{}]', None, "unsolicited"),
    "unknown type": ('[9,"9","Heartbeat",{}]', None, "unsolicited"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "answer", "outcome"), TEXTS.values(), ids=TEXTS)
async def test_a_frame_that_is_wrong(site: Site, text: str, answer: list[Any] | None, outcome: str) -> None:
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, "ocpp1.6") as socket:
        await socket.send(text)
        if answer is not None:
            assert json.loads(await socket.recv())[:3] == answer
        assert await is_alive(socket)
    rows = await recorded(site, identity, outcome)
    assert rows[0][0] == text
    assert rows[0][1]


async def test_a_5000_digit_integer_goes_through(site: Site) -> None:
    billing = await site.backoffice("billing")
    identity = site.identity()
    await site.configure(identity)
    number = "7" * 5000
    async with dial(site, identity, "ocpp1.6") as socket:
        await socket.send(f'[2,"m","MeterValues",{{"connectorId":1,"meterValue":[],"x":{number}}}]')
        assert json.loads(await socket.recv()) == [3, "m", {}]
        await socket.send(
            f'[2,"n","MeterValues",{{"connectorId":1,"transactionId":{number},"meterValue":[]}}]'
        )
        assert json.loads(await socket.recv()) == [3, "n", {}]
        assert await is_alive(socket)
        await billing.wait_connected(identity)
        entry = await billing.wait_for(identity, "MeterValues", count=2)
        texts = [e.text for e in billing.record(identity).calls("MeterValues")]
    assert number in texts[0]
    assert entry.payload["transactionId"] == -1


async def test_an_oversized_frame_ends_the_connection_alone(site: Site) -> None:
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, "ocpp1.6") as socket:
        await socket.send('[2,"1","DataTransfer",{"vendorId":"' + "x" * 1_100_000 + '"}]')
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1009
    await refusal(site, identity, "oversized_frame")
    async with dial(site, identity, "ocpp1.6") as socket:
        assert await is_alive(socket)


async def test_a_binary_frame_ends_the_connection_alone(site: Site) -> None:
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, "ocpp1.6") as socket:
        await socket.send(b"\x00\x01")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1003
    await refusal(site, identity, "binary_frame")


async def test_the_same_identity_twice(site: Site) -> None:
    billing = await site.backoffice("billing")
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, "ocpp1.6") as old:
        assert await is_alive(old)
        await billing.wait_connected(identity)
        async with dial(site, identity, "ocpp1.6") as new:
            with pytest.raises(ConnectionClosed):
                await old.recv()
            assert (old.close_code, old.close_reason) == (1008, "replaced")
            assert await is_alive(new)
            assert billing.chargers[identity].connections == 1


@pytest.mark.parametrize(
    ("identity", "written"),
    [("RDAM {}", "RDAM%20{}"), ("A-B_C.{}", "A-B_C.{}"), ("Ünï:{}", "%C3%9Cn%C3%AF%3A{}")],
    ids=["space", "dash", "letters and colon"],
)
async def test_identities_as_they_occur(site: Site, identity: str, written: str) -> None:
    billing = await site.backoffice("billing")
    identity, written = identity.format(site.number), written.format(site.number)
    await site.configure(identity)
    async with dial(site, written, "ocpp1.6") as socket:
        assert await is_alive(socket)
        assert (await billing.wait_connected(identity)).identity == identity


async def test_an_encoded_slash_is_no_identity(site: Site) -> None:
    identity = site.identity()
    await site.configure(identity)
    with pytest.raises(InvalidStatus) as refused:
        await dial(site, f"x%2F{identity}", "ocpp1.6")
    assert refused.value.response.status_code == 404


async def test_an_unknown_identity(site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await dial(site, site.identity("STRANGER"), "ocpp1.6")
    assert refused.value.response.status_code == 404
    await refusal(site, site.identity("STRANGER"), "unknown_identity")


@pytest.mark.parametrize("offer", [(), ("ocpp1.5",)], ids=["none", "1.5 only"])
async def test_no_version_in_common(site: Site, offer: tuple[str, ...]) -> None:
    identity = site.identity()
    await site.configure(identity)
    async with dial(site, identity, *offer) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    await refusal(site, identity, "unsupported_subprotocol" if offer else "no_subprotocol")


async def test_wrong_password(site: Site) -> None:
    identity = site.identity()
    await site.configure(identity, charger={"password": "a password of 22 chars"})
    wrong = {"Authorization": "Basic " + _basic(identity, "another password")}
    with pytest.raises(InvalidStatus) as refused:
        await dial(site, identity, "ocpp1.6", additional_headers=wrong)
    assert refused.value.response.status_code == 401
    rows = await refusal(site, identity, "wrong_password")
    assert "another password" not in str(rows)
    right = {"Authorization": "Basic " + _basic(identity, "a password of 22 chars")}
    async with dial(site, identity, "ocpp1.6", additional_headers=right) as socket:
        assert await is_alive(socket)


async def test_an_apply_file_with_a_misspelt_key(site: Site) -> None:
    text = "chargers:\n  - identity: CP-X\n    routs: []\n"
    code, printed = await site.proxy.manage("apply", "-", given=text)
    assert code != 0
    assert "chargers[0].routs" in printed
    assert ":3:" in printed
    assert "routes" in printed


async def refusal(site: Site, identity: str, cause: str) -> list[tuple[Any, ...]]:
    """The refused attempt as it was recorded."""
    query = "SELECT detail, count FROM chargers_refusedattempt WHERE identity = ? AND cause = ?"
    return await site.proxy.wait_rows(query, identity, cause)


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
