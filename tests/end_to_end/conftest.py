"""One proxy for all tests that do not kill it, and a site of chargers and backoffices for each test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from simulators.backoffice import Policy, SimulatedBackoffice
from simulators.charger import SimulatedCharger, simulated_charger
from tests.end_to_end.proxy import ProxyProcess

VERSIONS = ("1.6", "2.0.1", "2.1")


class Site:
    """A charger or more, and their backoffices, at one proxy. Ends with the test."""

    numbers = itertools.count(1)

    def __init__(self, proxy: ProxyProcess, stack: AsyncExitStack) -> None:
        self.proxy = proxy
        self.stack = stack
        self.number = next(self.numbers)
        self.backoffices: dict[str, SimulatedBackoffice] = {}

    def identity(self, name: str = "CP") -> str:
        """An identity of this test's own."""
        return f"{name}-{self.number}"

    async def backoffice(self, name: str, first: int = 1, **settings: Any) -> SimulatedBackoffice:
        """A backoffice that gives transaction ids from ``first`` on."""
        backoffice = SimulatedBackoffice(name, policy=Policy(next_transaction_id=first), **settings)
        self.backoffices[name] = await self.stack.enter_async_context(backoffice)
        return backoffice

    async def configure(
        self,
        *identities: str,
        roles: Mapping[str, str] | None = None,
        charger: Mapping[str, Any] | None = None,
        routes: Mapping[str, Mapping[str, Any]] | None = None,
        backoffices: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Apply chargers with a route to each backoffice; ``billing`` is billing, the others control.

        ``charger`` is added to each charger, ``routes`` and ``backoffices`` to those of a backoffice's name.
        """
        chosen = {name: "billing" if name == "billing" else "control" for name in self.backoffices}
        chosen |= roles or {}
        one = [
            {"backoffice": f"{name}-{self.number}", "role": role, **(routes or {}).get(name, {})}
            for name, role in chosen.items()
        ]
        await self.proxy.apply(
            {
                "backoffices": [
                    {
                        "name": f"{name}-{self.number}",
                        "url": backoffice.url,
                        **(backoffices or {}).get(name, {}),
                    }
                    for name, backoffice in self.backoffices.items()
                ],
                "chargers": [{"identity": i, "routes": one, **(charger or {})} for i in identities],
            }
        )

    async def charger(self, identity: str, version: str = "1.6", **dialling: Any) -> SimulatedCharger:
        """A charger, connected to the proxy."""
        charger = simulated_charger(self.proxy.url(identity), version, **dialling)
        self.stack.push_async_callback(charger.close)
        await charger.connect()
        return charger

    async def booted(self, identity: str, version: str = "1.6", **dialling: Any) -> SimulatedCharger:
        """A charger that has booted and reported its connector, and is known to every backoffice."""
        charger = await self.charger(identity, version, **dialling)
        await charger.boot()
        await charger.status(1, "Available")
        for backoffice in self.backoffices.values():
            if backoffice.is_up:
                await backoffice.wait_for(identity, "StatusNotification")
        return charger


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProxyProcess]:
    """A proxy that lives through all tests; nothing may be left of them but rows."""
    process = ProxyProcess(tmp_path_factory.mktemp("proxy"))
    await process.start()
    yield process
    assert await process.stop() == 0, process.log


@pytest_asyncio.fixture(loop_scope="session")
async def site(proxy: ProxyProcess) -> AsyncIterator[Site]:
    """Chargers and backoffices at the common proxy."""
    async with AsyncExitStack() as stack:
        yield Site(proxy, stack)


@pytest_asyncio.fixture(loop_scope="session")
async def own_site(tmp_path: Path) -> AsyncIterator[Site]:
    """Chargers and backoffices at a proxy of the test's own, that it may kill."""
    process = ProxyProcess(tmp_path)
    await process.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(process.kill)
        yield Site(process, stack)
