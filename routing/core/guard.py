"""Nothing a backoffice sends may change how or where the charger connects (ocpp-semantics 3.10).

Keys and variables that would are refused for everybody, Billing included, but for an override that a
person has given to one route for an hour (``RouteSnapshot.override_until``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from routing.core import payloads, spans
from routing.core.gate import Asked
from routing.core.lines import Line
from routing.core.state import State
from routing.core.turn import Turn

MOVES_THE_CHARGER = re.compile(
    r"(url|uri|end.?point|back.?(end|office)|central.?system|csms|ocpp.*(server|host|addr|port|version|path|enable)"
    r"|service.?addr|network.?(profile|config)|apn|ssid|wi-?fi|psk|sim.?pin|proxy|vpn|dns|gateway|ip.?addr|dhcp|modem"
    r"|identity|charge.?(box|point).?id|station.?id|passw|pw-|secret|auth.*key|token|cert|root.?ca|tls|ssl"
    r"|security.?profile|firewall|ssh|factory)",
    re.IGNORECASE,
)

NAMED = frozenset(
    name.lower()
    for name in (
        "AuthorizationKey",
        "SecurityProfile",
        "CpoName",
        "AdditionalRootCertificateCheck",
        "WebSocketPingInterval",
        "BasicAuthPassword",
        "Identity",
        "OrganizationName",
        "AllowSecurityProfileDowngrade",
        "CsmsUrl",
        "NetworkConfigurationPriority",
        "ActiveNetworkProfile",
        "NetworkProfileConnectionAttempts",
        "RetryBackOffRepeatTimes",
        "RetryBackOffRandomRange",
        "RetryBackOffWaitMinimum",
        "MessageTimeout",
        "FileTransferProtocols",
        "CstReconnectInterval",
        "CstStaleTimeout",
    )
)
"""Names in small letters and digits alone: the standard's, and of vendors what the pattern does not find."""

ATTEMPTS = frozenset({"transactionmessageattempts", "messageattempts"})
FEWEST_ATTEMPTS = 3
"""With fewer tries a charger throws away what is to be billed (ocpp-semantics 3.9)."""

ROOTS = frozenset({"CentralSystemRootCertificate", "CSMSRootCertificate"})

_UNPRINTABLE = re.compile(r"[^ -~]")
_PUNCTUATION = re.compile(r"[^a-z0-9]+")


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Why this CALL would take the charger away, in words; "" when it would not."""
    return let_through(turn, line, asked, objection(asked.action, asked.payload))


def let_through(turn: Turn, line: Line, asked: Asked, objection: str) -> str:
    """The objection, or "" while a person lets this route do what the guard objects to."""
    if objection and is_overridden(turn, line):
        asked.rule = f"guard: overridden until {line.route.override_until:%H:%M} UTC"
        return ""
    return objection


def is_overridden(turn: Turn, line: Line) -> bool:
    """Whether a person lets this route change how the charger connects at present."""
    until = line.route.override_until
    return until is not None and turn.utc < until


def objection(action: str, payload: str) -> str:
    """Why this CALL would take the charger away, in words; "" when it would not."""
    if action == "SetNetworkProfile":
        return "guard: a network profile changes where the charger connects"
    if action == "InstallCertificate":
        kinds = _strings(payload, "$.certificateType")
        root = next((kind for kind in kinds if kind in ROOTS), None)
        return f"guard: {root} decides whom the charger trusts" if root else ""
    if action == "ChangeConfiguration":
        return _first(key_objection(name) for name in _strings(payload, "$.key"))
    if action == "SetVariables":
        return _first(_item_objection(item) for item in spans.find(payload, "$.setVariableData[]"))
    return ""


def key_objection(name: str, value: str | None = None) -> str:
    """Why a 1.6 configuration key may not be written, in words; "" when it may be.

    ``value``: what is to be written, None where only the name counts. What ocpp-semantics 3.9 calls
    virtual is objected to as well: answer it before asking here.
    """
    if _UNPRINTABLE.search(name):
        return f"guard: {name[:60]!a} is not written in ASCII: the charger may read another name"
    plain = _PUNCTUATION.sub("", name.lower())
    if plain in NAMED or MOVES_THE_CHARGER.search(name):
        return f'guard: "{name.strip()[:60]}" may change how or where the charger connects'
    if plain in ATTEMPTS and value is not None and not _is_enough(value):
        return (
            f'guard: with "{name.strip()}" below {FEWEST_ATTEMPTS} the charger discards what is to be billed'
        )
    return ""


def variable_objection(component: str, variable: str, value: str | None = None) -> str:
    """Why a 2.x variable may not be written, in words; "" when it may be. See ``key_objection``."""
    return key_objection(component) or key_objection(variable, value)


def _is_enough(value: str) -> bool:
    return value.strip().isdecimal() and int(value.strip()[:9]) >= FEWEST_ATTEMPTS


def _item_objection(item: str) -> str:
    """The objection to one item of SetVariables, whichever of two names the charger reads."""
    components = [*_strings(item, "$.component.name"), *_strings(item, "$.component.instance")] or [""]
    variables = [*_strings(item, "$.variable.name"), *_strings(item, "$.variable.instance")] or [""]
    return _first(variable_objection(c, v) for c in components for v in variables)


def _first(objections: Iterator[str]) -> str:
    return next(filter(None, objections), "")


def _strings(payload: str, path: str) -> list[str]:
    """The strings at a path; of a key written twice both, for nobody knows which the charger reads."""
    tokens = spans.find(payload, path)
    return [payloads.text(msgspec.Raw(token.encode()), len(token)) for token in tokens]
