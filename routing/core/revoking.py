"""What waits for the charger when permissions change: an edit holds for that too, not only for what comes."""

from __future__ import annotations

from routing.core import calls, guard, policy, spans
from routing.core.gate import Asked, DownCall
from routing.core.lines import Line
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn

OVER = "guard: the override is over"


def configured(state: State, turn: Turn) -> None:
    """Refuse what may not go to the charger any more. What the charger has been asked can't be taken back."""
    for call in list(state.gate.queue):
        asked = call.asked
        line = None if asked is None else state.lines.get(asked.route)
        if asked is None or line is None:
            continue  # the proxy's own, or dropped with its route
        rule = _objection(state, turn, line, call, asked)
        if rule and call in state.gate.queue:
            calls.revoke(state, turn, call, rule)


def overrides_end(state: State, turn: Turn) -> None:
    """Refuse what waits under an override whose hour is over."""
    for call in list(state.gate.queue):
        if call.asked is None or not call.asked.overridden:
            continue
        line = state.lines.get(call.asked.route)
        if line is not None and not guard.is_overridden(turn, line):
            calls.revoke(state, turn, call, OVER)


def _objection(state: State, turn: Turn, line: Line, call: DownCall, asked: Asked) -> str:
    """Why a CALL may not go on any more, in words; "" where it may."""
    if asked.overridden and not guard.is_overridden(turn, line):
        return OVER
    verdict, rule = policy.decide(asked.row, line.route, asked.payload)
    if verdict is Verdict.DENY and not guard.opens(turn, line, asked):
        return rule
    if asked.row.qualifier is None or not asked.row.qualifier.items:
        return guard.check(state, turn, line, asked)
    return _of_items(line, call, asked)


def _of_items(line: Line, call: DownCall, asked: Asked) -> str:
    """Each item that the charger would get has to be permitted still."""
    qualifier = asked.row.qualifier
    if qualifier is None or call.row is not asked.row:
        return ""
    for item in spans.find(call.payload, qualifier.items):
        for name in policy.qualifiers(qualifier, f'{{"{qualifier.items[2:-2]}":[{item}]}}'):
            verdict, rule = policy.decide_item(asked.row, line.route, name)
            if verdict is Verdict.DENY:
                return rule
    return ""
