"""The proxy tells the charger what comes of all wishes, when a route has left or an answer was lost (3.9)."""

from __future__ import annotations

from collections.abc import Iterable

from routing.core import actions, calls, metering, policy, spans
from routing.core.decisions import Report
from routing.core.frames import quote
from routing.core.gate import DownCall, Reply
from routing.core.lines import Line
from routing.core.settings import changes, keys, virtual, wishes
from routing.core.settings.keys import Setting
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn

AFTER_CONNECT = 5.0
"""Seconds after a connection before the charger is asked something: it may boot first."""

TIMER = "settings"


def after_answer(state: State, turn: Turn, change: changes.Change) -> None:
    """The charger has just taken a value: another wish may have been granted while it thought.

    Not after it has refused a list: it would be asked in a circle.
    """
    had = wishes.charger_has(state, change.setting.name)
    is_taken = change.setting.kind in changes.MERGED and change.status in changes.ACCEPTED
    if is_taken and had is not None and not change.refused:
        tell(state, turn, change.setting)


def configured(state: State, turn: Turn) -> None:
    """Routes have changed: what one wanted that is switched off or denied counts no more."""
    if not state.version:
        return  # before the first connection, which sees to it
    for setting in _forget_the_gone(state, turn):
        if state.online:
            tell(state, turn, setting)
        else:
            wishes.charger_takes(state, turn, setting.name, None)
    metering.refresh(state)


def connected(state: State, turn: Turn) -> None:
    """The charger is back. What it has accepted it has kept; it is told only what is not certain."""
    for setting in _forget_the_gone(state, turn):
        wishes.charger_takes(state, turn, setting.name, None)
    metering.refresh(state)
    if any(_unsure(state)):
        state.call_at(TIMER, turn.now + AFTER_CONNECT, _tell_unsure)


def _tell_unsure(state: State, turn: Turn) -> None:
    for setting in _unsure(state):
        tell(state, turn, setting)


def _unsure(state: State) -> Iterable[Setting]:
    for setting in keys.table(state.version):
        merged = setting.kind in changes.MERGED
        if merged and wishes.charger_has(state, setting.name) is None and _wanted(state, setting) is not None:
            yield setting


def _forget_the_gone(state: State, turn: Turn) -> list[Setting]:
    """Drop the wishes of routes that are gone or denied; returns the merged settings they were for."""
    left: dict[str, Setting] = {}
    for key in list(state.all_remembered(wishes.WISH)):
        route, _, name = key.partition("/")
        line = state.lines.get(int(route)) if route.isdecimal() else None
        if line is not None and _may_wish(state, line, name):
            continue
        setting = keys.find(state.version, name)
        if line is not None:
            virtual.give_up(state, turn, line, setting.name)
        elif setting.name in keys.HEARTBEAT:
            state.forget(virtual.BOOT_INTERVAL, route, turn)
        state.forget(wishes.WISH, key, turn)
        if setting.kind in changes.MERGED:
            left[setting.name] = setting
    return list(left.values())


def _may_wish(state: State, line: Line, name: str) -> bool:
    action = "SetVariables" if "." in name else "ChangeConfiguration"
    row = actions.down(state.version, action)
    if row is None:
        return True  # written in a version that the charger does not speak now
    return policy.decide_item(row, line.route, name)[0] is not Verdict.DENY


def _wanted(state: State, setting: Setting) -> str | None:
    return wishes.merged(state, setting, wishes.together(state, setting.name))


def tell(state: State, turn: Turn, setting: Setting) -> None:
    """Tell the charger what all want together, if that is not what it has."""
    wanted = _wanted(state, setting)
    if wanted is None or wanted == wishes.charger_has(state, setting.name):
        return
    component, _, variable = setting.name.partition(".")
    if state.version == "1.6":
        action, payload = "ChangeConfiguration", f'{{"key":"{setting.name}","value":{quote(wanted)}}}'
    else:
        named = f'"component":{{"name":"{component}"}},"variable":{{"name":"{variable}"}}'
        action, payload = (
            "SetVariables",
            f'{{"setVariableData":[{{"attributeValue":{quote(wanted)},{named}}}]}}',
        )
    rule = f"proxy: what backoffices want of {setting.name} has changed"

    def told(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
        _told(state, turn, setting, wanted, reply)

    calls.command(state, turn, action, payload, rule, told)


def _told(state: State, turn: Turn, setting: Setting, wanted: str, reply: Reply) -> None:
    path = "$.status" if state.version == "1.6" else "$.setVariableResult[].attributeStatus"
    status = None if reply.payload is None else spans.value(reply.payload, path)
    if isinstance(status, str) and status in changes.ACCEPTED:
        wishes.charger_takes(state, turn, setting.name, wanted)
        metering.refresh(state)
    else:
        words = f"the charger has not taken {setting.name} {wanted[:60]}: {str(status or reply.code)[:60]}"
        turn.emit(Report("configuration", words))
        if status is None:
            wishes.charger_takes(state, turn, setting.name, None)
