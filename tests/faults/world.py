"""Who takes part in a run, and the network between them."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.charger import PATIENCE_S, SHORT_PATIENCE_S, FaultCharger
from tests.faults.keeper import Keeper
from tests.faults.peers import Backoffice, Clock, KeptProxy
from tests.faults.plan import BACKOFFICES, CLOCK, OF_TWO, PROXIES, Plan
from tests.faults.programs import may_mount
from tests.faults.records import RunRecord
from tests.faults.relay import Relay
from tests.faults.servers import Postgres, Redis

VERSIONS = ("1.6", "2.0.1", "1.6", "2.0.1")
DISK = "16m"
CHARGER_OPTIONS = {
    "T_auth": 1,
    "T_start": 1,
    "T_stop": 1,
    "T_boot": 1,
    "auth_offline": "accept",
    "standalone": True,
}
ROUTE_OPTIONS = {"T_up": 2, "retry_interval": 0.1, "retry_attempts": 1000}
ROLES = {"billing": "billing", "energy": "control", "service": "service"}


@dataclass(frozen=True)
class Templates:
    """What every run begins with: the data of a proxy that has started once.

    ``postgres`` is a stopped server with its database, None where no run needs one.
    """

    data: Path
    postgres: Postgres | None = None


@dataclass
class World:
    """Everything of one run, in ``room``. Who does something to a process of the proxy holds ``alive``."""

    plan: Plan
    room: Path
    templates: Templates
    keeper: Keeper
    proxies: dict[str, KeptProxy] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)
    backoffices: dict[str, Backoffice] = field(default_factory=dict)
    relays: dict[str, Relay] = field(default_factory=dict)
    chargers: list[FaultCharger] = field(default_factory=list)
    postgres: Postgres | None = None
    redis: Redis | None = None
    record: RunRecord = field(default_factory=RunRecord)
    alive: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def data(self) -> Path:
        """The directory that the processes of the proxy share."""
        return self.room / "data"

    @property
    def log(self) -> str:
        """What all of them have printed."""
        return "\n".join(f"=== {name}\n{proxy.log}" for name, proxy in self.proxies.items())

    async def set_up(self, stack: AsyncExitStack) -> None:
        """Start everything; it ends with ``stack``."""
        self._make_disk(stack)
        await asyncio.to_thread(shutil.copytree, self.templates.data, self.data, dirs_exist_ok=True)
        await asyncio.gather(self._start_stores(stack), self._start_backoffices(stack))
        await self._start_proxies(stack)
        self._add_chargers()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        if self.postgres is not None:
            return self.postgres.rows(query)
        return next(iter(self.proxies.values())).rows(query)

    # --- its parts ------------------------------------------------------------------------------

    def _make_disk(self, stack: AsyncExitStack) -> None:
        if "disk full" not in self.plan.kinds or not may_mount():
            return
        self.data.mkdir()
        self.keeper.mount(self.data)
        # Where the container forbids it a limit of the process takes its place (deeds.fill_disk).
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(self.data)],
            check=False, capture_output=True,
        )  # fmt: skip
        if made.returncode == 0:
            stack.callback(subprocess.run, ["umount", "-l", str(self.data)], check=True)

    async def _start_stores(self, stack: AsyncExitStack) -> None:
        if self.templates.postgres is not None and self.plan.form != "alone":
            self.postgres = Postgres(self.keeper, self.templates.postgres)
            stack.push_async_callback(asyncio.to_thread, self.postgres.close)
            await asyncio.to_thread(self.postgres.start)
        if self.plan.form == OF_TWO:
            self.redis = Redis(self.keeper, self.room)
            stack.push_async_callback(self.redis.kill)
            await self.redis.start()

    async def _start_backoffices(self, stack: AsyncExitStack) -> None:
        async def start(number: int, name: str) -> None:
            self.record.bands[name] = number * 100_000
            backoffice = Backoffice(self.keeper, number * 100_000, self.plan.seed * 10 + number)
            self.backoffices[name] = backoffice
            stack.push_async_callback(backoffice.kill)
            await backoffice.start()
            if self._needs_relay(name):
                await self._relay(stack, name, backoffice.port)

        await asyncio.gather(*itertools.starmap(start, enumerate(BACKOFFICES, 1)))

    async def _start_proxies(self, stack: AsyncExitStack) -> None:
        settings = {"PROXY_ALLOW_PRIVATE_UPSTREAMS": "true"}
        if self.postgres is not None:
            settings["DATABASE_URL"] = self.postgres.url
        if self.redis is not None:
            settings["REDIS_URL"] = self.redis.url
        for name in PROXIES[self.plan.form]:
            if CLOCK in self.plan.kinds:
                self.clocks[name] = Clock(self.room / f"clock-{name}")
                settings = {**settings, **self.clocks[name].settings}
            proxy = self.proxies[name] = KeptProxy(self.data, self.keeper, settings)
            stack.push_async_callback(proxy.kill)
        first = next(iter(self.proxies.values()))
        starts = [proxy.start() for proxy in self.proxies.values()]
        await asyncio.gather(first.apply(self._configuration()), *starts)
        for name, proxy in self.proxies.items():
            if self._needs_relay(name):
                await self._relay(stack, name, proxy.port)

    def _add_chargers(self) -> None:
        urls = {
            name: f"ws://127.0.0.1:{self.relays[name].port if name in self.relays else proxy.port}/ocpp"
            for name, proxy in self.proxies.items()
        }
        short = self.plan.form == OF_TWO or "charger half open" in self.plan.kinds
        patience = SHORT_PATIENCE_S if short else PATIENCE_S
        self.chargers = [
            FaultCharger(urls, identity, version, self.plan.seed * 100 + n, patience)
            for n, (identity, version) in enumerate(zip(self._identities(), VERSIONS, strict=True))
        ]

    def _identities(self) -> list[str]:
        return [f"F{self.plan.seed}-{n}" for n in range(len(VERSIONS))]

    def _needs_relay(self, name: str) -> bool:
        """Whether something is done to the network in front of a backoffice, or of a process of the proxy."""
        for fault in self.plan.faults:
            is_toward_proxy = fault.kind in ("charger half open", "charger dials anew")
            if fault.kind == "network slow" or (is_toward_proxy and name in self.proxies):
                return True
            if fault.kind == "backoffice half open" and fault.target == name:
                return True
        return False

    async def _relay(self, stack: AsyncExitStack, name: str, port: int) -> None:
        relay = self.relays[name] = Relay(port, self.plan.seed * 1000 + len(self.relays))
        stack.push_async_callback(relay.close)
        await relay.start()

    def _url(self, backoffice: str) -> str:
        relay = self.relays.get(backoffice)
        port = relay.port if relay is not None else self.backoffices[backoffice].port
        return f"ws://127.0.0.1:{port}/{{identity}}"

    def _configuration(self) -> dict[str, Any]:
        routes = [{"backoffice": n, "role": ROLES[n], "options": ROUTE_OPTIONS} for n in BACKOFFICES]
        return {
            "backoffices": [{"name": name, "url": self._url(name)} for name in BACKOFFICES],
            "chargers": [
                {"identity": identity, "options": CHARGER_OPTIONS, "routes": routes}
                for identity in self._identities()
            ],
        }
