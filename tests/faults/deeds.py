"""How each thing of a plan is done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults.plan import CLOCK, POSTGRES, REDIS, Fault
from tests.faults.records import Span
from tests.faults.world import World

VOID_S = 0.3
"""How long a charger talks to nobody before it dials anew."""


async def carry_out(world: World, fault: Fault) -> None:
    """Do it, and note when it began and ended."""
    if fault.kind in TO_THE_PROXY:  # to one process at a time
        async with world.alive:
            await _timed(world, fault)
    else:
        await _timed(world, fault)


async def _timed(world: World, fault: Fault) -> None:
    begin = time.monotonic()
    await DEEDS[fault.kind](world, fault)
    world.record.done.append(Span(fault.kind, begin, time.monotonic(), fault.target))


# --- to processes of the proxy --------------------------------------------------------------------


async def _kill(world: World, fault: Fault) -> None:
    await _away(world, fault, signal.SIGKILL)


async def _stop(world: World, fault: Fault) -> None:
    code = await _away(world, fault, signal.SIGTERM)
    # A store that is away may keep it from an orderly end: what it has not written is not answered either.
    stores = {"database locked", "disk full", POSTGRES}
    if code and not stores & set(world.plan.kinds):
        world.record.unclean.append(f"{fault.target} was stopped and ended with {code}")


async def _away(world: World, fault: Fault, how: signal.Signals) -> int:
    proxy = world.proxies[fault.target]
    code = await proxy.end(how)
    await asyncio.sleep(fault.lasts / 3)
    # A database that is locked or full keeps the proxy from starting: its supervisor starts it again.
    for attempt in range(10):
        try:
            await proxy.start()
            return code
        except RuntimeError:
            if attempt == 9:
                raise
            await proxy.kill()
            await asyncio.sleep(1)
    return code


async def _freeze(world: World, fault: Fault) -> None:
    await world.proxies[fault.target].frozen(fault.lasts)


async def _jump(world: World, fault: Fault) -> None:
    first, last = fault.jumps
    world.clocks[fault.target].show(first)
    await asyncio.sleep(fault.lasts)
    world.clocks[fault.target].show(last)


# --- to backoffices -------------------------------------------------------------------------------


async def _kill_backoffice(world: World, fault: Fault) -> None:
    backoffice = world.backoffices[fault.target]
    async with backoffice.busy:
        await backoffice.kill()
        await asyncio.sleep(fault.lasts)
        await backoffice.start()


async def _freeze_backoffice(world: World, fault: Fault) -> None:
    backoffice = world.backoffices[fault.target]
    async with backoffice.busy:
        await backoffice.frozen(fault.lasts)


def _misbehave(mode: str) -> Callable[[World, Fault], Awaitable[None]]:
    async def deed(world: World, fault: Fault) -> None:
        backoffice = world.backoffices[fault.target]
        async with backoffice.busy:
            backoffice.behave(mode)
            await asyncio.sleep(fault.lasts)
            backoffice.behave("good")

    return deed


# --- to the network -------------------------------------------------------------------------------


async def _hold_backoffice(world: World, fault: Fault) -> None:
    await _hold(world, fault, [fault.target])


async def _hold_chargers(world: World, fault: Fault) -> None:
    await _hold(world, fault, list(world.proxies))


async def _hold(world: World, fault: Fault, names: list[str]) -> None:
    relays = [world.relays[name] for name in names]
    async with contextlib.AsyncExitStack() as stack:
        for relay in relays:
            await stack.enter_async_context(relay.lock)
            relay.hold(fault.ways.split())
        await asyncio.sleep(fault.lasts)
        for relay in relays:
            if fault.resets:
                relay.reset()
            else:
                relay.go_on()


async def _dial_anew(world: World, fault: Fault) -> None:
    relays = [world.relays[name] for name in world.proxies]
    async with contextlib.AsyncExitStack() as stack:
        for relay in relays:
            await stack.enter_async_context(relay.lock)
            relay.forget()
        await asyncio.sleep(VOID_S)
        for charger in world.chargers:
            charger.cut()
        await asyncio.sleep(fault.lasts)
        for relay in relays:
            relay.go_on()


async def _slow(world: World, fault: Fault) -> None:
    for relay in world.relays.values():
        relay.slow = True
    await asyncio.sleep(fault.lasts)
    for relay in world.relays.values():
        relay.slow = False


async def _cut(world: World, fault: Fault) -> None:
    for number, charger in enumerate(world.chargers):
        charger.cut()
        await asyncio.sleep(fault.lasts / len(world.chargers) * (number % 2))


# --- to what the proxy stores in ------------------------------------------------------------------


async def _lock(world: World, fault: Fault) -> None:
    def locked() -> None:
        with contextlib.closing(
            sqlite3.connect(world.data / "db.sqlite3", timeout=20, isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(fault.lasts)
            other.execute("ROLLBACK")

    await asyncio.to_thread(locked)


async def _fill(world: World, fault: Fault) -> None:
    """No byte more fits for a while: ballast on a small disk of its own, else a limit of the process."""
    if await asyncio.to_thread(os.path.ismount, world.data):
        return await asyncio.to_thread(_filled, world.data / "ballast", fault.lasts)
    async with world.alive:
        pid = next(iter(world.proxies.values())).pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        await asyncio.sleep(fault.lasts)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def _filled(ballast: Path, seconds: float) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    time.sleep(seconds)
    ballast.unlink()


async def _stop_postgres(world: World, fault: Fault) -> None:
    assert world.postgres is not None  # the plan says so
    await asyncio.to_thread(world.postgres.away, fault.lasts)


async def _empty_redis(world: World, fault: Fault) -> None:
    assert world.redis is not None  # the plan says so
    await world.redis.kill()
    await asyncio.sleep(fault.lasts)
    await world.redis.start()


TO_THE_PROXY: dict[str, Callable[[World, Fault], Awaitable[None]]] = {
    "proxy killed": _kill,
    "proxy stopped": _stop,
    "proxy frozen": _freeze,
    "one of two killed": _kill,
    "one of two stopped": _stop,
    "one of two frozen": _freeze,
}
DEEDS: dict[str, Callable[[World, Fault], Awaitable[None]]] = {
    **TO_THE_PROXY,
    "backoffice killed": _kill_backoffice,
    "backoffice frozen": _freeze_backoffice,
    "backoffice refuses": _misbehave("refuse"),
    "backoffice closes": _misbehave("close"),
    "backoffice hangs": _misbehave("hang"),
    "backoffice late": _misbehave("late"),
    "backoffice nonsense": _misbehave("nonsense"),
    "backoffice half open": _hold_backoffice,
    "charger cut off": _cut,
    "charger half open": _hold_chargers,
    "charger dials anew": _dial_anew,
    "network slow": _slow,
    CLOCK: _jump,
    "database locked": _lock,
    "disk full": _fill,
    POSTGRES: _stop_postgres,
    REDIS: _empty_redis,
}
