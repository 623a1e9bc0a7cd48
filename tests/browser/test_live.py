"""The live view in a real browser, at a real proxy, with a charger that has a lot to say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE_MS = 30_000
RATE, SECONDS, VIEWERS = 50, 4, 5

KEEP_WHAT_IS_SHOWN = """() => {
    window.shown = [];
    const kept = new WeakSet();  // a row comes with its block, and once more by itself
    const keep = (row) => {
        if (!kept.has(row)) window.shown.push(row.dataset.key.split("/").slice(2, 4).join("/"));
        kept.add(row);
    };
    new MutationObserver((changes) => {
        for (const change of changes)
            for (const node of change.addedNodes)
                if (node.matches?.(".live-row")) keep(node);
                else node.querySelectorAll?.(".live-row").forEach(keep);
    }).observe(document.getElementById("live-rows"), { childList: true, subtree: true });
}"""


class Pages:
    """Pages of one user. ``problems``: whatever their consoles have said."""

    def __init__(self, site: Site, context: BrowserContext) -> None:
        self.site = site
        self.context = context
        self.problems: list[str] = []

    async def log_in(self) -> None:
        page = await self.context.new_page()
        await page.goto(f"{self.site.proxy.http}/admin/login/")
        await page.fill("#id_username", "admin")
        await page.fill("#id_password", "a password for tests")
        await page.click("[type=submit]")
        await page.wait_for_url(lambda url: "login" not in url)
        await page.close()

    async def open(self, path: str, state: str = "live") -> Page:
        """A page of a live view, once it says so."""
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self._note(said.type, f"{said.text} {said.location.get('url')}"))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        await page.goto(f"{self.site.proxy.http}{path}")
        await page.wait_for_selector(f"#live-state[data-state={state}]")
        return page

    def _note(self, kind: str, words: str) -> None:
        if kind in ("error", "warning") and "favicon.ico" not in words:
            self.problems.append(words)


@pytest_asyncio.fixture(loop_scope="session")
async def pages(site: Site, chromium: Browser) -> AsyncIterator[Pages]:
    context = await chromium.new_context()
    pages = Pages(site, context)
    await pages.log_in()
    yield pages
    await context.close()


def live(site: Site, identity: str) -> str:
    [(key,)] = site.proxy.rows("SELECT id FROM chargers_charger WHERE identity = ?", identity)
    return f"/admin/chargers/charger/{key}/live/"


async def talk(url: str, name: str, count: int, seconds: float = 0) -> list[str]:
    """A charger that sends so many statuses, evenly over so many seconds; their message ids."""
    loop = asyncio.get_running_loop()
    said = [f"{name}-{number}" for number in range(count)]
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as charger:
        began = loop.time()
        for number, message_id in enumerate(said):
            await asyncio.sleep(max(0, began + seconds * number / count - loop.time()))
            await charger.send(json.dumps([2, message_id, "StatusNotification", STATUS]))
            while json.loads(await charger.recv())[:2] != [3, message_id]:
                pass
    return said


STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


async def has_shown(page: Page, message_id: str) -> None:
    await page.wait_for_function("(id) => window.shown.includes(`None/${id}`)", arg=message_id)


async def test_five_pages_show_every_message_of_a_busy_charger_in_order(site: Site, pages: Pages) -> None:
    await site.backoffice("billing")
    await site.backoffice("energy")
    identity = site.identity()
    await site.configure(identity)
    path = live(site, identity)
    watching = [await pages.open(path) for _ in range(VIEWERS)]
    for page in watching:
        await page.evaluate(KEEP_WHAT_IS_SHOWN)
    said = await talk(site.proxy.url(identity), "busy", RATE * SECONDS, SECONDS)
    for page in watching:
        await has_shown(page, said[-1])
        shown = await page.evaluate("window.shown")
        own = [row.removeprefix("None/") for row in shown if row.startswith("None/busy-")]
        assert own == said
        assert len(shown) == len(set(shown))
        assert "left out" not in await page.inner_text("#live-note")
    assert pages.problems == []


async def test_pause_filters_and_the_copy(site: Site, pages: Pages, tmp_path: Path) -> None:
    identity = site.identity()
    await site.configure(identity)
    url = site.proxy.url(identity)
    page = await pages.open(live(site, identity))
    await page.evaluate(KEEP_WHAT_IS_SHOWN)
    first = await talk(url, "first", 3)
    await has_shown(page, first[-1])
    await page.click("#live-pause")
    assert await page.inner_text("#live-state") == "paused"
    await talk(url, "second", 2)
    await page.wait_for_function("document.getElementById('live-note').textContent.includes('more since')")
    assert await page.locator(".live-row").count() == await page.evaluate("window.shown.length")
    await page.click("#live-pause")
    await page.wait_for_selector("#live-state[data-state=live]")
    await page.select_option("#live-action", "StatusNotification")
    rows = page.locator(".live-row")
    assert await rows.count() == 5
    assert set(await page.locator(".live-action").all_inner_texts()) == {"StatusNotification"}
    await rows.first.locator("summary").click()
    assert '"second-1"' in await page.inner_text(".live-frames")
    await page.check("#live-errors")
    assert await rows.count() == 0
    async with page.expect_download() as saving:
        await page.click("#live-download")
    saved = tmp_path / "saved.json"
    await (await saving.value).save_as(saved)
    assert [row["message_id"] for row in json.loads(saved.read_text())].count("second-1") == 1
    assert pages.problems == []


async def test_nothing_that_a_charger_says_is_taken_for_html(site: Site, pages: Pages) -> None:
    identity = site.identity()
    await site.configure(identity)
    page = await pages.open(live(site, identity))
    await page.evaluate(KEEP_WHAT_IS_SHOWN)
    bad = "<img src=x onerror=alert(1)>"
    async with connect(
        site.proxy.url(identity), subprotocols=[Subprotocol("ocpp1.6")], proxy=None
    ) as charger:
        await charger.send(json.dumps([2, "html", bad, {"x": bad}]))
        await charger.recv()
    await has_shown(page, "html")
    assert bad in await page.inner_text("#live-rows")
    assert await page.locator("#live-rows img").count() == 0
    assert pages.problems == []


async def test_without_a_socket_it_polls_and_says_so_and_is_live_again(site: Site, pages: Pages) -> None:
    identity = site.identity()
    await site.configure(identity)
    async with AsyncExitStack() as stack:
        page = await pages.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        blocked = True

        async def refuse(route):
            if blocked:
                await route.close(code=1011)
            else:
                route.connect_to_server()

        await page.route_web_socket("**/ws/v1/**", refuse)
        stack.push_async_callback(page.close)
        await page.goto(f"{site.proxy.http}{live(site, identity)}")
        await page.wait_for_selector("#live-state[data-state=polling]")
        assert "interrupted" in await page.inner_text("#live-note")
        await page.evaluate(KEEP_WHAT_IS_SHOWN)
        polled = await talk(site.proxy.url(identity), "polled", 2)
        await has_shown(page, polled[-1])
        blocked = False
        await page.wait_for_selector("#live-state[data-state=live]")
        shown = await page.evaluate("window.shown")
        assert len(shown) == len(set(shown))


async def test_it_can_be_read_on_a_telephone(site: Site, pages: Pages) -> None:
    identity = site.identity()
    await site.configure(identity)
    page = await pages.open(live(site, identity))
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.evaluate(KEEP_WHAT_IS_SHOWN)
    said = await talk(site.proxy.url(identity), "phone", 1)
    await has_shown(page, said[0])
    await page.locator(".live-row").first.locator("summary").click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
