"""A world around the machine: a charger and backoffices that speak text frames, a clock, a store.

No sockets, no database, no waiting: what the machine decides is carried out on plain lists.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from msgspec.structs import replace

from routing.core.commands import Command
from routing.core.decisions import (
    AskSlot,
    ChangePassword,
    CloseCharger,
    CloseLink,
    CommandEnded,
    CommandSent,
    Decision,
    FreeSlot,
    Load,
    Loaded,
    OpenLink,
    Report,
    SetPing,
    Store,
    Thin,
    ToBackoffice,
    ToCharger,
)
from routing.core.machine import Machine
from routing.core.options import ChargerOptions, RouteOptions
from routing.core.snapshot import CardRule, ChargerSnapshot, Role, RouteSnapshot, Verdict
from tests.routing.core.backoffice import Backoffice, decode
from tests.routing.core.database import Database
from tests.routing.core.wire import Wire

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BOOT = '{"chargePointVendor":"Vendor","chargePointModel":"Model"}'
BOOT_2 = '{"reason":"PowerUp","chargingStation":{"model":"Model","vendorName":"Vendor"}}'


def route(
    key: int,
    backoffice: str,
    role: Role,
    permissions: dict[str, Verdict] | None = None,
    **options: Any,
) -> RouteSnapshot:
    """A route of the charger under test."""
    return RouteSnapshot(
        key=key,
        backoffice=backoffice,
        role=role,
        alias="CP-1",
        permissions=permissions or {},
        options=RouteOptions(**options),
        alias_key=b"secret of " + backoffice.encode(),
    )


BILLING = route(1, "billing", Role.BILLING)
ENERGY = route(2, "energy", Role.CONTROL)
WATCHER = route(3, "watcher", Role.OBSERVE)


class World:
    """The machine with its charger, its backoffices, its clock and its database.

    ``commit_at_once``: gates open as soon as they are stored; else with ``commit``.
    ``loads_at_once``: the same for what is read, with ``load``.
    ``grants_at_once``: for slots, with ``grant``. ``wire``: what really crossed the sockets.
    """

    made: ClassVar[list[World] | None] = None
    """Every world that is made, where a test asks for it (``complete.worlds``)."""

    def __init__(
        self,
        *routes: RouteSnapshot,
        version: str = "1.6",
        options: ChargerOptions | None = None,
        database: Database | None = None,
        first_numbers: tuple[int, ...] = (100, 900, 5000, 7000),
    ) -> None:
        self.now = 1000.0
        self.utc = EPOCH
        self.version = version
        self.database = database or Database()
        self.routes = routes or (BILLING, ENERGY)
        self.options = options or ChargerOptions()
        self.cards: dict[str, CardRule] = {}
        self.ids = itertools.count(1)
        self.to_charger: list[str] = []
        self.answered: dict[str, list[Any]] = {}
        self.reports: list[Report] = []
        self.closed: list[CloseCharger] = []
        self.pings: list[tuple[int, float]] = []
        self.passwords: list[tuple[int, bytes]] = []
        self.commands: list[Any] = []
        self.told: list[CommandSent | CommandEnded] = []
        self.obey: Callable[[World, Any], None] | None = World.accept
        self.closed_links: list[tuple[int, int, str]] = []
        self.commit_at_once = True
        self.loads_at_once = True
        self.grants_at_once = True
        self.slots_asked: list[AskSlot] = []
        self.slots_out: set[int] = set()
        self.loads: list[Load] = []
        self.arrivals: list[Callable[[], list[Decision]]] = []
        self.stored: list[Store] = []
        self.queue: list[Callable[[], list[Decision]]] = []
        self._running = False
        self.message_ids = itertools.count(1)
        self.backoffices = {
            r.key: Backoffice(self, r.key, first)
            for r, first in zip(self.routes, first_numbers, strict=False)
        }
        self.auto_open = True
        self.online = False
        self.wire = Wire()
        self.machine = self._machine()
        if World.made is not None:
            World.made.append(self)

    def _machine(self) -> Machine:
        uuids = (UUID(int=n) for n in itertools.count(len(self.database.transactions) + 1))
        return Machine(
            self.snapshot(),
            self.database.memory(),
            new_id=lambda: f"p{next(self.ids)}",
            new_uuid=lambda: next(uuids),
        )

    def snapshot(self) -> ChargerSnapshot:
        """The configuration as it stands."""
        return ChargerSnapshot(
            key=1, identity="CP-1", options=self.options, routes=self.routes, cards=self.cards
        )

    def __getitem__(self, name: str) -> Backoffice:
        key = next(r.key for r in self.routes if r.backoffice == name)
        return self.backoffices[key]

    @property
    def time(self) -> tuple[float, datetime]:
        """Monotonic seconds and the wall clock."""
        return self.now, self.utc

    # -- the machine's decisions ---------------------------------------------------------------------

    def do(self, decisions: list[Decision]) -> None:
        """Carry out decisions, and what follows from them, to the end."""
        self.queue.insert(0, lambda: decisions)
        self.run()

    def run(self) -> None:
        """Work until nothing is left to do."""
        if self._running:
            return
        self._running = True
        try:
            while self.queue:
                for decision in self.queue.pop(0)():
                    self._carry_out(decision)
        finally:
            self._running = False

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case ToCharger(text):
                self.wire.sent(None, text)
                self._charger_takes(text)
            case ToBackoffice(key, text):
                if self.backoffices[key].up:
                    self.wire.sent(key, text)
                    self.backoffices[key].take(text)
            case Store():
                self.wire.stored(decision.rows)
                self.stored.append(decision)
                if self.commit_at_once:
                    self.commit()
            case Load():
                self.loads.append(decision)
                if self.loads_at_once:
                    self.load()
            case Thin(key, after):
                self.commit()
                dropped, size = self.database.thin(key, after)
                self.queue.append(lambda: self.machine.thinned(key, dropped, size, *self.time))
            case AskSlot():
                assert decision.route not in self.slots_out, f"{decision.route} has a slot"
                assert decision.route not in [asked.route for asked in self.slots_asked]
                self.slots_asked.append(decision)
                if self.grants_at_once:
                    self.grant()
            case FreeSlot(key):
                wished = [asked for asked in self.slots_asked if asked.route == key]
                assert wished or key in self.slots_out, f"{key} gives back what it has not got"
                self.slots_asked = [asked for asked in self.slots_asked if asked.route != key]
                self.slots_out.discard(key)
            case OpenLink(key, version):
                self._open(self.backoffices[key], version)
            case CloseLink(key, code, reason):
                self.closed_links.append((key, code, reason))
                self.backoffices[key].drop()
                self.backoffices[key].wanted = ""
            case CloseCharger():
                self.closed.append(decision)
            case ChangePassword(key, password):
                self.passwords.append((key, password))
            case SetPing(key, seconds):
                self.pings.append((key, seconds))
            case CommandSent() | CommandEnded():
                self.told.append(decision)
            case Report():
                self.reports.append(decision)

    def _open(self, backoffice: Backoffice, version: str) -> None:
        backoffice.wanted = version
        if self.auto_open:
            backoffice.up = True
            self.queue.append(lambda: self.machine.link_opened(backoffice.key, *self.time))

    def load(self) -> None:
        """What was asked of the database is read and arrives."""
        self.read()
        arrivals, self.arrivals = self.arrivals, []
        self.queue.extend(arrivals)
        self.run()

    def grant(self, count: int = 100) -> None:
        """So many of those who have asked for a slot get one."""
        for _ in range(min(count, len(self.slots_asked))):
            self.queue.append(self._granted)
        self.run()

    def _granted(self) -> list[Decision]:
        if not self.slots_asked:
            return []
        key = self.slots_asked.pop(0).route
        self.slots_out.add(key)
        return self.machine.slot_granted(key, *self.time)

    def read(self) -> None:
        """What was asked of the database is read, after all stored so far; it arrives with ``load``."""
        self.commit()
        loads, self.loads = self.loads, []
        for load in loads:
            self.arrivals.append(partial(self._loaded, load, self.database.load(load, self.utc)))

    def _loaded(self, load: Load, found: Loaded) -> list[Decision]:
        return self.machine.deliveries_loaded(load, found, *self.time)

    def commit(self) -> None:
        """Everything stored so far is safe."""
        stored, self.stored = self.stored, []
        for store in stored:
            self.database.write(store.rows)
            if store.gate is not None:
                self.queue.append(partial(self._committed, store.gate))
        self.run()

    def commit_all(self) -> None:
        """Everything is safe that is stored, and all that follows from that."""
        while self.stored:
            self.commit()

    def _committed(self, gate: int) -> list[Decision]:
        return self.machine.committed(gate, *self.time)

    # -- people --------------------------------------------------------------------------------------

    def ask(self, action: str, payload: Any, command_id: str = "x", **how: Any) -> None:
        """A person asks the charger something by way of the proxy."""
        text = json.dumps(payload, separators=(",", ":"))
        command = Command(id=command_id, action=action, payload=text, by="asked by anna", **how)
        self.queue.append(lambda: self.machine.command(command, *self.time))
        self.run()

    # -- the charger ---------------------------------------------------------------------------------

    def connect(self, version: str | None = None) -> None:
        """The charger opens a socket."""
        self.version = version or self.version
        self.online = True
        self.do(self.machine.charger_connected(self.version, *self.time))

    def boot(self) -> None:
        """The charger connects and boots; all backoffices accept."""
        self.connect()
        self.call("BootNotification", json.loads(BOOT if self.version == "1.6" else BOOT_2))
        self.forget()

    def disconnect(self) -> None:
        """The charger's socket closes."""
        self.online = False
        self.do(self.machine.charger_gone(*self.time))

    def frame(self, text: str) -> None:
        """The charger sends any text."""
        self.queue.append(lambda: self._hears(text))
        self.run()

    def _hears(self, text: str) -> list[Decision]:
        if self.online:
            self.wire.came(None, text)
        return self.machine.charger_frame(text, *self.time)

    def call(self, action: str, payload: Any, message_id: str | None = None) -> Any:
        """The charger sends a CALL; returns the frame that answered it, None while there is none."""
        message_id = message_id or f"c{next(self.message_ids)}"
        self.frame(json.dumps([2, message_id, action, payload], separators=(",", ":")))
        return self.answer_to(message_id)

    def answer_to(self, message_id: str) -> Any:
        """The one answer to a CALL of the charger, None while there is none."""
        answers = self.answered.get(message_id, [])
        assert len(answers) <= 1, f"{message_id} was answered {len(answers)} times: {answers}"
        return answers[0] if answers else None

    def sent(self) -> list[int]:
        """How many frames everybody has got so far."""
        return [len(self.to_charger), *(len(b.frames) for b in self.backoffices.values())]

    def last_id(self, backoffice: Backoffice) -> str:
        """The message id of the last frame that a backoffice got."""
        return str(json.loads(backoffice.frames[-1])[1])

    def _charger_takes(self, text: str) -> None:
        self.to_charger.append(text)
        frame = decode(text)
        if frame[0] in (3, 4):
            self.answered.setdefault(frame[1], []).append(frame)
        if frame[0] == 2:
            self.commands.append(frame)
            if self.obey is not None:
                self.obey(self, frame)

    def accept(self, frame: Any) -> None:
        """The charger accepts a command."""
        self.frame(json.dumps([3, frame[1], {"status": "Accepted"}], separators=(",", ":")))

    # -- time and faults -----------------------------------------------------------------------------

    def wait(self, seconds: float) -> int:
        """Let time pass, ticking whenever the machine has asked for it; returns how often that was."""
        end = self.now + seconds
        ticks = 0
        while ticks < 10_000:
            ticks += 1
            due = self.machine.next_deadline
            if due is None or due > end:
                break
            self._advance(max(0.0, due - self.now))
            self.do(self.machine.tick(*self.time))
        else:
            raise AssertionError(f"the machine asks for ticks without end at {self.now}")
        self._advance(end - self.now)
        return ticks

    def _advance(self, seconds: float) -> None:
        self.now += seconds
        self.utc += timedelta(seconds=seconds)

    def restart(self, *, committed: bool = True) -> None:
        """The process is killed and started again: only what was stored is left.

        ``committed``: what was on its way to the disk has arrived there.
        """
        for store in self.stored if committed else ():
            self.database.write(store.rows)
        unstored = () if committed else [row for store in self.stored for row in store.rows]
        self.wire.kill(self.machine, unstored)
        self.online = False
        self.queue.clear()
        self.stored.clear()
        self.loads.clear()
        self.arrivals.clear()
        self.slots_asked.clear()
        self.slots_out.clear()
        for backoffice in self.backoffices.values():
            backoffice.drop()
        self.machine = self._machine()

    def configure(self, *routes: RouteSnapshot) -> None:
        """Change the routes."""
        self.routes = tuple(replace(one, newest=self.database.newest(one.key)) for one in routes)
        for one in routes:
            self.backoffices.setdefault(one.key, Backoffice(self, one.key, 10_000 * one.key))
        self.do(self.machine.configure(self.snapshot(), *self.time))

    def forget(self) -> None:
        """Start with clean lists: what happened so far is not what the test is about."""
        self.to_charger.clear()
        self.answered.clear()
        self.commands.clear()
        for backoffice in self.backoffices.values():
            backoffice.got.clear()
            backoffice.frames.clear()
            backoffice.answers.clear()


def start(
    connector: int = 1, tag: str = "CARD", meter: int = 0, at: str = "2026-01-01T00:00:00Z"
) -> dict[str, Any]:
    """A 1.6 StartTransaction."""
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at}


def stop(number: int, meter: int = 1000, at: str = "2026-01-01T01:00:00Z") -> dict[str, Any]:
    """A 1.6 StopTransaction."""
    return {"transactionId": number, "meterStop": meter, "timestamp": at}


def meter(number: int | None, connector: int = 1, value: str = "1.10") -> dict[str, Any]:
    """1.6 MeterValues with one value."""
    payload: dict[str, Any] = {"connectorId": connector}
    if number is not None:
        payload["transactionId"] = number
    return {
        **payload,
        "meterValue": [{"timestamp": "2026-01-01T00:30:00Z", "sampledValue": [{"value": value}]}],
    }


def event(
    kind: str, seq_no: int, transaction_id: str = "T-1", card: str | None = None, **more: Any
) -> dict[str, Any]:
    """A 2.x TransactionEvent."""
    payload: dict[str, Any] = {
        "eventType": kind,
        "timestamp": "2026-01-01T00:00:00Z",
        "triggerReason": "Authorized",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction_id},
    }
    if card is not None:
        payload["idToken"] = {"idToken": card, "type": "ISO14443"}
    return {**payload, **more}
