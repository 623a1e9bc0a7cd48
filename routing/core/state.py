"""Everything one session knows: shared by the modules that decide, owned by ``machine``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from routing.core import actions
from routing.core.actions import Up
from routing.core.alarms import ALARMS
from routing.core.authorization import AuthorizationCache
from routing.core.ballots import Ballot
from routing.core.decisions import Memory, Report
from routing.core.frames import Call
from routing.core.gate import Asked, Gate
from routing.core.identifiers import Identifiers
from routing.core.lines import GARBAGE, GARBAGE_WINDOW, HOUSE, NEVER, Item, Line, Phase
from routing.core.lists import KIND as LOCAL_LIST
from routing.core.lists import LocalLists
from routing.core.rows import DEAD_LETTERS, AlarmRow, IdentifierRow, LatestRow
from routing.core.snapshot import OCPP_VERSIONS, ChargerSnapshot, Role, RouteSnapshot, Verdict
from routing.core.steady import SteadyClock
from routing.core.transactions import ASKED_FOR, Transaction, Transactions
from routing.core.turn import Gated, Turn

ANSWERS_REMEMBERED = 8
"""Answers kept for repeated CALLs; chargers have one CALL outstanding, so few suffice."""

REPEAT_WINDOW = 600.0
"""Seconds in which an equal CALL with the same id is a repeat (ocpp-semantics 1.7)."""


MOST_PLACES = 200
"""Connectors and EVSEs of which the state is remembered; what is said of still more is only passed on."""


HEADLESS = 120_000_000
"""Microseconds before the end of a process in which the charger may have said what it had no answer to."""


OWN_ID = "own_id"
"""Kind under which identifiers that people's commands have made are remembered, ``<kind>/<charger's id>``:
those of routes have a table of their own."""

Timer = Callable[["State", Turn], None]


def _house(snapshot: ChargerSnapshot) -> Line:
    """People ask with identifiers of their own as a control route does; what they may is decided before."""
    may = {name: Verdict.ALLOW for version in OCPP_VERSIONS for name in actions.names(version)}
    route = RouteSnapshot(
        key=HOUSE, backoffice="the proxy", role=Role.CONTROL, alias=snapshot.identity, permissions=may
    )
    line = Line(route)
    line.phase = Phase.READY
    return line


def own_identifiers(rows: Iterable[LatestRow]) -> Iterable[IdentifierRow]:
    """The open identifiers of people's commands, oldest first."""
    for row in sorted(rows, key=lambda row: row.at):
        kind, _, charger_id = row.key.partition("/")
        yield IdentifierRow(
            charger=row.charger,
            kind=kind,
            charger_identifier=charger_id,
            route=HOUSE,
            route_identifier=row.payload,
            created=row.at,
            closed=None,
        )


class Received:
    """A CALL of the charger being handled. ``exchange`` joins it with its copies; ``number`` is the
    transaction id of 1.6 as the charger has written it."""

    __slots__ = ("at", "call", "connector_id", "exchange", "number", "row", "since", "transaction")

    def __init__(self, call: Call, row: Up, exchange: int, turn: Turn) -> None:
        self.call = call
        self.row = row
        self.exchange = exchange
        self.since = turn.now
        self.at = turn.utc
        self.transaction: Transaction | None = None
        self.connector_id: int | None = None
        self.number = ""


class Waiting:
    """A CALL of the charger that a backoffice answers. ``card`` is the tag it is about, if any.

    Where several are asked, ``ballot`` counts their answers, and ``route`` is 0.
    """

    __slots__ = ("ballot", "card", "deadline", "generation", "received", "route")

    def __init__(self, received: Received, route: int, deadline: float, generation: int, card: str) -> None:
        self.received = received
        self.route = route
        self.deadline = deadline
        self.generation = generation
        self.card = card
        self.ballot: Ballot | None = None


class RemoteStart:
    """A backoffice has asked the charger to start (ocpp-semantics 3.2): who, for which card, until when."""

    __slots__ = ("card", "connector_id", "route", "until")

    def __init__(self, route: int, card: str, connector_id: int | None, until: float) -> None:
        self.route = route
        self.card = card
        self.connector_id = connector_id
        self.until = until


class State:
    """The state of one session. ``generation`` counts the charger's connections, so that what
    belongs to an old socket is never written to a new one. ``used_answers``: whose answers the charger
    got last (2.1), by its own message id the route and that one's message id. ``waits_for_billing``:
    Billing has told the charger to wait, so that it sends nothing to anybody. ``winding_down``: the process
    ends, nothing new is asked of anybody. ``last_reading``: the newest
    MeterValues, and the generation in which they came. ``said``: what the database knows of what the charger
    has said last, until that is taken over (``recalling``). ``gate_seen``: the oldest gate at the last
    looks, and when it was seen first; ``told_waits_for``: what was stored of what the charger waits for.
    ``headless``: the first and last exchange of which the one who stored the copies may not have told.
    ``gates`` and ``unstored``: by the number of a gate the answers and the deliveries that wait for it.
    ``house``: the line of people who ask by way of the proxy; it has no link and is not among ``lines``."""

    __slots__ = (
        "address",
        "alarms",
        "answered",
        "authorizations",
        "backlog_only",
        "booted_at",
        "clock",
        "garbage",
        "gate",
        "gate_seen",
        "gates",
        "generation",
        "headless",
        "house",
        "identifiers",
        "interval",
        "last_gate",
        "last_reading",
        "last_seq",
        "latest",
        "lines",
        "list_changes",
        "list_push",
        "local_lists",
        "new_id",
        "next_deadline",
        "offered",
        "offline_since",
        "online",
        "remote_starts",
        "replacements",
        "said",
        "seen_at",
        "settle_at",
        "sharing",
        "snapshot",
        "timers",
        "told_waits_for",
        "transactions",
        "unstored",
        "used_answers",
        "version",
        "waiting",
        "waits_for_billing",
        "winding_down",
    )

    def __init__(
        self,
        snapshot: ChargerSnapshot,
        memory: Memory,
        new_id: Callable[[], str],
        new_uuid: Callable[[], UUID],
    ) -> None:
        self.snapshot = snapshot
        self.new_id = new_id
        self.version = ""
        self.offered: tuple[str, ...] = ()
        self.address = ""
        self.replacements: list[float] = []
        self.generation = 0
        self.online = False
        self.offline_since = NEVER
        self.settle_at = NEVER
        self.backlog_only = False
        self.booted_at = -NEVER
        self.clock = SteadyClock()
        self.seen_at = -NEVER
        self.interval = 300.0
        self.waits_for_billing = self.winding_down = False
        self.lines: dict[int, Line] = {}
        self.house = _house(snapshot)
        self.waiting: dict[int, Waiting] = {}
        self.answered: dict[str, tuple[str, str, float]] = {}
        self.used_answers: dict[str, tuple[int, str]] = {}
        self.garbage: list[float] = []
        self.remote_starts: list[RemoteStart] = []
        self.sharing: dict[str, list[Asked]] = {}
        self.gate = Gate()
        self.gates: dict[int, list[Gated]] = {}
        self.unstored: dict[int, list[tuple[int, Item]]] = {}
        self.last_gate = 0
        self.gate_seen = (0, 0.0)
        self.told_waits_for = ""
        self.last_seq = memory.last_seq
        self.headless = memory.last_seq - HEADLESS, memory.last_seq
        self.latest: dict[tuple[str, str], LatestRow] = {(r.kind, r.key): r for r in memory.latest}
        self.last_reading = ("", 0)
        self.said = memory.said
        self.transactions = Transactions(snapshot.key, new_uuid, memory.last_proxy_transaction_id)
        self.transactions.restore(memory.transactions, memory.route_transactions)
        self.transactions.restore_wishes(self.all_remembered(ASKED_FOR))
        self.authorizations = AuthorizationCache(snapshot.key)
        self.authorizations.restore(self.latest.pop(k) for k in list(self.latest) if k[0] == "authorization")
        self.list_changes: list[Asked] = []
        self.list_push: object | None = None
        self.local_lists = LocalLists(snapshot.key)
        self.local_lists.restore(self.latest.pop(k) for k in list(self.latest) if k[0] == LOCAL_LIST)
        self.identifiers = Identifiers(snapshot.key, lambda: str(new_uuid()))
        own = own_identifiers(self.all_remembered(OWN_ID).values())
        self.identifiers.restore([*memory.identifiers, *own])
        self.alarms: dict[tuple[str, str], AlarmRow] = {(a.kind, a.key): a for a in memory.alarms}
        self.timers: dict[str, tuple[float, Timer]] = {}
        self.next_deadline = NEVER

    def line(self, route: int | None) -> Line | None:
        """The line of who asks the charger something: of a route, or ``house``; None where it is gone."""
        return self.house if route == HOUSE else self.lines.get(route or -1)

    def next_seq(self, utc: datetime) -> int:
        """A number above every earlier one of this charger, also over restarts."""
        self.last_seq = max(self.last_seq + 1, int(utc.timestamp() * 1_000_000))
        return self.last_seq

    def is_headless(self, item: Item) -> bool:
        """Whether no row may tell of the CALL that this is a copy of: the charger had no answer to it yet
        when the process was killed that had stored its copies.
        """
        return self.headless[0] <= item.exchange <= self.headless[1]

    def forget_old_sessions(self, utc: datetime) -> None:
        """Drop sessions that ended long ago; not those of which a message in memory is to be sent yet."""
        owed = {item.transaction for line in self.lines.values() for item in line.unanswered}
        self.transactions.forget_old(utc, owed)

    def call_at(self, name: str, when: float, timer: Timer) -> None:
        """Have ``timer`` called at this monotonic time, in place of an earlier one of the same name.

        Timers live in memory: what must outlast a restart is remembered as well.
        """
        self.timers[name] = (when, timer)
        self.wake_at(when)

    def cancel(self, name: str) -> None:
        """Forget a timer."""
        self.timers.pop(name, None)

    def wake_at(self, when: float) -> None:
        """Ask for a tick at this monotonic time at the latest."""
        if when < self.next_deadline:
            self.next_deadline = when

    def is_too_much_garbage(self, now: float) -> bool:
        """Count a frame of the charger that cannot be read; True when the connection is to end."""
        self.garbage = [at for at in self.garbage if now - at < GARBAGE_WINDOW] + [now]
        return len(self.garbage) >= GARBAGE

    def shows_life(self, now: float) -> bool:
        """Whether the proxy may speak of the charger's life: it answers pings (else the edge closes its
        socket), or without pings has sent something within twice its own heartbeat ``interval``."""
        return self.online and (self.snapshot.options.ping > 0 or now - self.seen_at <= 2 * self.interval)

    @property
    def is_reachable(self) -> bool:
        """Whether the charger is there, or may be back within its grace."""
        return self.online or self.offline_since != NEVER

    def hears(self, waiting: Waiting) -> bool:
        """Whether the socket on which the charger has asked is still there."""
        return self.online and waiting.generation == self.generation

    @property
    def boots(self) -> bool:
        """Whether the charger waits for the answer to its boot."""
        return any(
            w.received.call.action == "BootNotification" and w.generation == self.generation
            for w in self.waiting.values()
        )

    @property
    def settled(self) -> bool:
        """Whether it is clear if the charger boots on this connection or has only reconnected."""
        return self.settle_at == NEVER

    @property
    def billing(self) -> Line | None:
        """The line of the backoffice that answers and owns transactions."""
        route = self.snapshot.billing
        return None if route is None else self.lines.get(route.key)

    def remember(self, kind: str, key: str, payload: str, turn: Turn) -> None:
        """Keep and store the newest value of its kind."""
        row = LatestRow(charger=self.snapshot.key, kind=kind, key=key, payload=payload, at=turn.utc)
        self.latest[(kind, key)] = row
        turn.store(row)

    def has_room(self, kind: str, key: str) -> bool:
        """Whether one more place of the charger may be remembered, or is."""
        return (kind, key) in self.latest or len(self.all_remembered(kind)) < MOST_PLACES

    def forget(self, kind: str, key: str, turn: Turn) -> None:
        """Keep nothing of this kind and key any more."""
        if self.latest.pop((kind, key), None) is not None:
            turn.store(LatestRow(charger=self.snapshot.key, kind=kind, key=key, payload="", at=turn.utc))

    def all_remembered(self, kind: str) -> dict[str, LatestRow]:
        """Everything of this kind, by key."""
        return {key: row for (of, key), row in self.latest.items() if of == kind}

    def remember_answer(self, call: Call, frame: str, at: float) -> None:
        """Keep what a CALL of the charger was answered at this monotonic time, for its repeat."""
        self.answered.pop(call.message_id, None)
        self.answered[call.message_id] = (call.text, frame, at)
        if len(self.answered) > ANSWERS_REMEMBERED:
            del self.answered[next(iter(self.answered))]

    def raise_alarm(self, kind: str, text: str, turn: Turn, key: str = "") -> None:
        """Have a person look at this, a kind of ``ALARMS``; what lasts already is not raised again."""
        if (kind, key) not in self.alarms:
            alarm = AlarmRow(charger=self.snapshot.key, kind=kind, key=key, text=text[:255], raised=turn.utc)
            self.alarms[kind, key] = alarm
            turn.store(alarm)
            turn.emit(Report("alarm", f"{kind}: {text}"))

    def clear_alarm(self, kind: str, turn: Turn, key: str = "") -> None:
        """What was to be looked at is over."""
        alarm = self.alarms.pop((kind, key), None)
        if alarm is not None:
            turn.store(msgspec.structs.replace(alarm, cleared=turn.utc))

    def clear_alarms_of_gone_routes(self, turn: Turn) -> None:
        """A route that is switched off or gone troubles nobody, but for what it was never given.

        The keys of alarms are those of routes. A kind that there is no more is over too.
        """
        for kind, key in list(self.alarms):
            is_of_gone = key and kind != DEAD_LETTERS and key not in map(str, self.lines)
            if is_of_gone or kind not in ALARMS:
                self.clear_alarm(kind, turn, key)

    def note_quirk(self, name: str, example: str, turn: Turn) -> None:
        """Record that this charger departs from the standard in a known way: shown to whoever supports it."""
        if ("quirk", name) not in self.latest:
            self.remember("quirk", name, example[:255], turn)

    def remembered(self, kind: str, key: str = "") -> LatestRow | None:
        """The newest value of its kind, if there is one."""
        return self.latest.get((kind, key))

    def remote_start_for(self, card: str, connector_id: int | None, now: float) -> RemoteStart | None:
        """The remote start that a card on a connector comes from (ocpp-semantics 3.2, 5.2)."""
        if self.remote_starts:
            self.remote_starts = [r for r in self.remote_starts if r.until > now]
        for start in self.remote_starts:
            fits = start.connector_id is None or connector_id is None or start.connector_id == connector_id
            if start.card.upper() == card.upper() and fits:
                return start
        return None
