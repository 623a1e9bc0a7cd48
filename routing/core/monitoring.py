"""Variable monitors of 2.x: one charger's, shared out among backoffices (ocpp-semantics 3.6).

The charger gives the ids. A route calls its monitor by the charger's number too, which tells it nothing
of others and keeps frames as they are; only where it knows that number already it gets another one.
Every id is looked up per route on each way, so that nobody names or sees what is not its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from routing.core import actions, calls, monitors, rewriting, spans
from routing.core.actions import Down, Kind
from routing.core.errors import Condition
from routing.core.gate import Asked, DownCall, Reply
from routing.core.identifiers import Mapping, identifier
from routing.core.lines import Line
from routing.core.monitors import Monitor, MonitorHead, Named
from routing.core.payloads import Lenient, integer, read, text, word, written
from routing.core.snapshot import Role, Verdict
from routing.core.state import Received, State
from routing.core.turn import Turn

NEVER_GIVEN = "a monitor that this backoffice was never given"

TO_EVERYBODY = frozenset({"HardWiredNotification", "HardWiredMonitor", "PreconfiguredMonitor"})
"""Events of what the charger monitors on its own; all else is somebody's CustomMonitor."""

UNSURE = frozenset({"timeout", "lost"})
"""How a CALL ends of which nobody knows whether it was carried out."""

CLEARED_BY = frozenset({"FactoryDefault", "HardWiredOnly"})
"""Monitoring bases with which a charger drops every custom monitor."""


class EntryHead(msgspec.Struct, gc=False):
    """An EventDataType, or a VariableMonitoringType of a report, as far as it says whose it is."""

    id: Lenient = msgspec.UNSET
    variableMonitoringId: Lenient = msgspec.UNSET
    eventNotificationType: Lenient = msgspec.UNSET
    component: Named | msgspec.UnsetType = msgspec.UNSET
    variable: Named | msgspec.UnsetType = msgspec.UNSET


class Wish:
    """One item of a SetVariableMonitoring.

    ``payload`` is what the charger is asked, None for nothing; ``result`` what the asker is told about
    it, None while that is open. ``mapping`` is the monitor that it is to replace.
    """

    __slots__ = ("item", "mapping", "monitor", "payload", "result")

    def __init__(self, item: str, monitor: Monitor) -> None:
        self.item = item
        self.monitor = monitor
        self.payload: str | None = item
        self.result: str | None = None
        self.mapping: Mapping | None = None


# -- setting ---------------------------------------------------------------------------------------------


def set_monitors(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a SetVariableMonitoring: own monitors and new ones only, the rest is refused item by item."""
    arrays, items = _elements(asked.payload, "$.setMonitoringData")
    wishes = [_wish(state, line, asked.row, item) for item in items]
    is_odd = len(arrays) > 1 and not items
    if is_odd or any(w.payload is None and w.result is None for w in wishes):
        return calls.deny(state, turn, asked, NEVER_GIVEN)  # so odd that no result could be composed
    asking = [w.payload for w in wishes if w.payload is not None]
    if wishes and not asking:
        payload = f'{{"setMonitoringResult":[{_joined(wishes)}]}}'
        if all(w.mapping is None for w in wishes):
            return calls.deny_with(state, turn, asked, payload, NEVER_GIVEN)
        return calls.answer(state, turn, asked, payload, "proxy: monitors as they are")
    if len(asking) < len(wishes):
        asked.rule = f"{asked.rule}; {len(wishes) - len(asking)} of {len(wishes)} answered by the proxy"
    payload = _with(asked.payload, "$.setMonitoringData", arrays, items, asking)
    calls.submit(state, turn, asked, payload, partial(_were_set, wishes))


def _wish(state: State, line: Line, row: Down, item: str) -> Wish:
    head = read(item, MonitorHead)
    wish = Wish(item, monitors.monitor(head))
    if head.id is msgspec.UNSET or written(head.id) == "null":
        wish.payload = spans.patch(item, {"$.id": None})
        return wish
    wish.mapping = state.identifiers.named(Kind.MONITOR, line.key, str(integer(head.id)))
    if wish.mapping is None:
        wish.payload, wish.result = None, _result(row, item, "Rejected")
    elif len(monitors.holders(state, wish.mapping.charger_id)) == 1:
        wish.payload = spans.patch(item, {"$.id": wish.mapping.token()})
    elif monitors.described(state, wish.mapping.charger_id) == wish.monitor:
        wish.payload, wish.result = None, _result(row, item, "Accepted", wish.mapping.route_token())
    else:
        wish.payload = spans.patch(item, {"$.id": None})  # others keep theirs: this one becomes its own
    return wish


def _were_set(wishes: Sequence[Wish], state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger has answered a SetVariableMonitoring: who holds what from now on."""
    asked = call.asked
    arrays, results = _elements(reply.payload or "{}", "$.setMonitoringResult")
    open_ = [w for w in wishes if w.payload is not None]
    if asked is None or reply.payload is None or not results:
        if asked is not None and call.sent_at and reply.outcome in UNSURE and asked.route != _billing(state):
            replacing = (bool(spans.find(w.payload or "{}", "$.id")) for w in open_)
            new = [w.monitor for w, is_old in zip(open_, replacing, strict=True) if not is_old]
            monitors.doubt(state, turn, asked.route, new)
        return calls.relay(state, turn, call, reply)
    for wish, result in zip(open_, _paired(open_, results), strict=True):
        if result is None:
            wish.result = _result(asked.row, wish.item, "Rejected")
        else:
            wish.result = _settle(state, turn, asked.route, wish, result)
    told = [w.result for w in wishes if w.result is not None]
    payload = _with(reply.payload, "$.setMonitoringResult", arrays, results, told)
    calls.answer(state, turn, asked, payload)


def _billing(state: State) -> int | None:
    return None if state.billing is None else state.billing.key


def _paired(wishes: Sequence[Wish], results: Sequence[str]) -> list[str | None]:
    """The charger's result for each wish: by what is monitored, else by place."""
    left: dict[str, dict[int, None]] = {}
    for place, result in enumerate(results):
        left.setdefault(monitors.subject(read(result, MonitorHead)), {})[place] = None
    places: list[int | None] = []
    for place, wish in enumerate(wishes):
        alike = left.get(wish.monitor.subject, {})
        chosen = place if place in alike else next(iter(alike), None)
        places.append(chosen)
        if chosen is not None:
            del alike[chosen]
    if len(results) == len(wishes):
        unclaimed = {place for alike in left.values() for place in alike}
        places = [n if n is not None or p not in unclaimed else p for p, n in enumerate(places)]
    return [None if n is None else results[n] for n in places]


def _settle(state: State, turn: Turn, route: int, wish: Wish, result: str) -> str:
    """Take note of the charger's verdict on one wish; returns it as the asker gets it."""
    head = read(result, MonitorHead)
    number = integer(head.id)
    if number is None and wish.mapping is not None and spans.find(wish.payload or "{}", "$.id"):
        number = int(wish.mapping.charger_id)  # replaced, and so known anyway
    match text(head.status):
        case "Accepted" if number is not None:
            mapping = _hold(state, turn, route, str(number), wish)
            return spans.insert(result, "$.id", mapping.route_token())
        case "Duplicate":
            return _share(state, turn, route, wish, result)
    return spans.patch(result, {"$.id": None if wish.mapping is None else wish.mapping.route_token()})


def _hold(state: State, turn: Turn, route: int, charger_id: str, wish: Wish) -> Mapping:
    """The charger has this monitor for a route."""
    known = monitors.described(state, charger_id)
    if known != wish.monitor:
        for mapping in monitors.holders(state, charger_id):  # the charger has given the id anew
            if mapping.route != route:
                rewriting.close(state, turn, mapping)
    monitors.believe(state, turn, wish.monitor.subject)
    state.remember("monitor", charger_id, msgspec.json.encode(wish.monitor).decode(), turn)
    if wish.mapping is not None and wish.mapping.charger_id == charger_id and wish.mapping.is_open:
        return wish.mapping
    if wish.mapping is not None:
        monitors.let_go(state, turn, wish.mapping)
        _clear_abandoned(state, turn, wish)
    return monitors.hold(
        state, turn, route, charger_id, None if wish.mapping is None else wish.mapping.route_id
    )


def _clear_abandoned(state: State, turn: Turn, wish: Wish) -> None:
    """Who shared a monitor and now has one of its own was the last: the others let it go meanwhile."""
    mapping, is_replaced = wish.mapping, bool(spans.find(wish.payload or "{}", "$.id"))
    if mapping is not None and not is_replaced and not monitors.holders(state, mapping.charger_id):
        payload = f'{{"id":[{mapping.token()}]}}'
        calls.command(state, turn, "ClearVariableMonitoring", payload, "a monitor that nobody has any more")


def _share(state: State, turn: Turn, route: int, wish: Wish, result: str) -> str:
    """The charger has such a monitor already: whose is it, and is it the same (ocpp-semantics 3.6)?"""
    charger_id = monitors.find(state, wish.monitor.subject)
    holders = [] if charger_id is None else monitors.holders(state, charger_id)
    bare = spans.patch(result, {"$.id": None})
    same = charger_id is not None and monitors.described(state, charger_id) == wish.monitor
    is_orphan = not holders and not same  # of a backoffice that is no more
    if charger_id is None or is_orphan or any(m.route == route for m in holders):
        return bare
    is_busy = wish.mapping is not None or monitors.is_to_change(state, charger_id)
    if not same or is_busy or (holders and wish.monitor.streams):
        return spans.patch(bare, {"$.status": '"Rejected"'})
    mapping = monitors.hold(state, turn, route, charger_id)
    accepted = spans.patch(bare, {"$.status": '"Accepted"', "$.statusInfo": None})
    return spans.insert(accepted, "$.id", mapping.route_token())


# -- clearing --------------------------------------------------------------------------------------------


def clear_monitors(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a ClearVariableMonitoring: the charger clears what nobody else holds."""
    arrays, ids = _elements(asked.payload, "$.id")
    numbers = [integer(msgspec.Raw(token.encode())) for token in ids]
    if not ids and (len(arrays) > 1 or line.route.role is not Role.BILLING):
        return calls.deny(state, turn, asked, NEVER_GIVEN)
    if None in numbers:
        words = '"id" of ClearVariableMonitoring holds something that is no integer'
        return calls.refuse(state, turn, asked, Condition.TYPE, words, "denied")
    results: list[str | None] = []
    own: dict[int, Mapping] = {}
    for place, number in enumerate(numbers):
        mapping = state.identifiers.named(Kind.MONITOR, line.key, str(number))
        if mapping is None or mapping in own.values():
            results.append(_cleared(asked.row, str(number), "NotFound"))
        elif len(monitors.holders(state, mapping.charger_id)) > 1:
            rewriting.close(state, turn, mapping)
            results.append(_cleared(asked.row, str(number), "Accepted"))
        else:
            own[place] = mapping
            results.append(None)
    if ids and not own:
        rule = "proxy: no monitor of this backoffice alone"
        return calls.answer(state, turn, asked, _results(results), rule)
    payload = _with(asked.payload, "$.id", arrays, ids, [m.token() for m in own.values()])
    calls.submit(state, turn, asked, payload, partial(_were_cleared, results, own))


def _were_cleared(
    results: list[str | None],
    own: dict[int, Mapping],
    state: State,
    turn: Turn,
    call: DownCall,
    reply: Reply,
) -> None:
    """The charger has answered a ClearVariableMonitoring, of which it got the monitors in ``own``."""
    asked = call.asked
    arrays, found = _elements(reply.payload or "{}", "$.clearMonitoringResult")
    if asked is not None and reply.outcome == "denied":  # one of them is another's by now: ask again
        for place, mapping in own.items():
            status = "Rejected" if mapping.is_open else "NotFound"
            results[place] = _cleared(asked.row, mapping.route_id, status)
        return calls.answer(state, turn, asked, _results(results), asked.rule, "denied")
    if asked is None or reply.payload is None or not found:
        return calls.relay(state, turn, call, reply)
    by_id = {str(integer(read(result, MonitorHead).id)): result for result in found}
    for place, mapping in own.items():
        result = by_id.get(mapping.charger_id) or _cleared(asked.row, mapping.charger_id, "Rejected")
        if text(read(result, MonitorHead).status) in ("Accepted", "NotFound"):
            monitors.is_gone(state, turn, mapping.charger_id)
        results[place] = spans.patch(result, {"$.id": mapping.route_token()})
    told = [result for result in results if result is not None]
    calls.answer(state, turn, asked, _with(reply.payload, "$.clearMonitoringResult", arrays, found, told))


def _results(results: Sequence[str | None]) -> str:
    return f'{{"clearMonitoringResult":[{",".join(result or "" for result in results)}]}}'


def _cleared(row: Down, number: str, status: str) -> str:
    composed = actions.deny_payload(row, f'{{"id":[{number}]}}') or "{}"
    result = spans.find(composed, "$.clearMonitoringResult[]")[0]
    return result if status == "NotFound" else _with_status(result, status)


def base_was_set(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """A SetMonitoringBase has ended: most bases leave no custom monitor."""
    if not calls.is_accepted(reply) or word(call.payload, "$.monitoringBase") not in CLEARED_BY:
        return
    monitors.believe(state, turn)
    for charger_id in state.all_remembered("monitor"):
        monitors.is_gone(state, turn, charger_id)
    for line in state.lines.values():
        for mapping in state.identifiers.own(Kind.MONITOR, line.key):
            rewriting.close(state, turn, mapping)


# -- what the charger tells ------------------------------------------------------------------------------


def own_events(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """The entries of a NotifyEvent that a route may see, None for nothing.

    Where some may be missing, each message is a whole report of its own (``seqNo`` 0, nothing to be
    continued): which of several parts will be the last for this route is not known before the end.
    """
    payload = received.call.payload
    arrays, entries = _elements(payload, "$.eventData")
    if not entries:
        return payload if line is state.billing else None
    shown = [e for e in (_event(state, turn, line, entry) for entry in entries) if e is not None]
    if not shown:
        return None
    edited = _with(payload, "$.eventData", arrays, entries, shown)
    if len(shown) < len(entries) or (_is_part(payload) and _may_lack_parts(state, line)):
        edited = spans.patch(edited, {"$.seqNo": "0", "$.tbc": "false"})
    return edited


def _event(state: State, turn: Turn, line: Line, entry: str) -> str | None:
    head = read(entry, EntryHead)
    if head.variableMonitoringId is msgspec.UNSET or written(head.variableMonitoringId) == "null":
        return entry
    number = str(integer(head.variableMonitoringId))
    mapping = state.identifiers.of(Kind.MONITOR, line.key, number)
    kind = text(head.eventNotificationType)
    if mapping is None and kind not in TO_EVERYBODY:
        where = monitors.place(head.component, head.variable)
        mapping = monitors.inherited(state, turn, line, number, where)
        return None if mapping is None else entry
    if mapping is None or mapping.charger_id == mapping.route_id:
        return entry
    return spans.patch(entry, {"$.variableMonitoringId": mapping.route_token()})


def _is_part(payload: str) -> bool:
    return spans.value(payload, "$.tbc") is True or spans.value(payload, "$.seqNo") not in (0, None)


def _may_lack_parts(state: State, line: Line) -> bool:
    """Whether some part of a report may be none of a route's business."""
    held = state.all_remembered("monitor")
    return line is not state.billing or any(
        state.identifiers.of(Kind.MONITOR, line.key, charger_id) is None for charger_id in held
    )


def own_report(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """A NotifyMonitoringReport for who has asked for it, without the monitors of others.

    A part in which nothing is left is sent all the same: it may be the one that ends the report.
    """
    payload = received.call.payload
    tokens = spans.find(payload, "$.requestId")
    named = identifier(Kind.REQUEST, tokens[-1]) if tokens else None
    mine = None if named is None else rewriting.route_id(state, line, Kind.REQUEST, named)
    if mine is None:
        return None
    part = spans.patch(payload, {"$.requestId": mine})
    arrays, monitored = _elements(part, "$.monitor")
    shown = [m for m in (_monitored(state, turn, line, one) for one in monitored) if m is not None]
    if shown or not arrays:
        return _with(part, "$.monitor", arrays, monitored, shown)
    return spans.patch(part, {"$.monitor": None})


def _monitored(state: State, turn: Turn, line: Line, variable: str) -> str | None:
    arrays, entries = _elements(variable, "$.variableMonitoring")
    head = read(variable, EntryHead)
    where = monitors.place(head.component, head.variable)
    shown = [e for e in (_reported(state, turn, line, entry, where) for entry in entries) if e is not None]
    return _with(variable, "$.variableMonitoring", arrays, entries, shown) if shown else None


def _reported(state: State, turn: Turn, line: Line, entry: str, where: str) -> str | None:
    """A monitor in a report as a route sees it; what nobody has set is the charger's own."""
    head = read(entry, EntryHead)
    number = str(integer(head.id))
    mapping = state.identifiers.of(Kind.MONITOR, line.key, number)
    if mapping is not None:
        return spans.patch(entry, {"$.id": mapping.route_token()})
    if not state.identifiers.is_free(Kind.MONITOR, number):
        return None
    subject = monitors.subject(read(entry, MonitorHead), where)
    is_custom = text(head.eventNotificationType) == "CustomMonitor"
    if not is_custom and monitors.doubted(state, subject) is None:
        return entry
    return None if monitors.inherited(state, turn, line, number, subject) is None else entry


# -- payloads --------------------------------------------------------------------------------------------


def _elements(payload: str, path: str) -> tuple[list[str], list[str]]:
    """The arrays at ``path`` (several where the key is written twice) and the elements of the last."""
    arrays = spans.find(payload, path)
    return arrays, (spans.find(arrays[-1], "$[]") if arrays else [])


def _with(payload: str, path: str, arrays: Sequence[str], before: Sequence[str], after: Sequence[str]) -> str:
    """The payload with other elements in its array; untouched where they are the same ones."""
    if list(before) == list(after) and len(arrays) <= 1:
        return payload
    return spans.patch(payload, {path: f"[{','.join(after)}]" if before else arrays[-1]})


def _joined(wishes: Sequence[Wish]) -> str:
    return ",".join(w.result for w in wishes if w.result is not None)


def _result(row: Down, item: str, status: str, number: str = "") -> str | None:
    """A result of the proxy's own for one item, None where the item lacks what it must repeat."""
    composed = actions.deny_payload(row, f'{{"setMonitoringData":[{item}]}}')
    if composed is None:
        return None
    result = spans.find(composed, "$.setMonitoringResult[]")[0]
    if status != "Rejected":
        result = _with_status(result, status)
    return spans.insert(result, "$.id", number) if number else result


def _with_status(result: str, status: str) -> str:
    return spans.patch(result, {"$.status": f'"{status}"', "$.statusInfo": None})
