"""Who may send what toward a charger (ocpp-semantics 2.1).

Three sources are asked in turn: the route's own permissions, the preset of the charger's organisation
that the route uses, and the preset of its role, which is the table. What none of them lists is denied.

A permission names an action (``Reset``) or, where its row has a qualifier, a part of it (``Reset:Hard``,
``ChangeConfiguration:Meter*``). Within one source the more specific wins: the whole qualifier, then the
longest beginning with ``*``, then the action.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from routing.core import payloads, spans
from routing.core.actions.types import Access, Down, Qualifier
from routing.core.snapshot import RouteSnapshot, Verdict

Decision = tuple[Verdict, str]
"""A verdict, and in words the rule it comes from."""

MOST = 200
"""Qualifiers of one CALL that are looked at; whoever writes more of them wants to keep the proxy busy."""

STRICTEST_FIRST = (Verdict.DENY, Verdict.OWN, Verdict.GUARD, Verdict.ALLOW)

_VERDICTS: Mapping[Access, Verdict] = MappingProxyType(
    {
        Access.ALLOW: Verdict.ALLOW,
        Access.VIRTUAL: Verdict.ALLOW,
        Access.GUARD: Verdict.GUARD,
        Access.OWN: Verdict.OWN,
        Access.DENY: Verdict.DENY,
    }
)


def decide(row: Down, route: RouteSnapshot, payload: str = "{}") -> Decision:
    """The verdict on a CALL of ``route`` with this payload (raw JSON), and the rule in words.

    The rule names what decided: ``permission of route energy: Reset:Hard is deny``,
    ``preset Night (Example Installers): Reset is allow``, ``preset control: Reset is deny``.
    Of a qualifier that is written twice the strictest verdict counts, since nobody knows which the
    charger reads. Where the elements of a list are decided one by one (``decide_item``) it is the most
    lenient: the CALL goes on if anything in it may.
    """
    qualifier = row.qualifier
    if qualifier is None or not (_tells_apart(route.permissions, row) or _tells_apart(route.preset, row)):
        return decide_item(row, route)
    found = [_plain(text) for text in itertools.islice(qualifiers(qualifier, payload), MOST + 1)]
    if len(found) > MOST and not qualifier.items:
        return Verdict.DENY, f"{row.action} names its {qualifier.what} more than {MOST} times"
    decisions = (decide_item(row, route, text) for text in dict.fromkeys(found or [""]))
    return max(decisions, key=_leniency) if qualifier.items else min(decisions, key=_leniency)


def decide_item(row: Down, route: RouteSnapshot, qualifier: str = "") -> Decision:
    """The verdict on one part of a CALL, as ``OCPPCommCtrlr.HeartbeatInterval`` of a SetVariables.

    Qualifiers are compared without regard to case and to spaces around them, as chargers do (3.9).
    ``""`` stands for the action as a whole.
    """
    wanted = _plain(qualifier) if qualifier else ""
    key = _best(route.permissions, row.action, wanted)
    if key is not None:
        verdict = route.permissions[key]
        return verdict, f"permission of route {route.backoffice}: {key} is {verdict}"
    key = _best(route.preset, row.action, wanted)
    if key is not None:
        verdict = route.preset[key]
        return verdict, f"preset {route.preset_name or 'of the organisation'}: {key} is {verdict}"
    verdict = _VERDICTS[row.access.get(route.role, Access.DENY)]
    return verdict, f"preset {route.role}: {row.action} is {verdict}"


def qualifiers(qualifier: Qualifier, payload: str) -> Iterable[str]:
    """What a payload says at the paths of a qualifier; nothing where it says nothing."""
    for part in spans.find(payload, qualifier.items) if qualifier.items else (payload,):
        tokens = [spans.find(part, path) for path in qualifier.paths]
        if not any(tokens) and qualifier.absent:
            yield qualifier.absent
        for combination in itertools.product(*tokens):
            yield ".".join(_text(token) for token in combination)


def _text(token: str) -> str:
    """A token as permissions write it: text without its quotes, ``1`` also for ``1.0``."""
    raw = msgspec.Raw(token.encode())
    number = None if token.startswith('"') else payloads.integer(raw)
    return str(number) if number is not None else payloads.text(raw, len(token)) or token


def _plain(text: str) -> str:
    """Text that may be compared: whoever reads ``Hard`` in ``hard`` reads 1 in ``01``."""
    plain = text.strip().casefold()
    return plain.lstrip("0") or "0" if plain.isdecimal() else plain


def _leniency(decision: Decision) -> int:
    return STRICTEST_FIRST.index(decision[0])


def _tells_apart(permissions: Mapping[str, Verdict], row: Down) -> bool:
    return any(":" in key and key.startswith(row.action) for key in permissions)


def _best(permissions: Mapping[str, Verdict], action: str, qualifier: str) -> str | None:
    """The most specific key that is about this, None for none."""
    if not permissions:
        return None
    best: str | None
    best, best_length = (action, -1) if action in permissions else (None, -2)
    for key in permissions if qualifier else ():
        name, _, pattern = key.partition(":")
        length = _length(_plain(pattern), qualifier) if name == action else -2
        if length > best_length:
            best, best_length = key, length
    return best


def _length(pattern: str, qualifier: str) -> int:
    """How specific a pattern is for this qualifier, -2 where it does not fit."""
    if pattern == qualifier:
        return len(pattern) + 1
    fits = pattern.endswith("*") and qualifier.startswith(pattern[:-1])
    return len(pattern) - 1 if fits else -2
