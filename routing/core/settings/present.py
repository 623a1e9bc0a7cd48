"""What the charger has of a shared setting before a route other than Billing first wants something of it.

Billing may have set it before there was a proxy, or be content with what there is. Until it says otherwise
that is taken as its wish: else the first wish of anybody would make its meter values fewer without a word.
What is off or empty says nothing.

After a boot the charger is asked as well: some begin anew with what they were made with, and nobody would
know until the meter values are missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from routing.core import actions, calls, metering, policy, spans
from routing.core.errors import Condition
from routing.core.frames import quote
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.settings import changes, items, keys, settling, views, wishes
from routing.core.settings.items import ACTUAL
from routing.core.settings.keys import Kind, Setting
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn

Again = Callable[[State, Turn, Line, Asked], None]
"""Goes on with the write, now that what the charger has is known."""

TIMER = "settings after a boot"


def missing(state: State, line: Line, asked: Asked, settings: Sequence[Setting]) -> list[Setting]:
    """Those of the settings in a write of which the charger is to be asked first."""
    if state.billing is None or state.billing is line:
        return []
    return [
        setting
        for setting in settings
        if setting.kind in changes.MERGED
        and wishes.charger_has(state, setting.name) is None
        and not wishes.together(state, setting.name)
        and policy.decide_item(asked.row, line.route, setting.name)[0] is not Verdict.DENY
    ]


def ask(state: State, turn: Turn, asked: Asked, settings: Sequence[Setting], again: Again) -> None:
    """Ask the charger what it has, and go on with what was asked."""
    names = list(dict.fromkeys(setting.name for setting in settings))
    action, payload = _question(state, names)
    then = partial(_answered, names, again)
    call = calls.submit(state, turn, asked, payload, then, row=actions.down(state.version, action))
    if call is not None:
        call.rule = "proxy: what the charger has, before another than Billing changes it"


def _question(state: State, names: Sequence[str]) -> tuple[str, str]:
    """The action and payload that ask for settings."""
    if state.version == "1.6":
        return "GetConfiguration", f'{{"key":[{",".join(map(quote, names))}]}}'
    return "GetVariables", f'{{"getVariableData":[{",".join(map(_item, names))}]}}'


def _item(name: str) -> str:
    component, _, variable = name.partition(".")
    return f'{{"component":{{"name":{quote(component)}}},"variable":{{"name":{quote(variable)}}}}}'


def _answered(names: list[str], again: Again, state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    asked = call.asked
    if asked is None:
        return
    line = state.lines.get(asked.route)
    if line is None or asked.withdrawn:
        return calls.refuse(state, turn, asked, Condition.GENERIC, "the asker is gone", "lost")
    if reply.payload is None and reply.outcome != "error":
        return calls.relay(state, turn, call, reply)
    for name, value in _values(state, reply.payload or "{}"):
        setting = keys.find(state.version, name)
        if setting.name in names:
            _take(state, turn, setting, value)
    metering.refresh(state)
    again(state, turn, line, asked)


def _values(state: State, payload: str) -> list[tuple[str, str]]:
    """The names and values that the charger has answered."""
    if state.version == "1.6":
        tokens = spans.find(payload, "$.configurationKey[]")
        return [(views.member(token, "$.key"), views.member(token, "$.value")) for token in tokens]
    tokens = spans.find(payload, "$.getVariableResult[]")
    named = [item for token in tokens if (item := items.named(token)) is not None]
    whole = [item for item in named if item.is_plain and item.attribute == ACTUAL]
    return [(item.name, views.member(item.token, "$.attributeValue")) for item in whole]


def _take(state: State, turn: Turn, setting: Setting, value: str) -> None:
    if len(value) > wishes.LONGEST_VALUE or state.billing is None:
        return
    says = wishes.interval(value) if setting.kind is Kind.INTERVAL else wishes.members(value)
    if says and not wishes.together(state, setting.name):
        wishes.charger_takes(state, turn, setting.name, value)
        wishes.keep(state, turn, state.billing.key, setting.name, value)


# -- after a boot --------------------------------------------------------------------------------------


def accepted(state: State, turn: Turn) -> None:
    """The charger has booted: see in a while whether it still has what it was told."""
    if _told(state):
        state.call_at(TIMER, turn.now + settling.AFTER_CONNECT, _look)


def _told(state: State) -> list[str]:
    """The settings that somebody has a wish for, and that the charger had."""
    shared = (setting.name for setting in keys.table(state.version) if setting.kind in changes.MERGED)
    return [name for name in shared if wishes.charger_has(state, name) and wishes.together(state, name)]


def _look(state: State, turn: Turn) -> None:
    names = _told(state)
    if names and state.online:
        action, payload = _question(state, names)
        calls.command(state, turn, action, payload, "proxy: what the charger has after its boot", _seen)


def _seen(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    for name, value in _values(state, reply.payload or "{}"):
        setting = keys.find(state.version, name)
        is_shared = setting.kind in changes.MERGED and value != ""
        if is_shared and wishes.charger_reports(state, turn, setting.name, value):
            settling.tell(state, turn, setting)
    metering.refresh(state)
