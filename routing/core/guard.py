"""Nothing a backoffice sends may change how or where the charger connects (ocpp-semantics 3.10).

Keys and variables that would are refused for everybody, Billing included.
"""

from __future__ import annotations

import re

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
        "OrganizationName",
        "AllowSecurityProfileDowngrade",
        "NetworkConfigurationPriority",
        "ActiveNetworkProfile",
        "NetworkProfileConnectionAttempts",
        "RetryBackOffRepeatTimes",
        "RetryBackOffRandomRange",
        "RetryBackOffWaitMinimum",
        "MessageTimeout",
        "FileTransferProtocols",
    )
)

NAMES = {
    "ChangeConfiguration": ("$.key",),
    "SetVariables": ("$.setVariableData[].variable.name", "$.setVariableData[].component.name"),
}
"""Where a CALL names what it changes."""

ROOTS = frozenset({"CentralSystemRootCertificate", "CSMSRootCertificate"})


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Why this CALL would take the charger away, in words; "" when it would not."""
    return objection(asked.action, asked.payload)


def objection(action: str, payload: str) -> str:
    """Why this CALL would take the charger away, in words; "" when it would not."""
    if action == "SetNetworkProfile":
        return "guard: a network profile changes where the charger connects"
    if action == "InstallCertificate":
        kinds = _strings(payload, "$.certificateType")
        root = next((kind for kind in kinds if kind in ROOTS), None)
        return f"guard: {root} decides whom the charger trusts" if root else ""
    names = (name for path in NAMES.get(action, ()) for name in _strings(payload, path))
    return next((o for name in names if (o := _key_objection(name))), "")


def _key_objection(key: str) -> str:
    name = key.strip()
    if name.lower() in NAMED or MOVES_THE_CHARGER.search(name):
        return f'guard: "{name[:60]}" may change how or where the charger connects'
    return ""


def _strings(payload: str, path: str) -> list[str]:
    """The strings at a path; of a key written twice both, for nobody knows which the charger reads."""
    return [payloads.text(msgspec.Raw(token.encode())) for token in spans.find(payload, path)]
