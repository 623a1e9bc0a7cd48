"""An override of the guard acts on a live session, for one route, and ends when it is revoked."""

from __future__ import annotations

import asyncio

import pytest

from simulators.backoffice import SimulatedBackoffice
from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOVE = {"key": "ServiceURL", "value": "wss://elsewhere.example/"}
GIVE = """
from accounts.models import User
from routing import overrides
from routing.models import Route
route = Route.objects.get(charger__identity="{0}", role="billing")
overrides.give(route, reason="It moves", by=User.objects.first())
"""
REVOKE = """
from routing import overrides
from routing.models import GuardOverride
overrides.revoke(GuardOverride.objects.get(route__charger__identity="{0}"))
"""


async def is_let_through(backoffice: SimulatedBackoffice, identity: str) -> bool:
    """Whether the charger itself answers: it does not know this key, while the proxy says Rejected."""
    answer = await backoffice.call(identity, "ChangeConfiguration", MOVE)
    return bool(answer.payload["status"] != "Rejected")


async def test_an_override_acts_on_a_live_session(site: Site) -> None:
    billing, energy = await site.backoffice("billing"), await site.backoffice("energy")
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity)
    assert not await is_let_through(billing, identity)
    assert not [text for text in charger.record.texts("received") if "ServiceURL" in text]
    assert (await site.proxy.manage("shell", "-c", GIVE.format(identity)))[0] == 0
    async with asyncio.timeout(5):
        while not await is_let_through(billing, identity):  # noqa: ASYNC110 - each asks anew
            await asyncio.sleep(0.1)
    assert len([text for text in charger.record.texts("received") if "ServiceURL" in text]) == 1
    assert not await is_let_through(energy, identity)
    assert (await site.proxy.manage("shell", "-c", REVOKE.format(identity)))[0] == 0
    async with asyncio.timeout(5):
        while await is_let_through(billing, identity):  # noqa: ASYNC110 - each asks anew
            await asyncio.sleep(0.1)
    rules = site.proxy.rows("SELECT rule FROM routing_message WHERE action = 'ChangeConfiguration'")
    assert any(rule.startswith("guard: overridden until ") for (rule,) in rules)
    view = billing.chargers[identity]
    assert view.connections == 1
