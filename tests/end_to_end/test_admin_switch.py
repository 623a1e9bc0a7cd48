"""A route is switched in the admin while the charger is connected (issue 2, acceptance)."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from asyncio import to_thread
from http.cookiejar import CookieJar

import pytest

from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Browser:
    """As much of a browser as the admin needs: cookies, forms, redirects."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> str:
        """A page."""
        with self.opener.open(self.base + path) as response:
            return str(response.read().decode())

    def post(self, path: str, fields: list[tuple[str, str]], page: str | None = None) -> str:
        """Send a form of a page, with that page's token."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page or self.get(path))
        assert token
        body = urllib.parse.urlencode([*fields, ("csrfmiddlewaretoken", token[1])]).encode()
        request = urllib.request.Request(self.base + path, body, {"Referer": self.base + path})
        with self.opener.open(request) as response:
            return str(response.read().decode())

    def log_in(self) -> None:
        """As the user of the first start."""
        who = [("username", "admin"), ("password", "a password for tests"), ("next", "/admin/")]
        self.post("/admin/login/", who)

    def act(self, action: str, key: int) -> None:
        """Carry out an action of the list of routes."""
        page = self.get("/admin/routing/route/")
        self.post("/admin/routing/route/", [("action", action), ("_selected_action", str(key))], page)


async def test_off_and_on_again(site: Site) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity)
    await charger.start(1, "CARD-1")
    await energy.wait_session(identity, stopped=False)
    [(route,)] = site.proxy.rows(
        "SELECT r.id FROM routing_route r JOIN backoffices_backoffice b ON b.id = r.backoffice_id"
        " WHERE b.name = ?",
        f"energy-{site.number}",
    )
    browser = Browser(site.proxy.http)
    await to_thread(browser.log_in)
    await to_thread(browser.act, "switch_off", route)
    view = await energy.wait_gone(identity)
    assert view.close_code == 1000
    await charger.meter(1, seconds=60)
    await charger.stop(1)
    await billing.wait_session(identity)
    await to_thread(browser.act, "switch_on", route)
    await energy.wait_connected(identity, connections=2)
    await energy.wait_session(identity)
    await energy.wait_for(identity, "BootNotification", count=2)
    await energy.wait_for(identity, "StatusNotification", count=2)
    assert billing.chargers[identity].connections == 1
    assert charger.is_online
    assert billing.problems(identity) == energy.problems(identity) == []
