"""Fewer of what may be fewer, when too much waits for a backoffice (ocpp-semantics 2.5).

Every second periodic meter value goes, of each session by itself. What begins or ends a session, the first
and the last value, values of the clock and of transactions, and signed ones stay. ``seqNo`` is left as it
is: the gap tells the backoffice the truth. Source: OCPP 2.0.1 part 2, E04.FR.07 and E04.FR.08 give a
station that runs out of memory the same rule.
"""

from __future__ import annotations

from collections.abc import Hashable

from routing.core import spans
from routing.core.decisions import Thin
from routing.core.lines import Line
from routing.core.state import State
from routing.core.turn import Turn

ALARM = "queue thinned"

PERIODIC = '"Sample.Periodic"'
"""The context of a value, also where it says none (OCPP 1.6 edition 2, section 7.31)."""

STEP = 1000
"""After a thinning that did not help enough, so many more have to wait before the next is tried."""


def is_periodic(action: str, payload: str) -> bool:
    """Whether a message holds nothing but meter values of a rhythm, not signed."""
    if action == "TransactionEvent":
        if spans.value(payload, "$.eventType") != "Updated" or "idToken" in payload:
            return False
        if spans.value(payload, "$.triggerReason") != "MeterValuePeriodic":
            return False
    elif action != "MeterValues":
        return False
    if "SignedData" in payload or "signedMeterValue" in payload or "\\u" in payload:
        return False
    contexts = spans.find(payload, "$.meterValue[].sampledValue[].context")
    return all(context == PERIODIC for context in contexts)


class Thinner:
    """Goes through what waits, in order, and says what to leave out.

    Of each session the first periodic message stays, then every second one; one is only left out when
    another follows, so that the last stays too.
    """

    def __init__(self) -> None:
        self._kept_last: dict[Hashable, bool] = {}
        self._candidate: dict[Hashable, int] = {}

    def take(self, seq: int, session: Hashable, action: str, payload: str) -> int | None:
        """Look at the next message; the seq of one that is to go, this or an earlier one."""
        if not is_periodic(action, payload):
            return None
        gone = self._candidate.pop(session, None)
        kept_last = self._kept_last.get(session, False)
        self._kept_last[session] = not kept_last
        if kept_last:
            self._candidate[session] = seq
        return gone


def watch(state: State, turn: Turn, line: Line) -> None:
    """More than memory holds waits for a backoffice: have it thinned once that is too much."""
    options = line.route.options
    too_much = line.waiting > options.queue_limit or line.waiting_bytes > options.queue_bytes
    if too_much and line.more and line.thin_from is not None and line.waiting >= line.thin_from:
        line.thin_from = None
        turn.emit(Thin(line.key, line.taken_up_to))


def done(state: State, turn: Turn, line: Line, dropped: int, size: int) -> None:
    """So many messages of ``size`` characters were left out."""
    line.waiting -= dropped
    line.waiting_bytes -= size
    line.thin_from = line.waiting + STEP
    if dropped:
        text = f"too much waits for {line.route.backoffice}: {dropped} periodic meter values were left out"
        state.raise_alarm(ALARM, text, turn, str(line.key))


def delivered(state: State, turn: Turn, line: Line) -> None:
    """Nothing waits any more."""
    line.thin_from = 0
    state.clear_alarm(ALARM, turn, str(line.key))
