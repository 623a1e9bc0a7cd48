"""Sending what a line has queued, one CALL at a time, and what happens when no answer comes."""

from __future__ import annotations

from routing.core import actions, audit, frames, letters, repairs, slots, thinning
from routing.core.binding import bind
from routing.core.decisions import Report
from routing.core.lines import NEVER, Item, Kind, Line, Phase, Slot
from routing.core.rows import DeliveryDone, DeliveryFailed, LinkState, Outcome, RouteStateRow
from routing.core.state import State
from routing.core.transactions import same_family
from routing.core.turn import Turn

COPIES = frozenset({Kind.RELAY, Kind.DELIVERY, Kind.STATUS})
"""What is a message of the charger, passed on."""

AWAY = frozenset({"dialling", "waiting", "parked"})
"""States of a link that is wanted and not there."""


def pump(state: State, turn: Turn, line: Line) -> None:
    """Send the next CALL of a line, if one may go."""
    if state.winding_down:
        return
    deliveries = not line.catching_up or slots.may_send(state, turn, line)
    while (item := line.next_item(turn.now, deliveries=deliveries)) is not None:
        if item.kind is Kind.DELIVERY and item.replayed and (why := _why_never(state, turn, line, item)):
            line.outstanding = item
            failed(state, turn, line, item, "", "dropped", why, for_good=True)
            continue
        payload = bind(state, line, item)
        if payload is not None:
            if line.route.options.strict:
                payload = repairs.without_nulls(payload)
            _send(state, turn, line, item, payload)
            break
        _not_for_this_route(state, turn, line, item)
    if line.catching_up or line.slot is not Slot.NONE:
        slots.settle(state, turn, line)
    if (line.more or line.asks_for_letters) and line.may_load:  # seldom, so nothing is called per frame
        letters.load(turn, line)
    state.wake_at(line.deadline(heartbeats=state.shows_life(turn.now)))


def _send(state: State, turn: Turn, line: Line, item: Item, payload: str) -> None:
    message_id = state.new_id()
    frame = frames.call(message_id, item.action, payload)
    item.message_ids = (*item.message_ids, message_id)
    item.sent_at = line.last_sent = turn.now
    item.sent_utc = turn.utc
    item.late = ""
    if item.kind is Kind.BOOT:
        line.boot_sent_at = turn.now
    # The audit log keeps the text only where it is not the charger's own (rows.MessageRow).
    is_chargers_own = payload == item.payload and not item.edited and item.kind in COPIES
    is_chargers_own = is_chargers_own and not state.snapshot.options.repair and not state.is_headless(item)
    item.text = "" if is_chargers_own else frame
    item.size = len(frame)
    line.outstanding = item
    line.overdue = False
    turn.send(line.key, frame)


def _why_never(state: State, turn: Turn, line: Line, item: Item) -> str:
    """Why a stored message is not to be sent any more, in words; "" when it is."""
    if letters.is_too_old(state, turn, line, item):
        return letters.too_long(line.route.options.keep_for)
    return _of_another_version(state, item)


def _of_another_version(state: State, item: Item) -> str:
    """Why a stored message cannot be sent on a link of the charger's present version; "" when it can."""
    transaction = state.transactions.get(item.transaction)
    written = transaction.row.ocpp_version if transaction is not None else ""
    row = actions.up(state.version, item.action)
    if row is not None and (not written or same_family(written, state.version)):
        return ""
    return f"was written in OCPP {written or 'of another version'}, the charger speaks {state.version} now"


def _not_for_this_route(state: State, turn: Turn, line: Line, item: Item) -> None:
    audit.copy(state, turn, line, item, "", "withheld", rule="nothing in it is for this route")
    if item.kind is Kind.DELIVERY:
        delivered(state, turn, line, item)


def delivered(state: State, turn: Turn, line: Line, item: Item) -> None:
    """A delivery is over: its row goes."""
    turn.store(DeliveryDone(charger=state.snapshot.key, route=line.key, seq=item.seq))
    line.settled(item)
    if state.alarms and (line.waiting <= 0 or not line.backlog):
        thinning.delivered(state, turn, line)


def heartbeat(state: State, turn: Turn, line: Line) -> None:
    """Queue a heartbeat of the proxy's own at this backoffice's interval (ocpp-semantics 4.4)."""
    seq = state.next_seq(turn.utc)
    line.ask(Item(Kind.HEARTBEAT, "Heartbeat", "{}", seq=seq, exchange=seq, at=turn.utc))
    turn.touched.add(line.key)


def overdue(state: State, turn: Turn, line: Line) -> None:
    """The outstanding CALL was not answered within ``T_up``.

    A backoffice that says nothing at all may be frozen: it is not sent the same message again before
    its link has had the time to fail its pings, so that it has the message once when it wakes. If it
    speaks, or the link still stands after twice ``T_up``, the answer was lost.
    """
    item = line.outstanding
    if item is None:
        return
    line.overdue = True
    line.timeouts += 1
    set_link(state, turn, line, line.link, f"no answer to {item.action} within {line.route.options.T_up:g} s")
    if item.kind is not Kind.DELIVERY:
        line.outstanding = None
        line.late_boot = item if item.kind is Kind.BOOT else line.late_boot
        audit.copy(state, turn, line, item, "", "timeout")
        turn.touched.add(line.key)


def heard(state: State, turn: Turn, line: Line) -> None:
    """The backoffice has sent something: if it still owes an answer, that one was lost."""
    item = line.outstanding
    if line.overdue and item is not None:
        failed(state, turn, line, item, "", "timeout", f"no answer to {item.action}")
    line.overdue = False


def failed(
    state: State,
    turn: Turn,
    line: Line,
    item: Item,
    answer: str,
    outcome: Outcome,
    error: str,
    code: str = "",
    *,
    for_good: bool = False,
) -> None:
    """A try that did not end with a CALLRESULT: repeat it later, or give it up for dead.

    Source: OCPP 1.6 edition 2, sections 4.10 and 9.1.29 (attempts, and an interval that grows with them).
    """
    if line.outstanding is item:
        line.outstanding = None
    audit.copy(state, turn, line, item, answer, outcome, code=code, rule=error[:255])
    turn.touched.add(line.key)
    if item.kind is not Kind.DELIVERY:
        return
    item.attempts += 1
    options = line.route.options
    if not for_good and item.attempts < options.retry_attempts:
        _store_failure(state, turn, line, item, error, dead=False)
        item.not_before = turn.now + options.retry_interval * item.attempts
        line.give_back(item)
        return
    bury(state, turn, line, item, error)
    mourn(state, turn, line, f"gave up {item.action} after {item.attempts} tries: {error}")


def _store_failure(state: State, turn: Turn, line: Line, item: Item, error: str, *, dead: bool) -> None:
    turn.store(
        DeliveryFailed(
            charger=state.snapshot.key,
            route=line.key,
            seq=item.seq,
            attempts=item.attempts,
            error=error[:255],
            dead=dead,
            died_at=turn.utc if dead else None,
        )
    )


def mourn(state: State, turn: Turn, line: Line, words: str) -> None:
    """Say that a line has new dead letters, or one."""
    set_link(state, turn, line, line.link, words)
    turn.emit(Report("dead_letter", f"{line.route.backoffice}: {words}", route=line.key))
    letters.died(state, turn, line, words)


def bury(state: State, turn: Turn, line: Line, item: Item, error: str) -> None:
    """Make a dead letter of a delivery: it waits for a person, what is behind it goes on."""
    _store_failure(state, turn, line, item, error, dead=True)
    line.settled(item)
    transaction = state.transactions.get(item.transaction)
    if item.action == "StartTransaction" and transaction is not None and line.key in transaction.routes:
        transaction.routes[line.key].state = "failed"
        turn.store(transaction.route_row(line.key))


def set_link(state: State, turn: Turn, line: Line, link: LinkState, error: str = "") -> None:
    """Record how a route is. Being dialled and waiting to be dialled again are one way to be away."""
    is_new = link != line.link and not (link in AWAY and line.link in AWAY)
    if is_new or line.since is None:
        line.since = turn.utc
    line.link, line.error = link, error[:255]
    turn.store(
        RouteStateRow(
            charger=state.snapshot.key,
            route=line.key,
            state=link,
            since=line.since,
            last_error=line.error,
            registration=line.registration,
        )
    )


def down(state: State, turn: Turn, line: Line) -> None:
    """A link is gone: what was on its way and must arrive waits again, the rest is over."""
    line.phase = Phase.DOWN
    line.overdue = line.held = False
    line.timeouts = 0
    line.boot_due = line.late_boot = None
    line.retry_boot_at = NEVER
    item, line.outstanding = line.outstanding, None
    if item is not None:
        audit.copy(state, turn, line, item, "", "lost", rule="the link closed before the answer")
        if item.kind is Kind.DELIVERY:
            item.replayed = True
            line.give_back(item)
    for waiting in line.fifo:
        waiting.replayed = line.catching_up = True
    slots.free(turn, line)
    line.urgent.clear()
    line.forget_statuses()
