"""What the charger is told about its boot, and what follows from it for everybody (ocpp-semantics 4.3).

Billing decides, with three exceptions: it is away; it refuses a charger that it took before
(``hold_rejected``); or the charger is not to depend on it at all (``decouple_boot``).
"""

from __future__ import annotations

from datetime import timedelta

from routing.core import calls, fallback, hooks, registration, replies, spans
from routing.core.decisions import CloseCharger
from routing.core.lines import Line, Phase
from routing.core.payloads import BootAnswer, integer, read, text, wire_time
from routing.core.state import Received, State
from routing.core.turn import Turn

HOLD = timedelta(minutes=15)
"""How long a charger keeps its acceptance while Billing refuses it."""

HOLD_TIMER = "hold_rejected"
DROP_TIMER = "on_primary_loss"


def billing_answers(state: State, turn: Turn, answer: str) -> None:
    """Billing has answered a boot, the charger's own or a replayed one: keep what counts later."""
    status = text(read(answer, BootAnswer).status)
    if status == "Accepted":
        state.remember("boot_answer", "", answer, turn)
        registration.release(state, turn)
    if status != "Rejected":
        state.forget("boot_refused", "", turn)
        state.cancel(HOLD_TIMER)
    elif _may_hold(state):
        if state.remembered("boot_refused") is None:
            state.remember("boot_refused", "", '"Rejected"', turn)
        _watch(state, turn)


def _watch(state: State, turn: Turn) -> None:
    """Have the charger boot again when the time is over for which its old acceptance holds."""
    refused = state.remembered("boot_refused")
    if refused is not None and turn.utc < refused.at + HOLD:
        state.call_at(HOLD_TIMER, turn.now + (refused.at + HOLD - turn.utc).total_seconds(), _hold_ends)


def _hold_ends(state: State, turn: Turn) -> None:
    payload = '{"requestedMessage":"BootNotification"}'
    calls.command(state, turn, "TriggerMessage", payload, "hold_rejected: Billing still refuses the charger")


def connected(state: State, turn: Turn) -> None:
    """The charger has connected, perhaps after a restart of the proxy: what is timed goes on."""
    _watch(state, turn)
    accepted = state.remembered("boot_answer")
    wished = integer(read(accepted.payload, BootAnswer).interval) if accepted else None
    state.interval = float(fallback.clamped(wished, state))
    billing = state.billing
    if billing is not None and billing.phase is Phase.DOWN and billing.failed:
        billing_lost(state, turn, billing)


def is_held(state: State, turn: Turn) -> bool:
    """Whether the charger keeps its old acceptance although Billing refuses it now."""
    refused = state.remembered("boot_refused")
    return refused is not None and turn.utc < refused.at + HOLD and _may_hold(state)


def _may_hold(state: State) -> bool:
    """Whether there is an acceptance that the charger may keep, and needs to."""
    options = state.snapshot.options
    wished = options.hold_rejected and not options.decouple_boot
    return wished and state.remembered("boot_answer") is not None


def for_charger(state: State, turn: Turn, received: Received, answer: str) -> tuple[str, str]:
    """What the charger gets of Billing's answer to its boot; with the rule where it is another, else ""."""
    status = text(read(answer, BootAnswer).status)
    if status == "Rejected" and is_held(state, turn):
        payload, _ = fallback.answer(state, turn, received, "")
        if payload is not None:
            told(state, turn, payload, by_billing=False)
            return payload, "proxy: hold_rejected keeps the old acceptance"
    told(state, turn, answer, by_billing=True)
    if status == "Accepted":
        return _own_clock(state, turn, fallback.with_interval(state, answer)), ""
    state.forget("boot_answer", "", turn)
    return answer, ""


def _own_clock(state: State, turn: Turn, answer: str) -> str:
    """Some backoffices tell a time without its zone, or a wrong one (``clock_source``)."""
    if state.snapshot.options.clock_source == "backoffice":
        return answer
    return spans.insert(answer, "$.currentTime", f'"{wire_time(turn.utc)}"')


def answer_here(state: State, turn: Turn, received: Received, why: str) -> None:
    """Answer the charger's boot for a Billing that is away, late or not asked."""
    payload, rule = fallback.answer(state, turn, received, "")
    if payload is not None:
        told(state, turn, payload, by_billing=False)
        replies.reply(state, turn, received, payload, f"{rule} ({why})")


def told(state: State, turn: Turn, answer: str, *, by_billing: bool) -> None:
    """The charger is being told this: where Billing makes it wait, the others wait with it.

    A station in Pending sends nothing on its own (OCPP 1.6 edition 2, section 4.2), so a backoffice that
    has accepted it hears nothing but the boot.
    """
    head = read(answer, BootAnswer)
    accepted = text(head.status) == "Accepted"
    state.interval = float(fallback.clamped(integer(head.interval), state))
    if by_billing and not accepted:
        registration.hold_others(state, turn)
    else:
        registration.release(state, turn)
    if accepted:
        hooks.call(hooks.ACCEPTED, state, turn)


# -- the local controller's rule: without Billing no charger ------------------------------------------


def billing_lost(state: State, turn: Turn, line: Line) -> None:
    """Billing cannot be reached: with ``on_primary_loss: drop`` the charger is to queue itself.

    Source: OCPP 2.0.1 and 2.1 part 4 section 6 (local controller); ocpp-semantics 0.
    """
    options = state.snapshot.options
    concerned = options.on_primary_loss == "drop" and line is state.billing and state.online
    if concerned and DROP_TIMER not in state.timers:
        state.call_at(DROP_TIMER, turn.now + options.offline_grace, _drop)


def billing_found(state: State, line: Line) -> None:
    """The link of Billing is open again."""
    if line is state.billing:
        state.cancel(DROP_TIMER)


def _drop(state: State, turn: Turn) -> None:
    billing = state.billing
    if billing is not None and billing.phase is Phase.DOWN and state.online:
        turn.emit(CloseCharger(1012, "Billing is away"))
