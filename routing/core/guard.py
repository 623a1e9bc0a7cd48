"""Nothing a backoffice sends may change how or where the charger connects (ocpp-semantics 3.10).

Keys and variables that would are refused for everybody, Billing included.
"""

from __future__ import annotations

import re

import msgspec

from routing.core import payloads, spans

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

ROOTS = frozenset({"CentralSystemRootCertificate", "CSMSRootCertificate"})


def objection(action: str, payload: str) -> str:
    """Why this CALL would take the charger away, in words; "" when it would not."""
    if action == "ChangeConfiguration":
        return _key_objection(spans.value(payload, "$.key"))
    if action == "SetVariables":
        names = _strings(payload, "$.setVariableData[].variable.name")
        components = _strings(payload, "$.setVariableData[].component.name")
        return next((o for name in (*names, *components) if (o := _key_objection(name))), "")
    if action == "InstallCertificate":
        kind = spans.value(payload, "$.certificateType")
        return f"guard: {kind} decides whom the charger trusts" if kind in ROOTS else ""
    return ""


def _key_objection(key: object) -> str:
    if not isinstance(key, str):
        return ""
    name = key.strip()
    if name.lower() in NAMED or MOVES_THE_CHARGER.search(name):
        return f'guard: "{name[:60]}" may change how or where the charger connects'
    return ""


def _strings(payload: str, path: str) -> list[object]:
    return [payloads.scalar(msgspec.Raw(token.encode())) for token in spans.find(payload, path)]
