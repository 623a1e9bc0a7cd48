"""Slots: a backoffice that comes back is sent what has waited at a pace that it has agreed to.

A line whose deliveries have waited sends the next one only with a slot. The shell hands out as many at
once as the backoffice is configured to take, of all chargers together, and each is given back when its
CALL has ended; the line then asks again, behind the others. What did not have to wait needs none, nor does
anything while the charger waits for an answer of this backoffice. Source: ocpp-semantics 2.5, 4.2, 7.8.
"""

from __future__ import annotations

from routing.core.decisions import AskSlot, FreeSlot
from routing.core.lines import Kind, Line, Slot
from routing.core.snapshot import RouteSnapshot
from routing.core.state import State
from routing.core.turn import Turn

OUTSTANDING = frozenset({Kind.DELIVERY, Kind.REPEAT})

WISHED = frozenset({Slot.ASKED, Slot.GRANTED})


def may_send(state: State, turn: Turn, line: Line) -> bool:
    """Whether what has waited may be sent now; a slot whose CALL has ended is given back."""
    if line.slot is Slot.USED and (line.outstanding is None or line.outstanding.kind not in OUTSTANDING):
        free(turn, line)
    return line.slot is Slot.GRANTED or _is_waited_for(state, line)


def _is_waited_for(state: State, line: Line) -> bool:
    """Whether the charger waits for this backoffice: what stands before its CALL must not wait either."""
    return any(waiting.route == line.key for waiting in state.waiting.values())


def settle(state: State, turn: Turn, line: Line) -> None:
    """After a line has sent what it may: ask for a slot, or give back what it has no use for.

    What goes without a slot, such as a heartbeat, costs a line neither its place among those who ask nor the
    slot that it gets meanwhile: else one that is never silent for long would never have its turn.
    """
    sends = line.outstanding is not None and line.outstanding.kind in OUTSTANDING
    if line.slot is Slot.GRANTED and sends:
        line.slot = Slot.USED
        return
    is_due = line.catching_up and not sends and line.head_is_due(turn.now)
    if line.slot in WISHED and not is_due:
        free(turn, line)
    elif line.slot is Slot.NONE and is_due:
        line.slot = Slot.ASKED
        turn.emit(AskSlot(line.key, line.route.backoffice, line.route.catch_up))
    if line.slot is Slot.NONE and not line.backlog:
        line.catching_up = False


def granted(turn: Turn, line: Line | None) -> None:
    """The slot that was asked for is there."""
    if line is not None and line.slot is Slot.ASKED:
        line.slot = Slot.GRANTED
        turn.touched.add(line.key)


def free(turn: Turn, line: Line) -> None:
    """A line needs no slot any more."""
    if line.slot is not Slot.NONE:
        line.slot = Slot.NONE
        turn.emit(FreeSlot(line.key))


def reconfigured(turn: Turn, line: Line, route: RouteSnapshot) -> None:
    """A line that still waits for its slot asks anew where how many there are has changed."""
    old = line.route
    if line.slot is Slot.ASKED and (old.catch_up, old.backoffice) != (route.catch_up, route.backoffice):
        free(turn, line)
        turn.touched.add(line.key)
