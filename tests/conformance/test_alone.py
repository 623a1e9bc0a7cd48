"""Acceptance of issue 3: the proxy alone, with no backoffice at all, is a simple backoffice. Real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def cards(site: Site, **known: Any) -> dict[str, Any]:
    """A fleet with a card, and with a lost one."""
    fleet = f"Fleet {site.number}"
    return {
        "organisations": [{"name": fleet}],
        "cards": [
            {"organisation": fleet, "id_tag": "04A1B2C3", "group": "VANS", **known},
            {"organisation": fleet, "id_tag": "L0ST", "blocked": True},
        ],
    }


@ALL
async def test_a_charger_without_any_backoffice(site: Site, version: str) -> None:
    """It boots, a known card starts and stops a session, unknown and blocked ones are refused."""
    identity, fleet = site.identity(), f"Fleet {site.number}"
    charger_row = {"identity": identity, "organisation": fleet}
    await site.proxy.apply({**cards(site), "chargers": [charger_row]})
    charger = await site.charger(identity, version)
    await charger.boot()
    await charger.status(1, "Available")

    assert not await charger.authorize("UNKNOWN")
    assert not await charger.authorize("L0ST")
    assert await charger.authorize("04a1b2c3")
    session = await charger.start(1, "04A1B2C3")
    assert session.accepted
    assert session.transaction_id
    await charger.meter(1, seconds=60)
    await charger.stop(1)
    refused = await charger.start(1, "UNKNOWN")  # without being asked about it before
    assert refused.accepted is False
    assert refused.stopped

    query = (
        "SELECT id_tag, owner_id, closed IS NOT NULL, stop_reason FROM routing_transaction t "
        "JOIN chargers_charger c ON c.id = t.charger_id WHERE c.identity = ? ORDER BY t.created"
    )
    ended = await site.proxy.wait_rows(f"{query} LIMIT 1 OFFSET 1", identity)
    async with asyncio.timeout(10):
        while not ended[-1][2]:
            await asyncio.sleep(0.05)
            ended = site.proxy.rows(query, identity)
    first, second = site.proxy.rows(query, identity)
    assert first[:3] == ("04A1B2C3", None, 1)
    assert second[:3] == ("UNKNOWN", None, 1)
    assert "04A1B2C3" not in site.proxy.log.upper()


@ALL
async def test_a_card_that_is_blocked_is_refused_within_a_second(site: Site, version: str) -> None:
    """An edit acts on the open connection."""
    identity, fleet = site.identity(), f"Fleet {site.number}"
    await site.proxy.apply({**cards(site), "chargers": [{"identity": identity, "organisation": fleet}]})
    charger = await site.charger(identity, version)
    await charger.boot()
    assert await charger.authorize("04A1B2C3")
    await site.proxy.apply(cards(site, blocked=True))
    await asyncio.sleep(1)
    assert not await charger.authorize("04A1B2C3")


@ALL
async def test_every_card_where_charging_is_free(site: Site, version: str) -> None:
    """With ``free`` nobody is asked, and everybody charges."""
    identity = site.identity()
    await site.proxy.apply({"chargers": [{"identity": identity, "options": {"authorization": "free"}}]})
    charger = await site.charger(identity, version)
    await charger.boot()
    assert await charger.authorize("ANYBODY")
    session = await charger.start(1, "ANYBODY")
    assert session.accepted
    await charger.stop(1)
