"""The actor of one charger: feeds the core with frames, link events and time, carries out its decisions.

All calls come on the event loop and none of them waits. Everything that may wait (the database, a
dial) answers by calling back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import Error

from routing.bus import Attach, ChargerSocket
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
    Memory,
    OpenLink,
    Report,
    SetPing,
    Store,
    Thin,
    ToBackoffice,
    ToCharger,
)
from routing.core.machine import Machine
from routing.core.rows import LinkState, Row
from routing.core.snapshot import ChargerSnapshot
from routing.handed_in import LoadDeliveries, RowWriter, SetPassword, ThinDeliveries, Told
from routing.links import Dial, DialTarget, Link, Pacer, Slot
from routing.saying import say
from routing.traffic import Traffic
from routing.trust import Always, Trust
from routing.watching import Watching

logger = logging.getLogger(__name__)

now = time.monotonic


def utcnow() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


def new_message_id() -> str:
    """A message id of the proxy's own: 36 characters, never twice.

    A UUID of version 7 (RFC 9562): its first digits are the time, so that the audit log's index on
    message ids grows at its end; random ones cost SQLite a page per row.
    """
    stamp, random = int(time.time() * 1000), os.urandom(10).hex()
    head = f"{stamp:012x}"
    return f"{head[:8]}-{head[8:]}-7{random[:3]}-8{random[3:6]}-{random[6:18]}"


Input = tuple[Callable[..., list[Decision]], tuple[Any, ...]]
"""What has happened: who decides about it, and its arguments before the time."""


MOST_KEPT = 1000
"""Inputs of one session that wait until it is known to be ours; of a silent proxy nobody expects more."""


class ChargerAttachment:
    """One socket of the charger, as the edge holds it. Only the newest of a session counts."""

    __slots__ = ("_session", "socket")

    def __init__(self, session: Session, socket: ChargerSocket) -> None:
        self._session = session
        self.socket = socket

    def up(self, text: str) -> None:
        """A frame of the charger."""
        self._session.charger_frame(self, text)

    def detach(self, code: int) -> None:
        """The socket is gone."""
        self._session.charger_gone(self, code)


class Session:
    """One charger with its links. ``epoch`` is the fencing token of its ownership."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        snapshot: ChargerSnapshot,
        targets: Mapping[int, DialTarget],
        memory: Memory,
        epoch: int,
        writer: RowWriter,
        dial: Dial,
        load_deliveries: LoadDeliveries,
        set_password: SetPassword,
        thin_deliveries: ThinDeliveries,
        pacer: Pacer,
        traffic: Traffic | None = None,
        trust: Trust | None = None,
        watching: Watching | None = None,
        told: Told | None = None,
    ) -> None:
        self.charger = snapshot.key
        self.identity = snapshot.identity
        self._say = partial(say, logger, self.identity)
        self.epoch = epoch
        self._loop = loop
        self._machine = Machine(snapshot, memory, new_id=new_message_id, new_uuid=uuid4)
        self._targets = dict(targets)
        self._writer = writer
        self._dial = dial
        self._load_deliveries = load_deliveries
        self._set_password = set_password
        self._thin_deliveries = thin_deliveries
        self._pacer = pacer
        self._slots: dict[int, Slot] = {}
        self._traffic = traffic or Traffic()
        self._trust = trust or Always()
        self._watching = watching or Watching(loop, "")
        self._told = told
        self._kept: list[Input] = []
        self._new_passwords: dict[int, bytes] = {}
        self._held: dict[int, list[str]] = {}
        self._links: dict[int, Link] = {}
        self._attachment: ChargerAttachment | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._when_quiet: list[Callable[[Session], None]] = []

    # -- the charger -----------------------------------------------------------------------------

    def attach(self, request: Attach, socket: ChargerSocket) -> ChargerAttachment:
        """Take a new socket of the charger; the older one is closed, the newest always wins.

        Source: ocpp-semantics 1.5 (half-open sockets after a mobile link loss are the normal case).
        """
        replaced = self._attachment
        attachment = self._attachment = ChargerAttachment(self, socket)
        self._traffic.came(self.charger)
        if replaced is not None:
            self._say(logging.INFO, "replaced by a connection from %s", request.remote_address)
            replaced.socket.close(1008, "replaced")
        connected = partial(
            self._machine.charger_connected,
            offered=request.offered,
            quirks=request.quirks,
            address=request.remote_address,
        )
        self._forget(self._machine.charger_frame)
        self._feed(connected, request.ocpp_version)
        return attachment

    def charger_frame(self, attachment: ChargerAttachment, text: str) -> None:
        """A frame from a socket; one that was replaced is not listened to any more."""
        if attachment is self._attachment:
            self._traffic.charger_received += 1
            self._feed(self._machine.charger_frame, text)

    def charger_gone(self, attachment: ChargerAttachment, code: int) -> None:
        """A socket is closed. The late end of a replaced one changes nothing."""
        if attachment is self._attachment:
            self._attachment = None
            self._say(logging.INFO, "disconnected with %d", code)
            self._forget(self._machine.charger_frame)  # it will say them again, maybe elsewhere
            self._feed(self._machine.charger_gone)

    @property
    def online(self) -> bool:
        """Whether a charger's socket is attached."""
        return self._attachment is not None

    # -- links: routing.links.LinkListener ---------------------------------------------------------

    def link_state(self, route: int, state: LinkState, error: str) -> None:
        """A link is being dialled, waits or is parked."""
        self._feed(self._machine.link_state, route, state, error)

    def link_opened(self, route: int) -> None:
        """A link is open."""
        self._feed(self._machine.link_opened, route)

    def link_frame(self, route: int, text: str) -> None:
        """A frame of a backoffice."""
        self._traffic.backoffice_received += 1
        self._feed(self._machine.link_frame, route, text)

    def link_closed(self, route: int, error: str) -> None:
        """A link was open and is closed."""
        if self._kept:
            self._closed_meanwhile(route, error)
        else:
            self._feed(self._machine.link_closed, route, error)

    def slot_granted(self, route: int) -> None:
        """A route that catches up may send its next message."""
        self._feed(self._machine.slot_granted, route)

    # -- from the runtime --------------------------------------------------------------------------

    def command(self, command: Command) -> None:
        """Ask the charger what a person wants; ``told`` hears what becomes of it."""
        self._feed(self._machine.command, command)

    def configure(self, snapshot: ChargerSnapshot, targets: Mapping[int, DialTarget]) -> None:
        """Take a new configuration; links whose target has changed are dialled anew."""
        moved = [
            key for key, target in targets.items() if key in self._targets and self._targets[key] != target
        ]
        self._targets = dict(targets)
        self._feed(self._machine.configure, snapshot)
        for route in moved:
            self._feed(self._machine.redial, route)

    def redial(self, route: int) -> None:
        """Dial a route anew because a person asks for it; a route that is off stays off."""
        self._feed(partial(self._machine.redial, reason="dialled anew by hand"), route)

    def tell_health(self) -> bool:
        """Have stored what has changed of how the charger and its routes are; whether anything has."""
        rows = [] if self._stopped else self._machine.health(now(), utcnow())
        if rows:
            self._writer.put(self.charger, self.epoch, rows)
        return bool(rows)

    def deliver_backlog(self, ocpp_version: str) -> None:
        """Deliver what backoffices still wait for, without the charger."""
        self._feed(self._machine.deliver_backlog, ocpp_version)

    def disconnect(self, code: int, reason: str) -> None:
        """Close the charger's socket; it is welcome to connect again unless admission says no."""
        if self._attachment is not None:
            self._attachment.socket.close(code, reason)

    def wind_down(self, when_quiet: Callable[[Session], None]) -> bool:
        """Ask nobody anything new. Whether answers are awaited: then ``when_quiet`` is called once they are
        there, unless the session ends before.
        """
        self._machine.wind_down()
        if self._stopped or not self._machine.awaits_answers:
            return False
        self._when_quiet.append(when_quiet)
        return True

    def _is_quiet(self) -> None:
        if not self._machine.awaits_answers:
            told, self._when_quiet = self._when_quiet, []
            for when_quiet in told:
                when_quiet(self)

    def charger_moved(self) -> None:
        """The charger has dialled another process: what it still says here it will say again there."""
        self._machine.wind_down()
        if self._attachment is not None:
            self._attachment.socket.close(1012, "moved")
            self.charger_gone(self._attachment, 1012)

    def stop(self, code: int, reason: str) -> None:
        """End the session: links with 1001, the charger with ``code``. Nothing is sent afterwards."""
        self._carry_out(self._machine.stop(code, reason, now(), utcnow()))
        self._end()
        for task in self._tasks:
            task.cancel()

    def abandon(self) -> None:
        """Another process owns the charger now: fall silent at once, store nothing more."""
        attachment = self._attachment
        self._end()
        for link in self._links.values():
            link.close(1001, "moved")
        self._links.clear()
        if attachment is not None:
            attachment.socket.close(1012, "moved")

    def _end(self) -> None:
        self._stopped = True
        self._attachment = None
        self._kept.clear()
        for slot in self._slots.values():
            slot.end()
        self._slots.clear()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def idle(self) -> bool:
        """Whether nothing is connected and nothing waited for."""
        return self._attachment is None and self._machine.idle and not self._tasks

    @property
    def link_count(self) -> int:
        """How many links are held, open or being dialled."""
        return len(self._links)

    @property
    def ocpp_version(self) -> str:
        """The version of the charger's present or last connection, "" before the first."""
        return self._machine.ocpp_version

    # -- carrying out ------------------------------------------------------------------------------

    def _feed(self, decide: Callable[..., list[Decision]], *about: Any) -> None:
        """Something has happened. It waits while it is not known whether the session is still ours."""
        at = now()
        if at > self._trust.until:
            self._trust.ask()
            self._keep(decide, about)
        elif self._kept:
            self._keep(decide, about)
        else:
            self._carry_out(decide(*about, at, utcnow()))

    def _keep(self, decide: Callable[..., list[Decision]], about: tuple[Any, ...]) -> None:
        frames = (self._machine.charger_frame, self._machine.link_frame)
        if not self._stopped and (len(self._kept) < MOST_KEPT or decide not in frames):
            self._kept.append((decide, about))

    def _forget(self, decide: Callable[..., list[Decision]], *about: Any) -> None:
        """What waits and came on a socket that is gone: nobody waits for an answer there."""
        if self._kept:
            self._kept = [
                (kind, told) for kind, told in self._kept if kind != decide or told[: len(about)] != about
            ]

    def _closed_meanwhile(self, route: int, error: str) -> None:
        """Known before all that waits: else something would be sent that the next socket isn't ready for."""
        self._forget(self._machine.link_frame, route)
        opened: Input = (self._machine.link_opened, (route,))
        if opened in self._kept:
            self._kept.remove(opened)
        else:
            self._kept.insert(0, (self._machine.link_closed, (route, error)))

    def go_on(self) -> None:
        """The session is ours: everything that has waited happens now, in order."""
        kept, self._kept = self._kept, []
        for decide, about in kept:
            self._feed(decide, *about)

    def _carry_out(self, decisions: list[Decision]) -> None:
        if self._stopped:
            return
        for decision in decisions:
            match decision:  # the usual first; patterns that take attributes apart cost four times as much
                case Store():
                    self._store(decision.rows, decision.gate)
                case ToBackoffice() if decision.route in self._held:
                    self._held[decision.route].append(decision.text)
                case ToBackoffice():
                    if (link := self._links.get(decision.route)) is not None:
                        self._traffic.backoffice_sent += 1
                        link.send(decision.text)
                case ToCharger():
                    if self._attachment is not None:
                        self._traffic.charger_sent += 1
                        self._attachment.socket.send(decision.text)
                case Load():
                    self._start(self._load_and_feed(decision))
                case AskSlot(route, backoffice, at_once):
                    granted = partial(self.slot_granted, route)
                    self._slots[route] = self._pacer.ask(backoffice, at_once, granted)
                case FreeSlot(route):
                    self._slots.pop(route).end()
                case Thin(route, after):
                    self._start(self._thin(route, after))
                case OpenLink(route, version):
                    self._open(route, version)
                case CloseLink(route, code, reason):
                    if (link := self._links.pop(route, None)) is not None:
                        link.close(code, reason)
                case CloseCharger(code, reason):
                    if self._attachment is not None:
                        self._attachment.socket.close(code, reason)
                case ChangePassword(route, password):
                    self._take_password(route, password)
                case SetPing(route, seconds):
                    if (link := self._links.get(route)) is not None:
                        link.set_ping(seconds)
                case CommandSent() | CommandEnded():
                    if self._told is not None:
                        self._told(decision)
                case Report(kind, text, route, exchange):
                    self._say(logging.INFO, "%s: %s", kind, text, route=route, exchange=exchange)
        if self._when_quiet:
            self._is_quiet()
        self._arm()

    def _store(self, rows: tuple[Row, ...], gate: int | None) -> None:
        if self._watching.on:
            self._watching.saw(self.charger, self._targets, rows)
        self._traffic.saw(self.charger, rows)
        done = None if gate is None else partial(self._committed, gate)
        self._writer.put(self.charger, self.epoch, rows, done)

    def _committed(self, gate: int) -> None:
        self._feed(self._machine.committed, gate)

    def _open(self, route: int, version: str) -> None:
        target = self._targets.get(route)
        if target is None:
            self._say(logging.ERROR, "route %d has no target to dial", route, route=route)
            return
        if route in self._held:
            self._held[route].clear()  # it was for the link before
        self._links[route] = self._dial(target, version, self)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take_password(self, route: int, password: bytes) -> None:
        """A password is stored first and confirmed then: until it is safe its backoffice hears nothing."""
        self._held.setdefault(route, [])
        is_storing = route in self._new_passwords
        self._new_passwords[route] = password
        if not is_storing:
            self._start(self._change_password(route))

    async def _change_password(self, route: int) -> None:
        """Store what is newest, one after the other.

        The link is dialled anew when the stored change of configuration is noticed.
        """
        while (password := self._new_passwords.get(route)) is not None:
            try:
                await self._set_password(route, password)
            except Error as error:
                self._say(
                    logging.WARNING, "cannot store a new password, trying again: %s", error, route=route
                )
                await asyncio.sleep(1)
                continue
            if self._new_passwords[route] is password:
                del self._new_passwords[route]
        self._feed(self._let_go, route)

    def _let_go(self, route: int, now: float, utcnow: datetime) -> list[Decision]:
        return [ToBackoffice(route, text) for text in self._held.pop(route, [])]

    async def _thin(self, route: int, after: int) -> None:
        try:
            await self._writer.flush()
            dropped, size = await self._thin_deliveries(route, after)
        except Error as error:
            self._say(logging.WARNING, "cannot thin what waits, later then: %s", error, route=route)
            dropped, size = 0, 0
        self._feed(self._machine.thinned, route, dropped, size)

    async def _load_and_feed(self, load: Load) -> None:
        level = logging.WARNING
        while True:
            try:
                await self._writer.flush()
                found = await self._load_deliveries(load)
                break
            except Error as error:
                self._say(level, "cannot read deliveries, trying again: %s", error)
                level = logging.DEBUG
                await asyncio.sleep(1)
        self._feed(self._machine.deliveries_loaded, load, found)

    # -- time --------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """One timer per session, only ever moved earlier; a tick that comes early does no harm."""
        when = self._machine.next_deadline
        if when is None or when >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_later(max(0.0, when - now()), self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self._feed(self._machine.tick)
