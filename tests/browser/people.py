"""Somebody in front of a browser, who logs in, looks and clicks; what their console says is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page

PATIENCE_MS = 30_000
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PASSWORD = "a password for tests"


class Person:
    """Somebody with one page open. ``clicks``: how often they have clicked since they opened an address."""

    def __init__(self, base: str, page: Page) -> None:
        self.base = base
        self.page = page
        self.clicks = 0
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self._note(said.type, f"{said.text} {said.location.get('url')}"))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, words: str) -> None:
        """Browsers tell of what the policy of a page forbids there, too."""
        if kind in ("error", "warning"):
            self.problems.append(words)

    async def log_in(self, name: str) -> None:
        await self.open("/admin/login/")
        await self.page.fill("input[name=username]", name)
        await self.page.fill("input[name=password]", PASSWORD)
        await self.page.press("input[name=password]", "Enter")
        await self.page.wait_for_url(lambda url: "login" not in url)
        await self.looks_right()

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.base}{path}")
        self.clicks = 0
        await self.looks_right()

    async def click(self, words: str, where: str = "a, button", *, within: str = "body") -> None:
        """Click what says so, and wait for the page that it leads to."""
        place = self.page.locator(within).locator(where).filter(has_text=words).first
        await place.click()
        self.clicks += 1
        await self.page.wait_for_load_state("load")
        await self.looks_right()

    async def reads(self, words: str, where: str = "body") -> None:
        """Once a part of the page says something."""
        await self.page.locator(where).filter(has_text=words).first.wait_for()

    async def count(self, where: str) -> int:
        return await self.page.locator(where).count()

    async def looks_right(self) -> None:
        """Nothing sticks out to the right."""
        width = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if width > 0:
            self.problems.append(f"{self.page.url} is {width} px too wide")


@asynccontextmanager
async def somebody(browser: Browser, base: str, name: str, size: dict[str, int]) -> AsyncIterator[Person]:
    """A person who has logged in; at the end their browser has had nothing to complain about."""
    context = await browser.new_context(viewport={"width": size["width"], "height": size["height"]})
    person = Person(base, await context.new_page())
    await person.log_in(name)
    yield person
    assert not person.problems, "\n".join(person.problems)
    await context.close()
