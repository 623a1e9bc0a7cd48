"""How a line becomes ready: boot, acceptance, statuses, sessions it does not know (ocpp-semantics 4)."""

from __future__ import annotations

from routing.core import availability, hooks
from routing.core.binding import is_hidden
from routing.core.decisions import CloseLink, OpenLink
from routing.core.dispatch import set_link
from routing.core.lines import NEVER, Item, Kind, Line, Phase
from routing.core.payloads import BootAnswer, integer, read, text
from routing.core.rows import DeliveryRow, LatestRow
from routing.core.snapshot import Role
from routing.core.state import State
from routing.core.transactions import RouteTransaction, Transaction
from routing.core.turn import Turn

DEFAULT_INTERVAL = 300.0
LONGEST_INTERVAL = 86400.0
SHORTEST_RETRY = 10.0
DEFAULT_RETRY = 60.0

CHARGER_FIRST = 30.0
"""Seconds that a charger, which was told to boot again itself, is given before the proxy does it."""

BOOT_IS_NEWS = 60.0
"""Seconds within which a boot is passed on as the charger sent it; later it is a replay."""


def want(state: State, turn: Turn, line: Line) -> None:
    """Have the link of a line opened, with the version that the charger speaks."""
    if not line.wanted and state.version:
        line.wanted = True
        line.failed = False
        turn.emit(OpenLink(line.key, state.version))
        set_link(state, turn, line, "dialling")


def dismiss(state: State, turn: Turn, line: Line, code: int, reason: str) -> None:
    """Have the link of a line closed."""
    if line.wanted:
        line.wanted = False
        turn.emit(CloseLink(line.key, code, reason))


def begin(state: State, turn: Turn, line: Line) -> None:
    """The link is open and it is clear whether the charger boots: send the boot, or go on without.

    Source: OCPP 2.1 errata B10.FR.10 (a station boots toward another CSMS); ocpp-semantics 4.2.
    """
    boot = state.remembered("boot")
    live = line.boot_sent_at < state.booted_at and turn.now - state.booted_at < BOOT_IS_NEWS
    if boot is None or not (live or _wants_replay(line)):
        return ready(state, turn, line)
    asked = _waits_for_boot(state, line)
    exchange = asked if asked is not None else state.next_seq(turn.utc)
    line.boot_due = Item(
        Kind.BOOT,
        "BootNotification",
        boot.payload,
        seq=exchange,
        exchange=exchange,
        at=turn.utc,
        asked=asked is not None,
        replayed=not live,
    )
    turn.touched.add(line.key)


def _wants_replay(line: Line) -> bool:
    replay = line.route.options.boot_replay
    return replay == "always" or (replay == "if_needed" and line.registration != "Accepted")


def _waits_for_boot(state: State, line: Line) -> int | None:
    """The exchange in which the charger itself boots right now and waits for this backoffice."""
    for exchange, waiting in state.waiting.items():
        if waiting.route == line.key and waiting.received.call.action == "BootNotification":
            return exchange
    return None


def opened(state: State, turn: Turn, line: Line) -> None:
    """A link is open. Nothing is sent before it is clear whether the charger boots."""
    line.phase = Phase.REGISTERING
    line.failed = False
    set_link(state, turn, line, "registering")
    if state.settled:
        begin(state, turn, line)


MEMBERS_OF_2 = {"boot": '"chargingStation"', "status": '"connectorStatus"', "availability": '"actualValue"'}
"""Members by which messages of 2.x are told from those of 1.6."""


def forget_other_versions(state: State) -> None:
    """Drop what the charger said of itself in a version that it does not speak any more."""
    for (kind, key), row in list(state.latest.items()):
        member = MEMBERS_OF_2.get(kind)
        if member is not None and (member in row.payload) == (state.version == "1.6"):
            del state.latest[kind, key]


def charger_boots(state: State, turn: Turn, line: Line) -> None:
    """The charger has booted: whatever this backoffice said to an earlier boot counts no more."""
    line.retry_boot_at = NEVER
    line.late_boot = None
    line.held = False
    line.forget_statuses()
    if line.phase is not Phase.DOWN:
        line.phase = Phase.REGISTERING
    if line.registration:
        line.registration = ""
        set_link(state, turn, line, line.link, line.error)


def settle(state: State, turn: Turn) -> None:
    """It is clear now whether the charger boots on this connection."""
    state.settle_at = NEVER
    if state.remembered("boot") is None:
        state.note_quirk("boot_missing", "it connects and goes on without one", turn)
    for line in state.lines.values():
        fresh = line.phase is Phase.REGISTERING and not line.held
        if fresh and line.boot_due is None and line.outstanding is None:
            begin(state, turn, line)


def boot_answered(state: State, turn: Turn, line: Line, answer: str, *, relayed: bool) -> None:
    """What a backoffice says to the boot (ocpp-semantics 4.3). ``relayed``: the charger hears it too."""
    head = read(answer, BootAnswer)
    line.registration = text(head.status, 16)
    interval = min(float(max(integer(head.interval) or 0, 0)), LONGEST_INTERVAL)
    if line.registration == "Accepted":
        line.heartbeat_interval = interval or DEFAULT_INTERVAL
        return ready(state, turn, line)
    line.phase = Phase.REGISTERING
    set_link(state, turn, line, "registering", f"answers {line.registration or 'nonsense'} to the boot")
    retry_boot(state, turn, line, (interval or DEFAULT_RETRY) + (CHARGER_FIRST if relayed else 0.0))


def boot_failed(state: State, turn: Turn, line: Line, error: str, *, unsupported: bool) -> None:
    """A backoffice has answered the boot with an error, or not at all."""
    if unsupported:
        line.heartbeat_interval = DEFAULT_INTERVAL
        return ready(state, turn, line)
    line.phase = Phase.REGISTERING
    set_link(state, turn, line, "registering", error)
    retry_boot(state, turn, line, DEFAULT_RETRY)


def retry_boot(state: State, turn: Turn, line: Line, wait: float) -> None:
    """Send the boot again after a while; until then this backoffice gets nothing else."""
    line.retry_boot_at = turn.now + max(wait, SHORTEST_RETRY)
    state.wake_at(line.retry_boot_at)


def boot_first(state: State, turn: Turn, line: Line, refused: Item) -> None:
    """A backoffice takes nothing from a station that it has not accepted: boot, then say it again.

    Not more than once a minute, so that one which refuses everything is not told everything in a circle.
    """
    if state.remembered("boot") is None or turn.now - line.boot_sent_at < DEFAULT_RETRY:
        return
    refused.not_before = 0.0
    boot_again(state, turn, line)


def boot_again(state: State, turn: Turn, line: Line) -> None:
    """Replay the boot toward a backoffice that has not accepted it, or not yet."""
    line.retry_boot_at = NEVER
    line.phase = Phase.REGISTERING
    boot = state.remembered("boot")
    if boot is None:
        return ready(state, turn, line)
    exchange = state.next_seq(turn.utc)
    line.boot_due = Item(
        Kind.BOOT,
        "BootNotification",
        boot.payload,
        seq=exchange,
        exchange=exchange,
        at=turn.utc,
        replayed=True,
    )
    if line.late_boot is not None:
        line.boot_due.message_ids, line.late_boot = line.late_boot.message_ids, None
    turn.touched.add(line.key)


def ready(state: State, turn: Turn, line: Line) -> None:
    """A backoffice takes messages: first the latest statuses, lowest connector first, then the rest."""
    turn.touched.add(line.key)
    line.retry_boot_at = NEVER
    if state.waits_for_billing and line is not state.billing:
        return _hold(state, turn, line)
    line.held = False
    line.phase = Phase.READY
    line.last_sent = turn.now
    if not state.backlog_only:
        replay_statuses(state, turn, line)
    set_link(state, turn, line, "connected")
    hooks.call_for_line(hooks.READY, state, turn, line)


def _hold(state: State, turn: Turn, line: Line) -> None:
    line.phase = Phase.REGISTERING
    line.held = True
    set_link(state, turn, line, "registering", "waits until Billing has accepted the charger")


def hold_others(state: State, turn: Turn) -> None:
    """Billing makes the charger wait: nobody else is told anything but the boot (ocpp-semantics 4.3)."""
    state.waits_for_billing = True
    for line in state.lines.values():
        if line.phase is Phase.READY and line is not state.billing:
            _hold(state, turn, line)


def release(state: State, turn: Turn) -> None:
    """The charger need not wait for Billing (any more)."""
    state.waits_for_billing = False
    for line in state.lines.values():
        if line.held:
            ready(state, turn, line)


def shuts_out(line: Line, action: str) -> bool:
    """Whether a station that this backoffice has rejected does not serve this CALL.

    What others than Billing have rejected is invisible to the charger: they may read.
    """
    reads = action.startswith("Get") and line.route.role is not Role.BILLING
    return line.registration == "Rejected" and not reads


def replay_statuses(state: State, turn: Turn, line: Line) -> None:
    """The statuses since the last boot, lowest first; those from before it say nothing any more."""
    statuses = _since_boot(state, "status")
    for key, row in statuses:
        seq = state.next_seq(turn.utc)
        status = Item(
            Kind.STATUS, "StatusNotification", row.payload, seq=0, exchange=seq, at=row.at, replayed=True
        )
        status.edited = True
        line.put_status(f"StatusNotification/{key}", status)
    if statuses or state.version == "1.6":
        return
    events = availability.replay(state, turn, [row for _, row in _since_boot(state, availability.KIND)])
    if events is not None:
        line.put_status("NotifyEvent", events)


def _since_boot(state: State, kind: str) -> list[tuple[str, LatestRow]]:
    """What was remembered of this kind since the last boot; keys begin with EVSE and connector."""
    boot = state.remembered("boot")
    rows = state.all_remembered(kind).items()
    return sorted((r for r in rows if boot is None or r[1].at >= boot.at), key=lambda r: _place(r[0]))


def _place(key: str) -> tuple[list[int], str]:
    return [int(n) for n in key.split("/")[:2] if n.lstrip("-").isdecimal()], key


def adopt_running(state: State, turn: Turn, line: Line) -> None:
    """Tell a route about sessions that began before it was there (ocpp-semantics 4.2.5)."""
    if not line.route.options.adopt_running_tx:
        return
    for transaction in state.transactions.open(state.version):
        known = line.key in transaction.routes or not transaction.row.start_payload
        if not known and not is_hidden(line, transaction):
            _adopt(state, turn, line, transaction)


def _adopt(state: State, turn: Turn, line: Line, transaction: Transaction) -> None:
    is_16 = transaction.row.ocpp_version == "1.6"
    number = None if is_16 else transaction.row.charger_transaction_id
    transaction.routes[line.key] = RouteTransaction("pending" if is_16 else "known", number)
    turn.store(transaction.route_row(line.key))
    action = "StartTransaction" if is_16 else "TransactionEvent"
    payloads = [transaction.row.start_payload] + (
        [transaction.row.last_payload] if transaction.row.last_payload else []
    )
    for payload in payloads:
        seq = state.next_seq(turn.utc)
        row = DeliveryRow(
            charger=state.snapshot.key,
            route=line.key,
            seq=seq,
            exchange=seq,
            at=turn.utc,
            action=action,
            payload=payload,
            transaction=transaction.id,
            edited=True,
        )
        turn.store(row)
        line.deliver(Item.of(row, replayed=True))
    turn.touched.add(line.key)
