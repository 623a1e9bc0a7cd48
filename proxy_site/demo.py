"""The demo: the proxy as a process of its own, a charger and two backoffices in this one."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from proxy_site.start import address_for_people
from simulators.backoffice import ChargerView, Policy, SimulatedBackoffice
from simulators.charger import Habits, SimulatedCharger, simulated_charger
from simulators.charger.life import Routine, live
from simulators.record import CALL_RESULT, Entry, NothingCame

IDENTITY = "DEMO-1"
ALIAS = "DEMO-1-EMS"
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"

START_SECONDS = 90
STOP_SECONDS = 6
KEPT_FRAMES = 2000

# Simulated time. At the usual scale of 30 a session takes a minute, energy acts every ten seconds.
SESSION_S = 1800.0
PAUSE_S = 300.0
METER_INTERVAL_S = 150
ENERGY_ACTS_EVERY_S = 300.0
LIMITS_W = (4_000, 7_400, 11_000)

Say = Callable[[str], None]


class DemoError(Exception):
    """The demo can't run; the message is a sentence that says why and what helps."""


@dataclass(frozen=True)
class Options:
    """``host`` and ``port`` of the proxy; ``time_scale``: simulated seconds per second."""

    host: str = "0.0.0.0"
    port: int = 9000
    ocpp_version: str = "1.6"
    time_scale: float = 30


@dataclass
class ProxyProcess:
    """``manage.py runproxy`` on a data directory of its own, configured by ``manage.py apply``."""

    options: Options
    data: Path
    password: str
    log: Path = field(init=False)
    process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        self.log = self.data / "proxy.log"

    def environment(self) -> dict[str, str]:
        """The caller's, but nothing of the caller's own installation ("" means the default)."""
        return {
            **os.environ,
            "PROXY_DATA_DIR": str(self.data),
            "PROXY_ADMIN_PASSWORD": self.password,
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "ALLOWED_HOSTS": "",
            "PROXY_UNKNOWN_CHARGERS": "refuse",
            "PROXY_ALLOW_PRIVATE_UPSTREAMS": "true",
            "PROXY_REQUIRE_TLS": "false",
        }

    async def start(self) -> None:
        """Run it until it is ready. Raises DemoError."""
        _check_free(self.options.host, self.options.port)
        arguments = ["runproxy", "--host", self.options.host, "--port", str(self.options.port)]
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(MANAGE),
                *arguments,
                env=self.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the proxy once
            )
        async with asyncio.timeout(START_SECONDS):
            while not await self._is_ready():
                if self.process.returncode is not None:
                    raise DemoError(f"the proxy did not start:\n{self.log.read_text()[-2000:]}")
                await asyncio.sleep(0.1)

    async def apply(self, configuration: dict[str, Any]) -> None:
        """Configure it as a user would. Raises DemoError."""
        file = self.data / "demo.yaml"
        file.write_text(yaml.safe_dump(configuration, sort_keys=False))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(MANAGE),
            "apply",
            str(file),
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise DemoError(f"the demo's configuration was refused:\n{output.decode()}")

    async def stop(self) -> None:
        """Ask it to stop, and make it."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    async def ended(self) -> None:
        """Pass when it ends without having been asked. Raises DemoError."""
        assert self.process is not None
        status = await self.process.wait()
        raise DemoError(f"the proxy ended with status {status}:\n{self.log.read_text()[-2000:]}")

    async def _is_ready(self) -> bool:
        host = self.options.host if self.options.host not in ("0.0.0.0", "::") else "127.0.0.1"
        try:
            reader, writer = await asyncio.open_connection(host, self.options.port)
        except OSError:
            return False
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
        writer.close()
        return b" 200 " in status


class Story:
    """What happens in the demo: cars charge, energy sets limits and tries what it may not do."""

    def __init__(self, options: Options, say: Say) -> None:
        self.options, self.say = options, say
        self.billing = SimulatedBackoffice("billing", policy=Policy(next_transaction_id=1001))
        self.energy = SimulatedBackoffice("energy", policy=Policy(next_transaction_id=700_001))
        host = options.host if options.host not in ("0.0.0.0", "::") else "127.0.0.1"
        self.charger: SimulatedCharger = simulated_charger(
            f"ws://{host}:{options.port}/ocpp/{IDENTITY}",
            options.ocpp_version,
            habits=Habits(time_scale=options.time_scale),
        )
        self.charger.record.keep = KEPT_FRAMES
        for name in ("MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval"):
            self.charger.configuration.change(name, str(METER_INTERVAL_S))
        for backoffice in (self.billing, self.energy):
            backoffice.on_arrival = self._arrival_at(backoffice.name)

    def configuration(self) -> dict[str, Any]:
        """What the proxy is told, as in a file for ``manage.py apply``."""
        energy = {
            "backoffice": "energy",
            "role": "control",
            "identity": ALIAS,
            "permissions": {"Reset": "deny"},
        }
        return {
            "organisations": [{"name": "Demo"}],
            "backoffices": [
                {"name": "billing", "url": self.billing.url},
                {"name": "energy", "url": self.energy.url},
            ],
            "chargers": [
                {
                    "identity": IDENTITY,
                    "organisation": "Demo",
                    "routes": [{"backoffice": "billing", "role": "billing"}, energy],
                }
            ],
        }

    async def run(self) -> None:
        """Tell it until cancelled."""
        async with asyncio.TaskGroup() as actors:
            actors.create_task(live(self.charger, Routine(session_s=SESSION_S, pause_s=PAUSE_S)))
            actors.create_task(self._energy_acts())

    async def _energy_acts(self) -> None:
        for limit_w in cycle((*LIMITS_W, None)):
            await self.charger.pause(ENERGY_ACTS_EVERY_S)
            try:
                if limit_w is None:
                    await self._try_to_reset()
                else:
                    await self._set_limit(limit_w)
            except (ConnectionError, KeyError, NothingCame) as error:
                self.say(f"energy   gets nowhere now: {str(error).partition(';')[0]}")

    async def _set_limit(self, limit_w: int) -> None:
        answer = await self.energy.call(ALIAS, "SetChargingProfile", _limit(self.options, limit_w))
        reading = self.charger.read(1)
        drawn = f"; the car draws {reading.power_w / 1000:.1f} kW" if self.charger.is_busy else ""
        self.say(f"energy   limits {ALIAS} to {limit_w / 1000:.1f} kW: {_status(answer)}{drawn}")

    async def _try_to_reset(self) -> None:
        before = len(self.charger.record.calls("Reset"))
        kind = "Hard" if self.options.ocpp_version == "1.6" else "Immediate"
        answer = await self.energy.call(ALIAS, "Reset", {"type": kind})
        asked = "the charger was asked" if self.charger.record.calls("Reset")[before:] else "by the proxy"
        self.say(f"energy   tries to reset {ALIAS}, which it may not: {_status(answer)} {asked}")

    def _arrival_at(self, name: str) -> Callable[[ChargerView], None]:
        def arrived(view: ChargerView) -> None:
            self.say(f"{name:8} has {view.identity} on the line, OCPP {view.ocpp_version}")
            view.record.keep = KEPT_FRAMES
            view.record.listener = lambda entry: self._heard(name, view, entry)

        return arrived

    def _heard(self, name: str, view: ChargerView, entry: Entry) -> None:
        """Say what a backoffice has just understood: its answer is on the way, its sessions tell."""
        if entry.direction != "sent" or entry.frame_type != CALL_RESULT or not view.sessions.sessions:
            return
        session = view.sessions.sessions[-1]
        if entry.action in ("StartTransaction", "TransactionEvent") and len(session.events) == 1:
            self.say(f"{name:8} has a session of {view.identity} as transaction {session.transaction_id}")
        elif entry.action in ("StopTransaction", "TransactionEvent") and session.stop is not None:
            self.say(
                f"{name:8} has transaction {session.transaction_id} complete: "
                f"{len(session.meter_values)} meter values, {_energy(session.energies_wh)}"
            )


async def run(options: Options, say: Say, stopped: asyncio.Event) -> None:
    """The whole demo, until ``stopped`` is set. Raises DemoError."""
    with tempfile.TemporaryDirectory(prefix="ocpp-proxy-demo-") as folder:
        password = os.environ.get("PROXY_ADMIN_PASSWORD") or secrets.token_urlsafe(9)
        proxy, story = ProxyProcess(options, Path(folder), password), Story(options, say)
        async with story.billing, story.energy:
            try:
                say("starting the proxy ...")
                await proxy.start()
                await proxy.apply(story.configuration())
                say(_introduction(options, password, story, proxy.log))
                await _first_of(proxy.ended(), story.run(), stopped.wait())
            finally:
                await story.charger.close()
                await proxy.stop()


async def _first_of(*works: Any) -> None:
    """Run them until one ends; its error, if it had one, is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DemoError(
                f"{host}:{port} can't be used ({error.strerror}); try --port {port + 1}"
            ) from None


def _limit(options: Options, limit_w: int) -> dict[str, Any]:
    """A limit for the whole charger: that is the energy manager's, profiles of sessions are Billing's."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}],
        "startSchedule": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    is_16 = options.ocpp_version == "1.6"
    profile: dict[str, Any] = {
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile" if is_16 else "ChargingStationMaxProfile",
        "chargingProfileKind": "Absolute",
    }
    if is_16:
        profile |= {"chargingProfileId": 1, "chargingSchedule": schedule}
        return {"connectorId": 0, "csChargingProfiles": profile}
    return {"evseId": 0, "chargingProfile": {**profile, "id": 1, "chargingSchedule": [{"id": 1, **schedule}]}}


def _status(answer: Entry) -> str:
    return str(answer.payload["status"]) if answer.frame_type == CALL_RESULT else f"error {answer.error_code}"


def _energy(energies_wh: list[float]) -> str:
    return f"{(energies_wh[-1] - energies_wh[0]) / 1000:.1f} kWh" if energies_wh else "no energy"


def _introduction(options: Options, password: str, story: Story, log: Path) -> str:
    address = f"{address_for_people(options.host)}:{options.port}"
    return f"""
The demo is running.

  Admin     http://{address}/admin/   user admin, password {password}
            Messages: each exchange, who asked, who answered, and by which rule
            Transactions: one session, each backoffice with its own number
            Routes: switch off "{ALIAS}", and energy is gone within a second; switch it on again
  Charger   {IDENTITY}, OCPP {options.ocpp_version}, a session of about a minute again and again
  billing   {story.billing.url}   answers the charger and owns its sessions
  energy    {story.energy.url}   control; knows the charger as {ALIAS}, may not reset it
  Your own  add a charger in the admin, then: ws://{address}/ocpp/<identity>
  Log       {log}

Ctrl-C stops it and leaves nothing behind.
"""
