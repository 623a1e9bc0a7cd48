"""What a backoffice can do with a charger, a person can do through the proxy, beside two backoffices."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from simulators.backoffice import SimulatedBackoffice
from simulators.charger import Habits, SimulatedCharger
from tests.end_to_end.conftest import Site
from tests.end_to_end.proxy import ProxyProcess
from tests.end_to_end.test_fleet import POSTGRES, REDIS, database, fleet

__all__ = ["database", "fleet"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUICK = Habits(time_scale=30)


class Asking:
    """A way to give commands."""

    async def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """The command once it has ended."""
        raise NotImplementedError

    async def accepted(self, verb: str, **arguments: Any) -> Any:
        """The charger's answer to what it does."""
        command = await self(verb, **arguments)
        assert command.get("state") == "accepted", command
        return command["answer"]


class Commands(Asking):
    """``manage.py command -``: a process of its own, as another program would be."""

    def __init__(self, process: asyncio.subprocess.Process, identity: str) -> None:
        self.process, self.identity = process, identity

    async def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """The command once it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.identity} {verb} {json.dumps(arguments)}\n".encode())
        await self.process.stdin.drain()
        async with asyncio.timeout(60):
            while line := await self.process.stdout.readline():
                if line.startswith(b"{"):
                    found: dict[str, Any] = json.loads(line)
                    return found
        raise AssertionError("manage.py command has ended")


@asynccontextmanager
async def commands(proxy: ProxyProcess, identity: str, *options: str) -> AsyncIterator[Commands]:
    process = await proxy._spawn("manage.py", "command", "-", *options, stdin=asyncio.subprocess.PIPE)
    try:
        yield Commands(process, identity)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.communicate()


def heard(backoffice: SimulatedBackoffice, identity: str) -> Counter[str]:
    """What a backoffice has been told, without the heartbeats that the proxy makes."""
    calls = (entry for entry in backoffice.record(identity) if entry.is_call)
    return Counter(e.action for e in calls if e.direction == "received" and e.action != "Heartbeat")


SETTING = {"1.6": "ResetRetries", "2.0.1": "OCPPCommCtrlr.OfflineThreshold"}


async def limits_and_settings(ask: Asking, charger: SimulatedCharger, version: str) -> None:
    """Limits, pause, profiles, settings, the list, the cache."""
    await ask.accepted("limit", limit=10, connector=1, minutes=60)
    assert charger.limit_w(1) == pytest.approx(3 * 230 * 10, abs=1)
    await ask.accepted("pause", connector=1)
    assert charger.limit_w(1) == 0
    schedule = await ask.accepted("composite_schedule", connector=1, seconds=600)
    assert "chargingSchedulePeriod" in str(schedule)
    await ask.accepted("resume", connector=1)
    await ask.accepted("unlimit", connector=1)
    assert charger.limit_w(1) > 3 * 230 * 10
    await ask.accepted("limit", limit=11000, unit="W")
    assert charger.limit_w(1) == pytest.approx(11000)
    await ask.accepted("clear_profile")
    await ask.accepted("write_configuration", key=SETTING[version], value="7")
    assert charger.configuration.text(SETTING[version]) == "7"
    assert '"7"' in json.dumps(await ask.accepted("read_configuration", keys=[SETTING[version]]))
    await ask.accepted("send_local_list", version=1, cards=["CARD-9"])
    await ask.accepted("local_list_version")
    await ask.accepted("clear_cache")


async def everything(
    ask: Asking, charger: SimulatedCharger, both: tuple[SimulatedBackoffice, ...], identity: str, version: str
) -> None:
    """All that is promised, beside two connected backoffices (issue 7, acceptance)."""
    # authorised by card, it starts: billing's session, as if the card had been shown
    await ask.accepted("authorise", id_tag="CARD-1", connector=1)
    sessions = [await one.wait_session(identity, stopped=False) for one in both]
    if version == "1.6":
        assert [session.transaction_id for session in sessions] == [100, 900]

    # its present power and the car's state of charge
    measured = [len(one.record(identity).texts("received")) for one in both]
    await ask.accepted("read_values", connector=1)
    for one in both:
        where = lambda payload: "Power.Active.Import" in str(payload) and "SoC" in str(payload)  # noqa: E731
        actions = ("MeterValues", "TransactionEvent")
        assert await asyncio.wait_for(_any(one, identity, actions, where), 10)
    assert all(len(o.record(identity).texts("received")) > n for o, n in zip(both, measured, strict=True))

    # settings, limits, pause, profiles, the list: nobody is told
    before = [heard(one, identity) for one in both]
    await limits_and_settings(ask, charger, version)
    assert [heard(one, identity) for one in both] == before

    # what the charger does then everybody notices
    await ask.accepted("stop")
    for one in both:
        await one.wait_session(identity)
    await ask.accepted("availability", operative=False, connector=1)
    where_out = lambda payload: "Unavailable" in payload.values()  # noqa: E731
    for one in both:
        await one.wait_for(identity, "StatusNotification", where=where_out)
    await ask.accepted("availability", operative=True, connector=1)
    await ask.accepted("unlock", connector=1)

    # diagnostics are whoever's that asked for them, firmware is everybody's to know
    before = [heard(one, identity) for one in both]
    await ask.accepted("diagnostics", location="http://files.example/up/")
    log = "DiagnosticsStatusNotification" if version == "1.6" else "LogStatusNotification"
    await charger.wait_for(log, count=2)
    assert [heard(one, identity)[log] for one in both] == [0, 0]
    await ask.accepted("firmware", location="http://files.example/fw.bin")
    await charger.wait_for("FirmwareStatusNotification", count=4)

    # raw actions, and a reset that everybody sees
    await ask.accepted("GetLocalListVersion")
    boots = [heard(one, identity)["BootNotification"] for one in both]
    await ask.accepted("reset", how="hard")
    for one, count in zip(both, boots, strict=True):
        await one.wait_for(identity, "BootNotification", count=count + 1)
    for one in both:
        assert one.problems(identity) == []


@pytest.mark.parametrize("version", ["2.0.1"])  # 1.6: by the admin and the API
async def test_everything_a_backoffice_can_do(site: Site, version: str) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    both, identity = (billing, energy), site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, version, habits=QUICK)
    async with commands(site.proxy, identity) as ask:
        await everything(ask, charger, both, identity, version)


async def _any(backoffice: SimulatedBackoffice, identity: str, actions: tuple[str, ...], where: Any) -> str:
    waiting = {
        asyncio.ensure_future(backoffice.wait_for(identity, action, where=where)): action
        for action in actions
    }
    done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    return waiting[done.pop()]


async def test_a_charger_that_never_answers_and_answers_late(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing = await site.backoffice("billing", 100)
    identity = site.identity()
    options = {"T_cmd": 1, "T_cmd_queue": 20}
    await site.configure(identity, charger={"options": options})
    charger = await site.booted(identity)
    held: list[tuple[str, Any]] = []
    answer = charger.answer

    def silent(call: Any) -> Any:
        if call.action == "ClearCache" and not held:
            held.append((call.message_id, call))
            return "", lambda is_sent: None
        return answer(call)

    monkeypatch.setattr(charger, "answer", silent)
    async with commands(site.proxy, identity) as ask:
        asked = asyncio.create_task(ask("clear_cache"))
        await _received(charger, "ClearCache")
        reply = await billing.call(identity, "ChangeAvailability", {"connectorId": 1, "type": "Operative"})
        assert reply.payload == {"status": "Accepted"}
        command = await asked
        assert (command["state"], command["answer"]) == ("timed_out", None)
        await charger.uplink.send_text(f'[3,"{held[0][0]}",{{"status":"Accepted"}}]')
        (row,) = await site.proxy.wait_rows(
            "SELECT state, words, answer FROM routing_command WHERE uuid = ? AND late",
            command["uuid"].replace("-", ""),
        )
        assert row == ("timed_out", "answered late: Accepted", '{"status": "Accepted"}')
        # the log is written behind
        await site.proxy.wait_rows("SELECT 1 FROM routing_message WHERE outcome = 'unsolicited'")
        rows = site.proxy.rows(
            "SELECT outcome FROM routing_message JOIN chargers_charger AS c ON c.id = charger_id "
            "WHERE identity = ? AND direction = 'down' AND action IN ('ClearCache', '') ORDER BY exchange",
            identity,
        )
        assert rows == [("timeout",), ("unsolicited",)]
    assert heard(billing, identity)["ClearCache"] == 0


async def _received(charger: Any, action: str) -> None:
    await charger.record.wait_for(action, direction="received")


async def test_a_killed_process_leaves_no_command_without_an_end(
    own_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_site.backoffice("billing", 100)
    identity = own_site.identity()
    await own_site.configure(identity, charger={"options": {"T_cmd": 1, "T_cmd_queue": 1}})
    charger = await own_site.booted(identity, retry_s=0.2, longest_retry_s=0.5)
    monkeypatch.setattr(charger, "answer", lambda call: ("", lambda is_sent: None))
    async with commands(own_site.proxy, identity, "--wait", "1") as ask:
        asked = asyncio.create_task(ask("clear_cache"))
        await _received(charger, "ClearCache")
        await own_site.proxy.kill()
        command = await asked
        assert command["state"] in ("queued", "sent")
    await own_site.proxy.start()
    (state,) = (
        await own_site.proxy.wait_rows(
            "SELECT state FROM routing_command WHERE uuid = ? AND finished_at IS NOT NULL",
            command["uuid"].replace("-", ""),
            timeout_s=30,
        )
    )[0]
    assert state == "timed_out"


@pytest.mark.skipif(not (POSTGRES and REDIS), reason="TEST_POSTGRES_URL and TEST_REDIS_URL are not set")
async def test_commands_find_the_process_that_has_the_charger(fleet: tuple[Site, ProxyProcess]) -> None:
    site, second = fleet
    await site.backoffice("billing", 100)
    identity = site.identity()
    await site.configure(identity)
    await site.booted(identity)
    async with commands(second, identity) as ask:
        await ask.accepted("clear_cache")


CONNECTED = (
    "SELECT 1 FROM routing_chargersession s JOIN chargers_charger c ON c.id = s.charger_id"
    " WHERE c.identity = ? AND s.ocpp_version <> ''"
)


async def test_what_does_not_fit_is_said(site: Site) -> None:
    await site.backoffice("billing", 100)
    identity = site.identity()
    await site.configure(identity)
    async with commands(site.proxy, identity) as ask:
        assert "never connected" in (await ask("clear_cache"))["error"]
        await site.booted(identity)
        await site.proxy.wait_rows(CONNECTED, identity)
        assert "limit needs limit" in (await ask("limit"))["error"]
        assert "$: type is missing" in (await ask("Reset"))["error"]
