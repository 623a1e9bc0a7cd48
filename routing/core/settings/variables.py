"""SetVariables of OCPP 2.x, item by item (3.9).

What the proxy decides itself and what the charger answers come back in one list, in the order asked.
"""

from __future__ import annotations

from functools import partial

from routing.core import calls, guard, spans
from routing.core.frames import quote
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.settings import changes, items, keys, present, settling
from routing.core.settings.changes import Change
from routing.core.settings.configuration import only_text
from routing.core.settings.items import ACTUAL, Named
from routing.core.settings.keys import Kind, Setting
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn


class Writes:
    """One SetVariables: its items, what becomes of each, and their results by position."""

    __slots__ = ("changes", "items", "results")

    def __init__(self, named: list[Named], made: list[Change]) -> None:
        self.items = named
        self.changes = made
        self.results: dict[int, str] = {}
        for position, (item, change) in enumerate(zip(named, made, strict=True)):
            if change.status:
                self.results[position] = item.result(change.status)

    @property
    def open(self) -> list[int]:
        """Positions that the charger still has to answer."""
        return [position for position in range(len(self.items)) if position not in self.results]

    def answer(self) -> str:
        """All results, as JSON text, in the order asked."""
        return f"[{','.join(self.results[position] for position in range(len(self.items)))}]"


def change(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a SetVariables: answer it, or tell the charger what is the charger's of it."""
    named = items.read(asked.payload, "$.setVariableData", "$.attributeValue")
    if named is None:
        return calls.deny(state, turn, asked, "each item names one component, one variable and one value")
    missing = present.missing(state, line, asked, [_setting(state, item) for item in named])
    if missing:
        return present.ask(state, turn, asked, missing, partial(_change, named))
    _change(named, state, turn, line, asked)


def _change(named: list[Named], state: State, turn: Turn, line: Line, asked: Asked) -> None:
    writes = Writes(named, [_plan(state, turn, line, asked, item) for item in named])
    rules = [change.rule for change in writes.changes if change.status == "Rejected"]
    if len(rules) == len(named):
        return calls.deny(state, turn, asked, rules[0])
    decided = list(dict.fromkeys(change.rule for change in writes.changes if change.rule))
    asked.rule = "; ".join(decided)[:255] or asked.rule
    if rules:
        calls.blocked(state, turn, asked)
    if not writes.open:
        return calls.answer(state, turn, asked, f'{{"setVariableResult":{writes.answer()}}}', asked.rule)
    _submit(state, turn, asked, writes)


def _plan(state: State, turn: Turn, line: Line, asked: Asked, item: Named) -> Change:
    value = only_text(item.token, "$.attributeValue")
    setting = _setting(state, item)
    if value is None:
        return Change(setting, "").answer("Rejected", f"{item.name} is given no value that is text")
    if setting.kind is Kind.VIRTUAL and item.attribute != ACTUAL:
        return Change(setting, value).answer("Rejected", f"{item.name} has no {item.attribute[:10]} to set")
    made = changes.plan(state, turn, line, asked, setting, value, _objection(item, value))
    made.is_tracked = item.is_plain and item.attribute == ACTUAL
    return made


def _setting(state: State, item: Named) -> Setting:
    """Routes agree on the value of a whole charger; other attributes and places are Billing's."""
    setting = keys.find(state.version, item.name)
    if setting.kind in changes.MERGED and not (item.is_plain and item.attribute == ACTUAL):
        return Setting(item.name, Kind.BILLING)
    return setting


def _objection(item: Named, value: str) -> str:
    components = [name for name in (item.component, item.instances[0]) if name] or [""]
    variables = [name for name in (item.variable, item.instances[1]) if name] or [""]
    pairs = ((component, variable) for component in components for variable in variables)
    return next((o for c, v in pairs if (o := guard.variable_objection(c, v, value))), "")


def _submit(state: State, turn: Turn, asked: Asked, writes: Writes) -> None:
    positions = writes.open
    payload = asked.payload
    tokens = [_told(writes.items[p].token, writes.changes[p]) for p in positions]
    if len(positions) < len(writes.items) or any(c.sent != c.value for c in writes.changes):
        payload = spans.patch(payload, {"$.setVariableData": f"[{','.join(tokens)}]"})
    calls.submit(state, turn, asked, payload, lambda s, t, call, reply: _answered(s, t, call, reply, writes))


def _told(token: str, change: Change) -> str:
    return (
        token if change.sent == change.value else spans.patch(token, {"$.attributeValue": quote(change.sent)})
    )


def _answered(state: State, turn: Turn, call: DownCall, reply: Reply, writes: Writes) -> None:
    asked = call.asked
    if asked is None:
        return
    line = state.lines.get(asked.route)
    positions = writes.open
    untouched = len(positions) == len(writes.items)
    if reply.payload is None:
        for position in positions:
            if changes.was_sent(call):
                changes.conclude(state, turn, line, writes.changes[position], None)
            writes.results[position] = writes.items[position].result("Rejected", info=items.UNANSWERED)
        return calls.relay(state, turn, call, reply) if untouched else _answer(state, turn, asked, writes)
    again = _take(state, turn, line, writes, positions, reply.payload)
    if again:
        return _submit(state, turn, asked, writes)
    for change in writes.changes:
        settling.after_answer(state, turn, change)
    own = [writes.results[position] for position in range(len(writes.items))]
    if untouched and spans.find(reply.payload, "$.setVariableResult[]") == own:
        return calls.relay(state, turn, call, reply)
    _answer(state, turn, asked, writes)


def _take(
    state: State, turn: Turn, line: Line | None, writes: Writes, positions: list[int], payload: str
) -> bool:
    """Take the charger's results; whether some of it has to be asked once more."""
    found = spans.find(payload, "$.setVariableResult")
    tokens = items.matched({p: writes.items[p] for p in positions}, found[-1] if found else "")
    again = False
    for position in positions:
        item, change, token = writes.items[position], writes.changes[position], tokens.get(position, "")
        status = str(spans.value(token, "$.attributeStatus")) if token else None
        if status is not None and line is not None and changes.second_try(state, line, change, status):
            again = True
            continue
        changes.conclude(state, turn, line, change, status)
        if status is None:
            writes.results[position] = item.result("Rejected", info=items.UNANSWERED)
        else:
            writes.results[position] = token if change.status == status else item.result(change.status)
    return again


def _answer(state: State, turn: Turn, asked: Asked, writes: Writes) -> None:
    payload = f'{{"setVariableResult":{writes.answer()}}}'
    calls.answer(state, turn, asked, payload, asked.rule)
