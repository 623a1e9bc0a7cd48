"""Pictures of the pages, from a demo with something to see: ``python -m tests.browser.pictures --help``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, async_playwright

from benchmarks.ports import free_port
from proxy_site.demo import Options, ProxyProcess, Story
from simulators.charger import simulated_charger
from simulators.charger.errors import NotAdmitted
from tests.browser.conftest import QUIET, found_browser
from tests.browser.people import DESKTOP, PASSWORD, PHONE
from tests.end_to_end.proxy import ROOT

FOLDER = ROOT / "docs" / "pictures"
SEEN_S = 60
"""How long the demo runs before pictures are taken: a session begins and ends, and something is refused."""


class Picture(NamedTuple):
    """``name`` of the file, the page, and the size of the window."""

    name: str
    path: str
    size: dict[str, int]


CHARGER, BACKOFFICE = "/admin/chargers/charger/1", "/admin/backoffices/backoffice/2"
WIDE = {"width": 1280, "height": 720}
PICTURES = [
    Picture("dashboard", "/admin/", WIDE),
    Picture("charger", f"{CHARGER}/overview/", WIDE),
    Picture("charger-phone", f"{CHARGER}/overview/", PHONE),
    Picture("backoffices-phone", f"{CHARGER}/backoffices/", PHONE),
    Picture("set-up-phone", f"{CHARGER}/setup/", PHONE),
    Picture("messages", "/admin/routing/message/", WIDE),
    Picture("rights", "/admin/routing/route/2/change/", WIDE),
    Picture("backoffice", f"{BACKOFFICE}/overview/", WIDE),
]
EVERY = [
    *("/admin/", "/admin/help/", "/admin/chargers/charger/"),
    *(
        f"{CHARGER}/{tab}/"
        for tab in (
            *("overview", "backoffices", "live", "configuration", "commands", "change"),
            *("access", "setup", "history"),
        )
    ),
    *(
        f"/admin/chargers/charger/{page}/"
        for page in ("new", "claim", "inbox", "import", "stickers", "take-over")
    ),
    "/admin/backoffices/backoffice/",
    *(f"{BACKOFFICE}/{tab}/" for tab in ("overview", "links", "blocked", "live", "change", "history")),
    *("/admin/backoffices/backoffice/add/", "/admin/backoffices/catalogueentry/"),
    *("/admin/routing/route/", "/admin/routing/route/2/change/", "/admin/routing/route/billing/1/"),
    *(
        f"/admin/routing/{name}/"
        for name in (
            *("message", "transaction", "alarm", "delivery", "card", "permissionpreset", "defaultroute"),
            *("runtimeprocess", "command", "webhook"),
        )
    ),
    *("/admin/chargers/refusedattempt/", "/admin/accounts/organisation/1/people/"),
    *("/admin/accounts/apitoken/", "/admin/accounts/apitoken/add/", "/admin/accounts/deed/"),
]


def configuration(story: Story) -> dict[str, Any]:
    """That of the demo, and chargers with which something is wrong."""
    made = story.configuration()
    [first] = made["chargers"]
    first["label"] = "Garage"
    other = {"organisation": first["organisation"], "routes": [{"backoffice": "billing", "role": "billing"}]}
    made["chargers"] += [
        {"identity": "PARK-1", "label": "Car park, left", "password": "the one that is right", **other},
        {"identity": "PARK-2", "label": "Car park, right", **other},
    ]
    return made


@contextlib.asynccontextmanager
async def demo(said: Any) -> AsyncIterator[str]:
    """A demo that has run for a while; its address."""
    with tempfile.TemporaryDirectory(prefix="ocpp-proxy-pictures-") as data:
        options = Options("127.0.0.1", free_port(), time_scale=60)
        proxy, story = ProxyProcess(options, Path(data), PASSWORD), Story(options, lambda text: None)
        async with story.billing, story.energy:
            try:
                await proxy.start()
                await proxy.apply(configuration(story))
                running = asyncio.create_task(story.run())
                url = f"ws://127.0.0.1:{options.port}/ocpp/PARK-1"
                wrong = simulated_charger(url, password="the one that is wrong")
                with contextlib.suppress(NotAdmitted):
                    await wrong.connect()
                await wrong.close()
                said(f"the demo runs for {SEEN_S} seconds ...")
                await asyncio.sleep(SEEN_S)
                yield f"http://127.0.0.1:{options.port}"
                running.cancel()
            finally:
                await story.charger.close()
                await proxy.stop()


async def visitor(browser: Browser, base: str, size: dict[str, int], colours: Any) -> Page:
    """The page of somebody who has logged in."""
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, color_scheme=colours
    )
    page = await context.new_page()
    page.on(
        "console", lambda said: print(said.type, said.text) if said.type in ("error", "warning") else None
    )
    await page.goto(f"{base}/admin/login/")
    await page.fill("input[name=username]", "admin")
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_url(lambda url: "login" not in url)
    return page


async def show(page: Page, address: str) -> None:
    await page.goto(address)
    await page.wait_for_timeout(500)  # until what a page fetches by itself is there


async def of_documentation(browser: Browser, base: str) -> None:
    pages = {size["width"]: await visitor(browser, base, size, "light") for size in (WIDE, PHONE)}
    for picture in PICTURES:
        page = pages[picture.size["width"]]
        await show(page, base + picture.path)
        await page.screenshot(path=FOLDER / f"{picture.name}.png")


async def of_everything(browser: Browser, base: str, folder: Path) -> None:
    for colours in ("light", "dark"):
        for size in (DESKTOP, PHONE):
            page = await visitor(browser, base, size, colours)
            for path in EVERY:
                await show(page, base + path)
                name = path.strip("/").replace("/", "_")
                width = await page.evaluate("document.documentElement.scrollWidth")
                if width > size["width"]:
                    print(f"{path} is {width} px wide in a window of {size['width']}")
                await page.screenshot(path=folder / f"{name}-{size['width']}-{colours}.png", full_page=True)
            await page.context.close()


async def main(every: Path | None) -> None:
    async with demo(print) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found_browser(), args=QUIET)
        await (of_everything(browser, base, every) if every else of_documentation(browser, base))
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Takes pictures of the pages.")
    parser.add_argument("--every", type=Path, metavar="FOLDER", help="of every main page, into this folder")
    chosen = parser.parse_args().every
    (chosen or FOLDER).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen))
