"""The day's jobs of each role, in a real browser at a real proxy, with a charger and two backoffices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from benchmarks.ports import free_port
from simulators.backoffice import SimulatedBackoffice
from simulators.charger import SimulatedCharger, simulated_charger
from simulators.charger.errors import NotAdmitted
from tests.browser.people import DESKTOP, PASSWORD, PHONE, Person, somebody
from tests.end_to_end.conftest import Site
from tests.end_to_end.proxy import ProxyProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHARGERS = "/admin/chargers/charger/"
PEOPLE = {"olga": "owner", "ines": "installer", "rita": "read_only"}

MAKE_PEOPLE = f"""
from accounts.models import Membership, Organisation, User
harbour = Organisation.objects.get(name="Harbour")
for name, role in {PEOPLE!r}.items():
    user = User.objects.create_user(name, password={PASSWORD!r})
    Membership.objects.create(user=user, organisation=harbour, role=role)
"""


class Harbour:
    """An organisation with a charger that is online, one that has a wrong password, and a backoffice away."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.proxy: ProxyProcess = site.proxy
        self.online: SimulatedCharger | None = None

    async def open(self) -> None:
        billing = await self.site.backoffice("billing")
        energy = await self.site.backoffice("energy")
        billing.policy.refused_tags.add("LOST-CARD")
        names = {"billing": billing.url, "energy": energy.url, "away": f"ws://127.0.0.1:{free_port()}/"}
        routes = [{"backoffice": "billing", "role": "billing"}, {"backoffice": "away", "role": "observe"}]
        await self.proxy.apply(
            {
                "organisations": [{"name": "Harbour"}],
                "backoffices": [
                    {"name": n, "url": url, "organisation": "Harbour"} for n, url in names.items()
                ],
                "chargers": [
                    {"identity": "QUAY-1", "organisation": "Harbour", "routes": routes},
                    {"identity": "QUAY-2", "organisation": "Harbour", "password": "the one that is right"},
                ],
            }
        )
        code, printed = await self.proxy.manage("shell", given=MAKE_PEOPLE)
        assert code == 0, printed
        self.online = await self.site.charger("QUAY-1")
        await self.online.boot()
        await self.online.status(1, "Available")
        assert not await self.online.authorize("LOST-CARD")
        wrong = simulated_charger(self.proxy.url("QUAY-2"), "1.6", password="the one that is wrong")
        with pytest.raises(NotAdmitted):
            await wrong.connect()

    def key(self, identity: str) -> int:
        [(key,)] = self.proxy.rows("SELECT id FROM chargers_charger WHERE identity = ?", identity)
        return int(key)

    def backoffice(self, name: str) -> SimulatedBackoffice:
        return self.site.backoffices[name]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def harbour(proxy: ProxyProcess) -> AsyncIterator[Harbour]:
    async with AsyncExitStack() as stack:
        harbour = Harbour(Site(proxy, stack))
        await harbour.open()
        yield harbour


@pytest_asyncio.fixture(loop_scope="session", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
async def operator(
    harbour: Harbour, chromium: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[Person]:
    async with somebody(chromium, harbour.proxy.http, "admin", request.param) as person:
        yield person


@pytest_asyncio.fixture(loop_scope="session")
async def installer(harbour: Harbour, chromium: Browser) -> AsyncIterator[Person]:
    async with somebody(chromium, harbour.proxy.http, "ines", PHONE) as person:
        yield person


@pytest_asyncio.fixture(loop_scope="session")
async def owner(harbour: Harbour, chromium: Browser) -> AsyncIterator[Person]:
    async with somebody(chromium, harbour.proxy.http, "olga", DESKTOP) as person:
        yield person


@pytest_asyncio.fixture(loop_scope="session")
async def reader(harbour: Harbour, chromium: Browser) -> AsyncIterator[Person]:
    async with somebody(chromium, harbour.proxy.http, "rita", PHONE) as person:
        yield person


async def test_an_operator_is_two_clicks_from_each_reason(operator: Person) -> None:
    await operator.open("/admin/")
    await operator.reads("QUAY-2", "[data-part=needs]")
    await operator.click("Why", within="[data-part=needs] li:has-text('QUAY-2')")
    await operator.reads("password")
    assert operator.clicks <= 2

    await operator.open("/admin/")
    await operator.reads("none of 1 links is up", "[data-part=needs]")
    await operator.click("away", within="[data-part=backoffices]")
    await operator.reads("Why links are down", ".p-page")
    await operator.reads("refused", ".p-page")
    assert operator.clicks <= 2

    await operator.open("/admin/")
    await operator.click("QUAY-1", within="[data-part=refused]")
    await operator.reads("billing")
    await operator.reads("Invalid")
    assert operator.clicks <= 2


async def test_an_installer_brings_a_charger_onto_two_backoffices(
    harbour: Harbour, installer: Person
) -> None:
    page, identity = installer.page, "QUAY-3"
    await installer.click("Add charger")
    await page.fill("[name=identity]", identity)
    await installer.click("Add it")
    password = await page.inner_text("#q-password")
    card = page.url
    await installer.open(card.removeprefix(installer.base))
    assert await installer.count("#q-password") == 0  # it was shown once

    await installer.reads("live", "[data-pulse]")
    charger = await harbour.site.charger(identity, password=password)
    await page.locator("[data-key=connected].is-good, [data-key=password].is-good").first.wait_for()
    await charger.boot()
    await page.locator("[data-key=boot].is-good").wait_for()

    tab = f"{CHARGERS}{harbour.key(identity)}/backoffices/"
    await installer.open(tab)
    for backoffice, role in (("billing", "billing"), ("energy", "energy")):
        await installer.click("Add a backoffice")
        await choose(installer, "backoffice", backoffice)
        await page.locator(f"[name=role][value={role}]").check()
        await installer.click("Save", "[name=_save]")
        await page.wait_for_url(f"**{tab}")
        await harbour.backoffice(backoffice).wait_for(identity, "BootNotification")

    energy = page.locator(".c-route").filter(has_text="energy")
    await energy.get_by_role("switch").click()
    await installer.reads("switched off", ".c-route:has-text('energy')")
    await harbour.backoffice("energy").wait_gone(identity)
    await energy.get_by_role("switch").click()
    await installer.reads("connected", ".c-route:has-text('energy')")

    await installer.click("Live")
    await page.wait_for_selector("#live-state[data-state=live]")
    await charger.status(1, "Available")
    await installer.reads("StatusNotification", "#live-rows")


async def choose(person: Person, field: str, words: str) -> None:
    """Choose in a field that suggests what there is."""
    await person.page.locator(f".field-{field} .select2-selection").click()
    await person.page.locator(".select2-search__field").fill(words)
    await person.page.locator(".select2-results__option").filter(has_text=words).first.click()


async def test_an_owner_says_how_long_the_installer_has_access(harbour: Harbour, owner: Person) -> None:
    await owner.open(f"{CHARGERS}{harbour.key('QUAY-1')}/access/")
    row = "tr:has-text('ines')"
    await owner.reads("Installer", row)
    await owner.click("14 days", within=row)
    await owner.reads("until", row)
    await owner.click("End now", within=row)
    await owner.reads("ended", row)
    await owner.click("Without end", within=row)
    await owner.reads("without end", row)


async def test_who_only_reads_sees_all_and_changes_nothing(harbour: Harbour, reader: Person) -> None:
    before = harbour.proxy.rows("SELECT max(id) FROM accounts_deed")
    assert await reader.count("a:has-text('Add charger')") == 0
    await reader.open(CHARGERS)
    await reader.reads("QUAY-1")
    charger = f"{CHARGERS}{harbour.key('QUAY-1')}"
    for tab in ("overview", "backoffices", "configuration", "access", "setup"):
        await reader.open(f"{charger}/{tab}/")
        assert await reader.count(".p-page form[method=post]") == 0, tab
    await reader.open(f"{charger}/change/")
    assert await reader.count("[name=_save]") == 0
    assert harbour.proxy.rows("SELECT max(id) FROM accounts_deed") == before
