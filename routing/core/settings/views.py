"""The configuration as one backoffice reads it: its own values, nobody's secrets (3.9).

GetConfiguration and GetVariables; ``inventory`` does the same for NotifyReport. What is not edited
stays byte for byte.
"""

from __future__ import annotations

import msgspec

from routing.core import calls, metering, payloads, policy, spans
from routing.core.frames import quote
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.secrecy import is_secret, without_passwords
from routing.core.settings import elements, items, keys, learning, virtual, wishes
from routing.core.settings.items import ACTUAL, Named
from routing.core.settings.keys import Kind
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn

LONGEST_KEY = 50
"""OCPP 1.6 edition 2, section 7.28: a key is a CiString50Type."""

FROM_HERE = "proxy: each backoffice has its own value"


# -- 1.6 -----------------------------------------------------------------------------------------------


def get_configuration(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a GetConfiguration. The charger is not asked for secrets, nor where the proxy knows it all."""
    named = [_text(token) for token in spans.find(asked.payload, "$.key[]")]
    secrets = [key for key in named if is_secret(key)]
    own = {key for key in named if _is_own(state, line, key)}
    if named and len(secrets) + len(own) == len(named):
        payload = _with_unknown(_with_own(state, line, "{}", named), secrets)
        return calls.answer(state, turn, asked, payload, FROM_HERE)
    payload = asked.payload
    if secrets:
        payload = elements.edited(payload, "$.key", lambda t: None if is_secret(_text(t)) else t)

    def answered(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
        _configuration(state, turn, call, reply, named, secrets)

    calls.submit(state, turn, asked, payload, answered)


def _configuration(
    state: State, turn: Turn, call: DownCall, reply: Reply, named: list[str], secrets: list[str]
) -> None:
    asked = call.asked
    line = None if asked is None else state.line(asked.route)
    if asked is None or line is None or reply.payload is None:
        return calls.relay(state, turn, call, reply)
    for token in spans.find(reply.payload, "$.configurationKey[]"):
        learn(state, turn, member(token, "$.key"), member(token, "$.value"))
    payload = elements.edited(
        reply.payload, "$.configurationKey", lambda token: _shown_key(state, line, token)
    )
    payload = _with_own(state, line, payload, named)
    calls.answer(state, turn, asked, _with_unknown(payload, secrets))


def _shown_key(state: State, line: Line, token: str) -> str | None:
    """One key as this route reads it, None for a secret."""
    names = [_text(name) for name in spans.find(token, "$.key")]
    if any(is_secret(name) for name in names):
        return None
    own = virtual.shown(state, line, keys.find(state.version, names[-1]).name) if names else None
    if own is None or own == member(token, "$.value"):
        return without_passwords(token)
    return spans.insert(token, "$.value", quote(own))


def _with_own(state: State, line: Line, payload: str, named: list[str]) -> str:
    """What is the route's own and the charger does not know, among the keys asked for (none: all)."""
    listed = {member(token, "$.key").strip().lower() for token in spans.find(payload, "$.configurationKey[]")}
    asked = {key.strip().lower() for key in named}
    made: dict[str, str] = {}
    for name, value in _own_values(state, line).items():
        wanted = name.lower() in asked if named else wishes.of_route(state, line.key, name) is not None
        if wanted and name.lower() not in listed:
            made[name.lower()] = f'{{"key":"{name}","readonly":false,"value":{quote(value)}}}'
    if not made:
        return payload
    known = elements.edited(
        payload, "$.unknownKey", lambda t: None if _text(t).strip().lower() in made else t
    )
    if known != payload and not spans.find(known, "$.unknownKey[]"):
        known = spans.patch(known, {"$.unknownKey": None})
    return elements.appended(known, "$.configurationKey", list(made.values()))


def _own_values(state: State, line: Line) -> dict[str, str]:
    """The virtual settings that a route has a value for."""
    names = (s.name for s in keys.table(state.version) if s.kind is Kind.VIRTUAL and not is_secret(s.name))
    return {name: value for name in names if (value := virtual.shown(state, line, name)) is not None}


def _is_own(state: State, line: Line, key: str) -> bool:
    return keys.find(state.version, key).name in _own_values(state, line)


def _with_unknown(payload: str, secrets: list[str]) -> str:
    """Secrets are nothing that this charger has, for all that a backoffice can know."""
    return elements.appended(payload, "$.unknownKey", [quote(key[:LONGEST_KEY]) for key in secrets])


# -- 2.x -----------------------------------------------------------------------------------------------


def get_variables(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a GetVariables: item by item from here, or from the charger."""
    named = items.read(asked.payload, "$.getVariableData") or []
    own = {p: result for p, item in enumerate(named) if (result := _from_here(state, line, asked, item))}
    if named and len(own) == len(named):
        results = ",".join(own.values())
        return calls.answer(state, turn, asked, f'{{"getVariableResult":[{results}]}}', FROM_HERE)
    payload = asked.payload
    if own:
        rest = ",".join(item.token for position, item in enumerate(named) if position not in own)
        payload = spans.patch(payload, {"$.getVariableData": f"[{rest}]"})

    def answered(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
        _variables(state, turn, call, reply, named, own)

    calls.submit(state, turn, asked, payload, answered)


def _is_hidden(line: Line, asked: Asked, item: Named) -> bool:
    """Whether it is not for this route to read; asked of results too: chargers read requests in their way."""
    return item.is_secret or policy.decide_item(asked.row, line.route, item.name)[0] is Verdict.DENY


def _from_here(state: State, line: Line, asked: Asked, item: Named) -> str:
    """The result for an item that the charger need not be asked for, "" where it has to be."""
    if _is_hidden(line, asked, item):
        return item.result("Rejected")
    setting = keys.find(state.version, item.name)
    if setting.kind is not Kind.VIRTUAL or item.attribute != ACTUAL:
        return ""
    value = virtual.shown(state, line, setting.name)
    return "" if value is None else item.result("Accepted", value)


def _variables(
    state: State, turn: Turn, call: DownCall, reply: Reply, named: list[Named], own: dict[int, str]
) -> None:
    asked = call.asked
    line = None if asked is None else state.line(asked.route)
    if asked is None or line is None or (reply.payload is None and not own):
        return calls.relay(state, turn, call, reply)
    answer = "{}" if reply.payload is None else reply.payload
    for token in spans.find(answer, "$.getVariableResult[]"):
        if (item := items.named(token)) is not None and item.is_plain and item.attribute == ACTUAL:
            learn(state, turn, item.name, member(token, "$.attributeValue"))
    payload = elements.edited(
        answer, "$.getVariableResult", lambda token: _shown_result(state, line, asked, token)
    )
    if own:
        payload = _together(payload, named, own)
    calls.answer(state, turn, asked, payload)


def _together(payload: str, named: list[Named], own: dict[int, str]) -> str:
    """The charger's results among the proxy's, in the order asked."""
    found = spans.find(payload, "$.getVariableResult")
    asked = {position: item for position, item in enumerate(named) if position not in own}
    results = own | items.matched(asked, found[-1] if found else "")
    made = (results.get(p) or item.result("Rejected", info=items.UNANSWERED) for p, item in enumerate(named))
    return spans.insert(payload, "$.getVariableResult", f"[{','.join(made)}]")


def _shown_result(state: State, line: Line, asked: Asked, token: str) -> str:
    """One result as this route reads it."""
    item = items.named(token)
    if item is None:
        return spans.patch(token, {"$.attributeValue": None}) if is_secret(token) else token
    if _is_hidden(line, asked, item):
        return item.result("Rejected")
    own = own_value(state, line, item)
    if own is None or spans.value(token, "$.attributeStatus") != "Accepted":
        return without_passwords(token)
    return (
        token
        if member(token, "$.attributeValue") == own
        else spans.insert(token, "$.attributeValue", quote(own))
    )


def own_value(state: State, line: Line, item: Named) -> str | None:
    """What a route reads of a variable that is not the charger's for it, None where the charger's counts."""
    setting = keys.find(state.version, item.name)
    plain = item.attribute == ACTUAL and (item.is_plain or setting.kind is Kind.VIRTUAL)
    return virtual.shown(state, line, setting.name) if plain else None


# -- in common -------------------------------------------------------------------------------------------


def learn(state: State, turn: Turn, name: str, value: str) -> None:
    """Take note of what the charger itself has, before any view of it."""
    learning.learn(state, turn, name, value)
    setting = keys.find(state.version, name)
    is_merged = setting.kind in (Kind.INTERVAL, Kind.SET)
    if is_merged and value and wishes.charger_reports(state, turn, setting.name, value):
        metering.refresh(state)


def member(token: str, path: spans.Path) -> str:
    """The text or number at a path, "" where there is none."""
    found = spans.find(token, path)
    return _text(found[-1]) if found else ""


def _text(token: str) -> str:
    return payloads.text(msgspec.Raw(token.encode()), len(token))
