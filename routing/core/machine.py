"""The session state machine: frames, link events and time in, decisions out.

No I/O, no clock, no randomness of its own. The shell (``routing.session``) feeds it and carries out
what it decides; each method is one turn and returns that turn's decisions in order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from routing.core import (
    acceptance,
    answers,
    calls,
    commands,
    dispatch,
    down,
    frames,
    health,
    hooks,
    impostors,
    letters,
    losses,
    migration,
    odd_frames,
    passwords,
    recalling,
    reconfiguring,
    registration,
    repairs,
    retention,
    revoking,
    slots,
    thinning,
    timing,
    unstored,
    up,
    versions,
)
from routing.core.commands import Command
from routing.core.decisions import (
    CloseCharger,
    CloseLink,
    Decision,
    Load,
    Loaded,
    Memory,
    OpenLink,
)
from routing.core.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Malformed,
    Send,
)
from routing.core.lines import NEVER, Item, Line, Phase
from routing.core.rows import LinkState, Row
from routing.core.snapshot import ChargerSnapshot
from routing.core.state import State
from routing.core.turn import Turn

SETTLE = 2.0
"""Seconds after a connection in which a boot of the charger itself is waited for before one is replayed."""

QUIET = 60.0
"""Seconds of silence after which a charger that is not pinged may have been taken for lifeless."""


class Machine:
    """One charger and its backoffices. ``now`` is monotonic seconds, ``utc`` an aware datetime."""

    __slots__ = ("_state",)

    def __init__(
        self,
        snapshot: ChargerSnapshot,
        memory: Memory,
        *,
        new_id: Callable[[], str],
        new_uuid: Callable[[], UUID],
    ) -> None:
        self._state = State(snapshot, memory, new_id, new_uuid)
        for route in snapshot.routes:
            line = self._state.lines[route.key] = Line(route)
            line.registration = memory.registrations.get(route.key, "")
            waiting = memory.deliveries.get(route.key, [])
            line.loaded([Item.of(d, replayed=True) for d in waiting], route.key in memory.more)
            here = len(waiting), sum(len(d.payload) for d in waiting)
            line.waiting, line.waiting_bytes = memory.waiting.get(route.key, here)
            health.restore(line, memory.health.get(route.key))

    # -- the charger -----------------------------------------------------------------------------

    def charger_connected(
        self,
        ocpp_version: str,
        now: float,
        utc: datetime,
        *,
        offered: tuple[str, ...] = (),
        quirks: tuple[str, ...] = (),
        address: str = "",
    ) -> list[Decision]:
        """A new socket of the charger; it replaces any older one.

        ``offered``: the versions between which there was a choice, in the charger's order. ``quirks``:
        what was odd about its handshake (``quirks.QUIRKS``). ``address``: where it comes from.
        """
        state, turn = self._state, Turn(now, utc)
        impostors.arrived(state, turn, address)
        self._new_socket(turn)
        state.offered = offered
        for quirk in quirks:
            state.note_quirk(quirk, "its handshake", turn)
        if state.version != ocpp_version:
            self._change_version(turn, ocpp_version)
        recalling.new_socket(state, turn)
        for line in state.lines.values():
            registration.adopt_running(state, turn, line)
            registration.want(state, turn, line)
        state.clear_alarms_of_gone_routes(turn)
        acceptance.connected(state, turn)
        hooks.call(hooks.CONNECTED, state, turn)
        return self._end(turn)

    def _new_socket(self, turn: Turn) -> None:
        """What belonged to the socket before is over."""
        state = self._state
        calls.charger_lost(state, turn, "charger reconnected")
        state.generation += 1
        for line in state.lines.values():
            if state.backlog_only and line.phase is Phase.READY:
                registration.replay_statuses(state, turn, line)
        state.online, state.backlog_only, state.offline_since = True, False, NEVER
        unstored.new_socket(state)
        state.used_answers.clear()
        state.garbage.clear()
        state.seen_at = turn.now
        state.cancel(versions.KIND)
        state.settle_at = turn.now + SETTLE
        state.gate.rebooting_until = min(state.gate.rebooting_until, state.settle_at)
        state.wake_at(state.settle_at)

    def _change_version(self, turn: Turn, ocpp_version: str) -> None:
        state = self._state
        state.version = ocpp_version
        calls.drop_waiting(state, turn, "charger speaks another version")
        registration.forget_other_versions(state)
        for line in state.lines.values():
            if line.wanted:
                registration.dismiss(state, turn, line, 1000, "charger speaks another version")
                losses.lost(state, turn, line, "the owner is being dialled anew")

    def charger_frame(self, text: str, now: float, utc: datetime) -> list[Decision]:
        """A text frame of the charger."""
        state, turn = self._state, Turn(now, utc)
        if not state.online:
            return []
        if now - state.seen_at > QUIET and not state.snapshot.options.ping:
            state.wake_at(now)  # it shows life again: backoffices are told so
        state.seen_at = now
        frame = frames.parse(text)
        if rules := state.snapshot.options.repair:
            frame = repairs.repaired(frame, rules, state.version)
        if isinstance(frame, Call):
            up.charger_call(state, turn, frame)
        elif isinstance(frame, (CallResult, CallError)):
            calls.charger_answers(state, turn, frame)
        elif isinstance(frame, Send) and state.version == "2.1":
            up.charger_send(state, turn, frame)
        elif isinstance(frame, Malformed):
            odd_frames.malformed_from_charger(state, turn, frame)
        elif isinstance(frame, CallResultError) and state.version == "2.1":
            answers.charger_complains(state, turn, frame)
        else:
            odd_frames.unusual_from_charger(state, turn, frame)
        if not state.settled:
            registration.settle(state, turn)
        return self._end(turn)

    def charger_gone(self, now: float, utc: datetime) -> list[Decision]:
        """The charger's socket is closed. Backoffices stay connected for ``offline_grace``."""
        state, turn = self._state, Turn(now, utc)
        state.online, state.offline_since = False, now
        state.settle_at = NEVER
        calls.charger_lost(state, turn, "charger offline")
        state.wake_at(now + state.snapshot.options.offline_grace)
        hooks.call(hooks.GONE, state, turn)
        return self._end(turn)

    # -- links -----------------------------------------------------------------------------------

    def link_state(
        self, route: int, link: LinkState, error: str, now: float, utc: datetime
    ) -> list[Decision]:
        """A link that is not open: what it is doing, with its last error in words."""
        state, turn = self._state, Turn(now, utc)
        line = state.lines.get(route)
        if line is not None and line.wanted:
            dispatch.set_link(state, turn, line, link, error)
            passwords.note_state(state, turn, line, error)
            if link != "dialling":
                line.failed = True
                mismatch = link == "parked" and error.startswith(versions.MISMATCH)
                if not (mismatch and versions.refused(state, turn, line, error)):
                    answers.link_lost(state, turn, line, "the owner is away")
                acceptance.billing_lost(state, turn, line)
        return self._end(turn)

    def link_opened(self, route: int, now: float, utc: datetime) -> list[Decision]:
        """The link of a route is open."""
        state, turn = self._state, Turn(now, utc)
        line = state.lines.get(route)
        if line is not None and line.wanted:
            acceptance.billing_found(state, line)
            versions.opened(state, turn, line)
            passwords.note_opened(state, turn, line)
            registration.opened(state, turn, line)
            turn.touched.add(route)
        return self._end(turn)

    def link_closed(self, route: int, error: str, now: float, utc: datetime) -> list[Decision]:
        """The link of a route was open and is closed; it is redialled without being asked."""
        state, turn = self._state, Turn(now, utc)
        line = state.lines.get(route)
        if line is not None:
            line.failed = True
            losses.lost(state, turn, line, "the owner is away")
            acceptance.billing_lost(state, turn, line)
            dispatch.set_link(state, turn, line, "waiting", error)
        return self._end(turn)

    def link_frame(self, route: int, text: str, now: float, utc: datetime) -> list[Decision]:
        """A text frame of a backoffice."""
        state, turn = self._state, Turn(now, utc)
        line = state.lines.get(route)
        if line is None or line.phase is Phase.DOWN:
            return []
        frame = frames.parse(text)
        if isinstance(frame, CallResult):
            answers.call_result(state, turn, line, frame)
        elif isinstance(frame, CallError):
            answers.call_error(state, turn, line, frame)
        elif isinstance(frame, Call):
            down.backoffice_call(state, turn, line, frame)
        else:
            odd_frames.from_backoffice(state, turn, line, frame)
        if line.overdue:
            dispatch.heard(state, turn, line)
        return self._end(turn)

    # -- people ----------------------------------------------------------------------------------

    def command(self, command: Command, now: float, utc: datetime) -> list[Decision]:
        """Ask the charger what a person wants."""
        state, turn = self._state, Turn(now, utc)
        commands.take(state, turn, command)
        return self._end(turn)

    # -- the store -------------------------------------------------------------------------------

    def committed(self, gate: int, now: float, utc: datetime) -> list[Decision]:
        """What a ``Store`` with this gate held is safe: the answers and copies that waited for it go out."""
        turn = Turn(now, utc)
        unstored.release(self._state, turn, gate)
        return self._end(turn)

    def deliveries_loaded(self, load: Load, found: Loaded, now: float, utc: datetime) -> list[Decision]:
        """What was found for a ``Load``: nothing to a line that stands where the one that asked is gone."""
        state, turn = self._state, Turn(now, utc)
        line = state.lines.get(load.route)
        if line is not None and line.asked_load is load:
            reconfiguring.take(state, turn, line, found)
            letters.found(state, turn, line, left=found.dead)
            retention.give_up_old(state, turn, line)
            turn.touched.add(load.route)
        return self._end(turn)

    def thinned(self, route: int, dropped: int, size: int, now: float, utc: datetime) -> list[Decision]:
        """So many deliveries, of ``size`` characters, were left out as ``Thin`` has asked."""
        turn = Turn(now, utc)
        line = self._state.lines.get(route)
        if line is not None:
            thinning.done(self._state, turn, line, dropped, size)
        return self._end(turn)

    def slot_granted(self, route: int, now: float, utc: datetime) -> list[Decision]:
        """The slot that was asked for with ``AskSlot``: a message that has waited may be sent."""
        turn = Turn(now, utc)
        slots.granted(turn, self._state.lines.get(route))
        return self._end(turn)

    # -- configuration and time ------------------------------------------------------------------

    def configure(self, snapshot: ChargerSnapshot, now: float, utc: datetime) -> list[Decision]:
        """Take a new configuration; only what has changed is touched."""
        state, turn = self._state, Turn(now, utc)
        old, state.snapshot = state.lines, snapshot
        state.lines = {r.key: reconfiguring.line_for(state, turn, old.get(r.key), r) for r in snapshot.routes}
        for key, line in old.items():
            if key not in state.lines:
                reconfiguring.switch_off(state, turn, line)
        state.clear_alarms_of_gone_routes(turn)
        letters.configured(state, turn)
        if state.billing is None:
            registration.release(state, turn)
        for line in state.lines.values():
            if state.online:
                registration.adopt_running(state, turn, line)
                registration.want(state, turn, line)
        hooks.call(hooks.CONFIGURED, state, turn)
        return self._end(turn)

    def redial(
        self, route: int, now: float, utc: datetime, *, reason: str = "configuration changed"
    ) -> list[Decision]:
        """Where or as whom a route is dialled has changed, or somebody asks: a new link for the old."""
        state, turn = self._state, Turn(now, utc)
        line = state.lines.get(route)
        if line is not None and line.wanted:
            turn.emit(CloseLink(route, 1000, reason))
            line.failed = False
            losses.lost(state, turn, line, "the owner is being dialled anew")
            turn.emit(OpenLink(route, state.version))
            dispatch.set_link(state, turn, line, "dialling")
        return self._end(turn)

    def tick(self, now: float, utc: datetime) -> list[Decision]:
        """Time has passed: end what is late, repeat what is due."""
        state, turn = self._state, Turn(now, utc)
        state.next_deadline = NEVER
        if now >= state.settle_at:
            registration.settle(state, turn)
        if not state.online and now >= state.offline_since + state.snapshot.options.offline_grace:
            self._close_links(turn, 1000, "charger offline")
        answers.expire(state, turn)
        calls.expire(state, turn)
        for line in state.lines.values():
            timing.look_at(state, turn, line)
        for name, (when, timer) in list(state.timers.items()):
            if now >= when:
                state.cancel(name)
                timer(state, turn)
        decisions = self._end(turn)
        timing.set_deadline(state, now)
        return decisions

    def _close_links(self, turn: Turn, code: int, reason: str) -> None:
        state = self._state
        calls.drop_waiting(state, turn, reason)
        for line in state.lines.values():
            if line.wanted:
                registration.dismiss(state, turn, line, code, reason)
                dispatch.down(state, turn, line)
                dispatch.set_link(state, turn, line, "closed")
        state.offline_since = NEVER

    # -- without a charger, and the end ------------------------------------------------------------

    def deliver_backlog(self, ocpp_version: str, now: float, utc: datetime) -> list[Decision]:
        """The charger is away, but a backoffice still waits for deliveries: connect, deliver, close."""
        state, turn = self._state, Turn(now, utc)
        if not state.online and state.offline_since == NEVER:
            state.version = state.version or ocpp_version
            state.backlog_only = True
            retention.look(state, turn)
            for line in state.lines.values():
                if line.backlog:
                    registration.want(state, turn, line)
        return self._end(turn)

    def wind_down(self) -> None:
        """Ask nobody anything new: the session ends in a moment, with ``stop``. Answers are still taken, and
        what the charger says is stored and, where the proxy itself can, answered.
        """
        self._state.winding_down = True

    @property
    def awaits_answers(self) -> bool:
        """Whether an answer may still come: of a backoffice, the charger, or to the charger from the store.

        A backoffice that is late already is not waited for.
        """
        state = self._state
        asked = any(line.outstanding is not None and not line.overdue for line in state.lines.values())
        return asked or state.gate.outstanding is not None or (state.online and any(state.gates.values()))

    def stop(self, code: int, reason: str, now: float, utc: datetime) -> list[Decision]:
        """The session ends: the charger is closed with ``code``, backoffices with 1001 or, where it is the
        charger that may not go on (1008), with 1000. Source: ocpp-semantics 1.5.
        """
        state, turn = self._state, Turn(now, utc)
        calls.charger_lost(state, turn, reason)
        answers.stopped(state, turn, reason)
        self._close_links(turn, 1000 if code == 1008 else 1001, reason)
        for row in health.at_the_end(state):
            turn.store(row)
        if state.online:
            turn.emit(CloseCharger(code, reason))
        return self._end(turn)

    def health(self, now: float, utc: datetime) -> list[Row]:
        """What has changed of how the charger and its routes are, to be stored: a look, not a turn."""
        return health.changed(self._state, now, utc)

    @property
    def next_deadline(self) -> float | None:
        """When ``tick`` is to be called at the latest, None when nothing is timed."""
        when = self._state.next_deadline
        return None if when == NEVER or self._state.winding_down else when

    @property
    def ocpp_version(self) -> str:
        """The version of the charger's present or last connection."""
        return self._state.version

    @property
    def idle(self) -> bool:
        """Whether nothing is connected and nothing waited for: the session may leave memory."""
        state = self._state
        linked = any(line.wanted for line in state.lines.values()) or migration.is_awaited(state)
        return not state.online and not linked and not state.gates and not state.waiting

    def _end(self, turn: Turn) -> list[Decision]:
        state = self._state
        for key in turn.touched:
            if line := state.lines.get(key):
                dispatch.pump(state, turn, line)
                if state.backlog_only and not line.backlog and line.wanted and line.phase is not Phase.DOWN:
                    registration.dismiss(state, turn, line, 1000, "delivered")
                    dispatch.down(state, turn, line)
                    dispatch.set_link(state, turn, line, "closed")
        if state.gate.queue:
            revoking.overrides_end(state, turn)
        if not state.winding_down:
            calls.pump(state, turn)
        return turn.finish(unstored.hold(state, turn) if turn.gated or turn.unstored else None)
