"""One charger on several backoffices, each seeing it as its own (issue 2, acceptance)."""

from __future__ import annotations

import asyncio

import pytest

from simulators.backoffice import SimulatedBackoffice
from simulators.charger import SimulatedCharger
from tests.end_to_end.conftest import VERSIONS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def whole_session(charger: SimulatedCharger, tag: str = "CARD-1", values: int = 20) -> None:
    """A session as in everyday life."""
    assert await charger.authorize(tag)
    await charger.status(1, "Preparing")
    await charger.start(1, tag)
    await charger.status(1, "Charging")
    for _ in range(values):
        await charger.meter(1, seconds=60)
    await charger.stop(1)
    await charger.status(1, "Available")


async def complete(
    backoffice: SimulatedBackoffice, identity: str, values: int = 20, count: int = 1
) -> int | str:
    """Wait for a whole session at a backoffice; its transaction id there."""
    session = await backoffice.wait_session(identity)
    assert len(session.meter_values) == values
    assert backoffice.problems(identity) == []
    return session.transaction_id


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("others", [1, 2], ids=["two backoffices", "three backoffices"])
async def test_each_backoffice_sees_one_consistent_session(site: Site, version: str, others: int) -> None:
    names = ["billing", "energy", "watcher"][: others + 1]
    for first, name in enumerate(names, 1):
        await site.backoffice(name, first * 1000)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, version)
    await whole_session(charger)
    ids = [await complete(site.backoffices[name], identity) for name in names]
    if version == "1.6":
        assert ids == [1000, 2000, 3000][: others + 1]
    else:
        assert len(set(ids)) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_remote_stop_with_the_own_id(site: Site, version: str) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    action = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
    await site.configure(identity, routes={"energy": {"permissions": {action: "allow"}}})
    charger = await site.booted(identity, version)
    for number, backoffice in enumerate((billing, energy), 1):
        await charger.start(1, "CARD-1")
        session = await backoffice.wait_session(identity, count=number, stopped=False)
        answer = await backoffice.call(identity, action, {"transactionId": session.transaction_id})
        assert answer.payload["status"] == "Accepted"
        for one in (billing, energy):
            await one.wait_session(identity, count=number)
    assert billing.problems(identity) == energy.problems(identity) == []


async def test_two_chargers_whose_backoffices_hand_out_the_same_numbers(site: Site) -> None:
    billing, energy = await site.backoffice("billing", 1), await site.backoffice("energy", 1)
    left, right = site.identity("LEFT"), site.identity("RIGHT")
    await site.configure(left, right)
    chargers = [await site.booted(identity) for identity in (left, right)]
    await asyncio.gather(*(whole_session(charger) for charger in chargers))
    for backoffice in (billing, energy):
        assert {await complete(backoffice, identity) for identity in (left, right)} == {1, 2}


async def test_commands_at_the_same_moment_with_the_same_message_id(site: Site) -> None:
    billing, energy = await site.backoffice("billing"), await site.backoffice("energy")
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity)
    known = {"key": ["ConnectionTimeOut"]}
    unknown = {"key": ["NoSuchSetting"]}
    first, second = await asyncio.gather(
        billing.call(identity, "GetConfiguration", known, message_id="same"),
        energy.call(identity, "GetConfiguration", unknown, message_id="same"),
    )
    assert (first.message_id, second.message_id) == ("same", "same")
    assert [key["key"] for key in first.payload["configurationKey"]] == ["ConnectionTimeOut"]
    assert second.payload["unknownKey"] == ["NoSuchSetting"]
    for backoffice in (billing, energy):
        assert sum(e.frame_type == 3 for e in backoffice.record(identity) if e.direction == "received") == 1
    frames = [e for e in charger.record if "GetConfiguration" in (e.action, e.action)]
    assert [e.is_call for e in frames] == [True, False, True, False]
    assert len({e.message_id for e in frames}) == 2


async def test_payloads_arrive_unchanged(site: Site) -> None:
    billing, energy = await site.backoffice("billing", 7), await site.backoffice("energy", 9)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity)
    await charger.start(1, "CARD-1")
    odd = '{ "connectorId":1 ,"transactionId" : 7, "x": 1.10, "y":1e400, "x":2,\t"meterValue":[ ]}'
    other = '{"connectorId":1,"meterValue":[] , "vendor":{"a":1.10,"a":1E400, "ünï": "\\u00e9"}}'
    await charger.exchange(f'[2, "odd-1" , "MeterValues",{odd}]')
    await charger.exchange(f'[2,"odd-2","MeterValues",{other}]')
    for backoffice, number in ((billing, "7"), (energy, "9")):
        await backoffice.wait_for(identity, "MeterValues", count=2)
        texts = [e.text for e in backoffice.record(identity).calls("MeterValues")]
        assert texts[0].endswith(odd.replace("7", number, 1) + "]")
        assert texts[1].endswith(other + "]")
