"""One run: sessions of chargers, what is done to everybody meanwhile, and the end."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.faults.deeds import carry_out
from tests.faults.keeper import Keeper
from tests.faults.peers import KeptProxy
from tests.faults.plan import Fault, Plan
from tests.faults.records import MARKED, RunRecord, mark_of
from tests.faults.servers import Postgres
from tests.faults.world import Templates, World

SESSIONS, GAP_S = 3, 0.12
SETTLED_WITHIN_S = 60.0
"""What has not come when nothing has for so long is lost; usually all is there after a few seconds."""

RUN_WITHIN_S = 300.0
"""A run that takes longer hangs, and has failed."""

HEARD = "SELECT c.identity, m.text FROM routing_message m JOIN chargers_charger c ON c.id = m.charger_id "
HEARD += "WHERE m.direction = 'up' AND m.route_id IS NULL ORDER BY m.exchange"


ROUTES = "SELECT c.identity, b.name, s.state, s.registration, s.last_error, "
ROUTES += "(SELECT count(*) FROM routing_delivery d WHERE d.route_id = r.id) FROM routing_route r "
ROUTES += (
    "JOIN chargers_charger c ON c.id = r.charger_id JOIN backoffices_backoffice b ON b.id = r.backoffice_id "
)
ROUTES += "LEFT JOIN routing_routestate s ON s.route_id = r.id ORDER BY 1, 2"


class Stage:
    """One run in ``room``. ``world.record`` has what is known, also of a run that has failed."""

    def __init__(self, plan: Plan, room: Path, templates: Templates, keeper: Keeper) -> None:
        self.plan = plan
        self.world = World(plan, room, templates, keeper)

    async def run(self) -> RunRecord:
        """Carry out the plan; the record is complete when this returns. Raises TimeoutError."""
        record = self.world.record
        async with asyncio.timeout(RUN_WITHIN_S), AsyncExitStack() as stack:
            await self.world.set_up(stack)
            record.chargers = [charger.record for charger in self.world.chargers]
            record.got = {name: backoffice.got for name, backoffice in self.world.backoffices.items()}
            await self._sessions(stack)
            await self._settled()
            await self._stopped()
        for got in record.got.values():
            got.sort(key=lambda one: one.at)
        return record

    async def _sessions(self, stack: AsyncExitStack) -> None:
        self.world.record.processes = len(self.world.proxies)
        for charger in self.world.chargers:
            stack.push_async_callback(_cancelled, asyncio.create_task(charger.run()))
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for charger in self.world.chargers:
                group.create_task(charger.live(SESSIONS, GAP_S))
            for fault in self.plan.faults:
                group.create_task(self._at(began, fault))

    async def _at(self, began: float, fault: Fault) -> None:
        await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
        await carry_out(self.world, fault)

    async def _settled(self) -> None:
        """Wait until everything has arrived, or nothing comes any more; what is missing then is lost."""
        heard, end = 0, time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < end:
            if self._arrived() and await asyncio.to_thread(self._count, "NOT dead") == 0:
                return
            await asyncio.sleep(0.1)
            if (now := sum(len(b.got) for b in self.world.backoffices.values())) > heard:
                heard, end = now, time.monotonic() + SETTLED_WITHIN_S

    def _arrived(self) -> bool:
        for charger in self.world.chargers:
            if not charger.empty.is_set():
                return False
            marks = {said.mark for said in charger.record.numbered}
            for backoffice in self.world.backoffices.values():
                if not marks <= {g.mark for g in backoffice.got if g.identity == charger.record.identity}:
                    return False
        return True

    async def _stopped(self) -> None:
        """Stop the proxy: nothing comes again because of that, and everything is written down."""
        for name, proxy in self.world.proxies.items():
            if code := await proxy.end(signal.SIGTERM):
                self.world.record.unclean.append(f"{name} ended with {code}")
        routes = await asyncio.to_thread(self.world.rows, ROUTES)
        self.world.record.routes = [" ".join(map(str, row)) for row in routes]
        self.world.record.dead = await asyncio.to_thread(self._count, "dead")
        self.world.record.order = await asyncio.to_thread(self._order)

    def _count(self, condition: str) -> int:
        return int(self.world.rows(f"SELECT count(*) FROM routing_delivery WHERE {condition}")[0][0])

    def _order(self) -> dict[str, list[int]]:
        order: dict[str, list[int]] = {}
        for identity, text in self.world.rows(HEARD):
            frame = json.loads(text) if text else []
            if len(frame) == 4 and frame[2] in MARKED:
                order.setdefault(identity, []).append(mark_of(frame[2], frame[3]))
        return order


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def templates(room: Path, keeper: Keeper, *, postgres: bool) -> Templates:
    """What runs begin with; making it takes some seconds, once."""
    data = room / "template"
    proxy = KeptProxy(data, keeper)
    await proxy.start()
    await proxy.stop()
    if not postgres:
        return Templates(data)
    server = Postgres(keeper)
    await asyncio.to_thread(server.start)
    proxy.settings = {"DATABASE_URL": server.url, "PROXY_ALLOW_PRIVATE_UPSTREAMS": "true"}
    await proxy.start()
    await proxy.stop()
    await asyncio.to_thread(server.stop)
    return Templates(data, server)
