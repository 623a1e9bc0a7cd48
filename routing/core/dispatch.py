"""Sending what a line has queued, one CALL at a time, and what happens when no answer comes."""

from __future__ import annotations

from routing.core import audit, frames
from routing.core.binding import bind
from routing.core.decisions import DELIVERY_WINDOW, Load
from routing.core.lines import Item, Kind, Line, Phase
from routing.core.rows import DeliveryDone, DeliveryFailed, LinkState, Outcome, RouteStateRow
from routing.core.state import State
from routing.core.turn import Turn


def pump(state: State, turn: Turn, line: Line) -> None:
    """Send the next CALL of a line, if one may go."""
    while (item := line.next_item(turn.now)) is not None:
        payload = bind(state, line, item)
        if payload is not None:
            _send(state, turn, line, item, payload)
            break
        _not_for_this_route(state, turn, line, item)
    if line.needs_load():
        turn.emit(Load(line.key, line.load(), DELIVERY_WINDOW))
    state.wake_at(line.deadline())


def _send(state: State, turn: Turn, line: Line, item: Item, payload: str) -> None:
    message_id = state.new_id()
    frame = frames.call(message_id, item.action, payload)
    item.message_ids = (*item.message_ids, message_id)
    item.sent_at = line.last_sent = turn.now
    if item.kind is Kind.BOOT:
        line.boot_sent_at = turn.now
    # The audit log keeps the text only where it is not the charger's own (rows.MessageRow).
    item.text = (
        "" if payload == item.payload and item.kind in (Kind.RELAY, Kind.DELIVERY, Kind.STATUS) else frame
    )
    line.outstanding = item
    line.overdue = False
    turn.send(line.key, frame)


def _not_for_this_route(state: State, turn: Turn, line: Line, item: Item) -> None:
    audit.copy(state, turn, line, item, "", "dropped", rule="option unknown_tx is skip")
    if item.kind is Kind.DELIVERY:
        turn.store(DeliveryDone(charger=state.snapshot.key, route=line.key, seq=item.seq))


def heartbeat(state: State, turn: Turn, line: Line) -> None:
    """Queue a heartbeat of the proxy's own at this backoffice's interval (ocpp-semantics 4.4)."""
    seq = state.next_seq(turn.utc)
    line.urgent.append(Item(Kind.HEARTBEAT, "Heartbeat", "{}", seq=seq, exchange=seq, at=turn.utc))
    turn.touched.add(line.key)


def overdue(state: State, turn: Turn, line: Line) -> None:
    """The outstanding CALL was not answered within ``T_up``.

    A backoffice that says nothing at all may be frozen: it is not sent the same message again while
    its link stands, so that it has it once when it wakes. The link's own pings decide about the link.
    """
    item = line.outstanding
    if item is None:
        return
    line.overdue = True
    set_link(state, turn, line, line.link, f"no answer to {item.action} within {line.route.options.T_up:g} s")
    if item.kind is not Kind.DELIVERY:
        line.outstanding = None
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
) -> None:
    """A try that did not end with a CALLRESULT: repeat it later, or give it up for dead.

    Source: OCPP 1.6 edition 2, sections 4.10 and 9.1.29 (attempts, and an interval that grows with them).
    """
    line.outstanding = None
    audit.copy(state, turn, line, item, answer, outcome, code=code, rule=error[:255])
    turn.touched.add(line.key)
    if item.kind is not Kind.DELIVERY:
        return
    item.attempts += 1
    options = line.route.options
    dead = item.attempts >= options.retry_attempts
    turn.store(
        DeliveryFailed(
            charger=state.snapshot.key,
            route=line.key,
            seq=item.seq,
            attempts=item.attempts,
            error=error[:255],
            dead=dead,
        )
    )
    if not dead:
        item.not_before = turn.now + options.retry_interval * item.attempts
        line.give_back(item)
        return
    set_link(state, turn, line, line.link, f"gave up {item.action} after {item.attempts} tries: {error}")
    transaction = state.transactions.get(item.transaction)
    if item.action == "StartTransaction" and transaction is not None and line.key in transaction.routes:
        transaction.routes[line.key].state = "failed"
        turn.store(transaction.route_row(line.key))


def set_link(state: State, turn: Turn, line: Line, link: LinkState, error: str = "") -> None:
    """Record how a route is."""
    line.link = link
    turn.store(
        RouteStateRow(
            charger=state.snapshot.key,
            route=line.key,
            state=link,
            since=turn.utc,
            last_error=error[:255],
            registration=line.registration,
        )
    )


def down(state: State, turn: Turn, line: Line) -> None:
    """A link is gone: what was on its way and must arrive waits again, the rest is over."""
    line.phase = Phase.DOWN
    line.overdue = False
    line.boot_due = None
    item, line.outstanding = line.outstanding, None
    if item is not None:
        audit.copy(state, turn, line, item, "", "lost", rule="the link closed before the answer")
        if item.kind is Kind.DELIVERY:
            item.replayed = True
            line.give_back(item)
    for waiting in line.fifo:
        waiting.replayed = True
    line.urgent.clear()
    line.statuses.clear()
