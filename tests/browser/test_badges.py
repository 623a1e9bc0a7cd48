"""Live badges in a real browser, at a real proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE_MS = 30_000
PHONE = 390
LIST = "/admin/chargers/charger/"


class Person:
    """Somebody who has logged in. ``problems``: what their browser complains about."""

    def __init__(self, site: Site, page: Page) -> None:
        self.site = site
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    async def log_in(self) -> None:
        await self.open("/admin/login/")
        await self.page.fill("input[name=username]", "admin")
        await self.page.fill("input[name=password]", "a password for tests")
        await self.page.press("input[name=password]", "Enter")
        await self.page.wait_for_url(lambda url: "login" not in url)

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.site.proxy.http}{path}")

    async def reads(self, where: str, words: str) -> None:
        """Once a part of the page says something."""
        await self.page.locator(where).filter(has_text=words).first.wait_for()

    def key(self, identity: str) -> int:
        [(key,)] = self.site.proxy.rows("SELECT id FROM chargers_charger WHERE identity = ?", identity)
        return int(key)


@pytest_asyncio.fixture(loop_scope="session")
async def person(site: Site, chromium: Browser) -> AsyncIterator[Person]:
    context = await chromium.new_context(viewport={"width": PHONE, "height": 844})
    person = Person(site, await context.new_page())
    await person.log_in()
    yield person
    assert person.problems == []
    await context.close()


async def test_the_list_sees_a_charger_come_charge_and_go(site: Site, person: Person) -> None:
    await site.backoffice("energy")
    identity = site.identity()
    await site.configure(identity)
    await person.open(f"{LIST}?q={identity}")
    await person.reads("[data-cell=state]", "never connected")
    charger = await site.booted(identity)
    await person.reads("[data-cell=state]", "online")
    await person.reads("[data-cell=routes]", "D●")
    await charger.status(1, "Charging")
    await person.reads("[data-cell=connectors]", "charging")
    await charger.close()
    await person.reads("[data-cell=state]", "offline")
    assert await person.page.evaluate("document.documentElement.scrollWidth") == PHONE


async def test_a_switch_acts_at_once_and_the_overview_sees_it(
    site: Site, person: Person, chromium: Browser
) -> None:
    await site.backoffice("energy")
    identity = site.identity()
    await site.configure(identity)
    await site.booted(identity)
    page = f"{LIST}{person.key(identity)}"
    colleague = Person(site, await person.page.context.new_page())
    await colleague.open(f"{page}/overview/")
    await colleague.reads(".c-branches", "connected")
    await person.open(f"{page}/backoffices/")
    await person.page.get_by_role("switch").click()
    await person.reads(".c-route", "switched off")
    await colleague.reads(".c-branches", "switched off")
    await site.backoffices["energy"].wait_gone(identity)
    assert colleague.problems == []
