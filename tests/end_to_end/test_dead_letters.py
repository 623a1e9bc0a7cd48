"""A backoffice takes nothing for a while: what it refused is sent again from the admin."""

from __future__ import annotations

from asyncio import to_thread

import pytest

from simulators.backoffice import Rudeness
from tests.end_to_end.conftest import Site
from tests.end_to_end.test_admin_switch import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEAD = (
    "SELECT d.id FROM routing_delivery d JOIN chargers_charger c ON c.id = d.charger_id"
    " WHERE c.identity = ? AND d.dead ORDER BY d.seq"
)
ALARM = (
    "SELECT a.id FROM routing_alarm a JOIN chargers_charger c ON c.id = a.charger_id"
    " WHERE c.identity = ? AND a.kind = 'dead letters' AND a.cleared IS"
)
LIST = "/admin/routing/delivery/?letters=dead"


async def test_what_a_backoffice_refused_is_sent_again_from_the_admin(site: Site) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    energy.behaviour.rude, energy.behaviour.actions = Rudeness.CALL_ERROR, frozenset({"StartTransaction"})
    identity = site.identity()
    retries = {"options": {"retry_attempts": 2, "retry_interval": 0.1}}
    await site.configure(identity, routes={"energy": retries})
    charger = await site.booted(identity)
    await charger.start(1, "CARD-1")
    await charger.stop(1)
    await billing.wait_session(identity)
    [(letter,)] = await site.proxy.wait_rows(DEAD, identity)
    assert await site.proxy.wait_rows(f"{ALARM} NULL", identity)
    assert energy.sessions(identity) == []

    browser = Browser(site.proxy.http)
    await to_thread(browser.log_in)
    page = await to_thread(browser.get, LIST)
    assert "InternalError" in page
    assert "dead letters" in await to_thread(browser.get, "/admin/routing/alarm/")
    energy.behaviour.rude = None
    again = [("action", "send_again"), ("_selected_action", str(letter))]
    page = await to_thread(browser.post, LIST, again, page)
    assert "1 dead letter is sent again, behind what waits." in page
    view = await energy.wait_session(identity, stopped=False)
    assert view.transaction_id == 900
    assert await site.proxy.wait_rows(f"{ALARM} NOT NULL", identity)
    assert site.proxy.rows(DEAD, identity) == []
