"""Nothing a backoffice sends may change how or where the charger connects (ocpp-semantics 3.10).

Keys and variables that would are refused for everybody, Billing included, but for an override that a
person has given to one route for an hour (``RouteSnapshot.override_until``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from routing.core import certificates, spans
from routing.core.actions import Kind
from routing.core.decisions import Report
from routing.core.gate import Asked
from routing.core.hosts import host_of, is_listed
from routing.core.lines import HOUSE, Line
from routing.core.payloads import integer, strings
from routing.core.snapshot import Role, RouteSnapshot, Verdict
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

STANDARD = frozenset(
    {
        ("iso15118ctrlr", "contractcertificateinstallationenabled"),
        ("iso15118ctrlr", "organizationname"),
        ("iso15118ctrlr", "v2gcertificateinstallationenabled"),
        ("securityctrlr", "certsigningrepeattimes"),
        ("securityctrlr", "certsigningwaitminimum"),
        ("tokenreader", "enabled"),
        ("webpaymentsctrlr", "sharedsecret"),
        ("webpaymentsctrlr", "urltemplate"),
    }
)
"""Variables of the standard that are found by the pattern and move nothing."""

STANDARD_KEYS = frozenset({"certsigningrepeattimes", "certsigningwaitminimum"})
"""The same of 1.6 with the security extension."""

PLUG_AND_CHARGE = "org.openchargealliance.iso15118pnc"
"""Its DataTransfer is about certificates by nature ("Using ISO 15118 Plug & Charge with OCPP 1.6")."""

LONGEST_NAME = 250
"""Characters of a name; those of the standard have at most 50 (what is longer keeps the proxy busy)."""

_UNPRINTABLE = re.compile(r"[^ -~]")
_PUNCTUATION = re.compile(r"[^a-z0-9]+")


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Why this CALL would take the charger away, in words; "" when it would not."""
    rule = RULES.get(asked.action)
    return let_through(turn, line, asked, rule(state, line, asked)) if rule is not None else ""


def let_through(turn: Turn, line: Line, asked: Asked, objection: str) -> str:
    """The objection, or "" while a person lets this route do what the guard objects to."""
    if objection and is_overridden(turn, line):
        asked.overridden = True
        asked.rule = f"guard: overridden until {line.route.override_until:%H:%M} UTC"
        return ""
    return objection


def note_override(turn: Turn, before: RouteSnapshot, after: RouteSnapshot) -> None:
    """Report that a person lets a backoffice do what the guard objects to, or does so no more."""
    until = after.override_until
    if until == before.override_until:
        return
    if until is not None and turn.utc < until:
        words = f"{after.backoffice} may change how the charger connects until {until:%H:%M} UTC"
        turn.emit(Report("override", words, route=after.key))
    elif before.override_until is not None and turn.utc < before.override_until:
        words = f"{after.backoffice} may not change how the charger connects any more"
        turn.emit(Report("override", words, route=after.key))


def opens(turn: Turn, line: Line, asked: Asked) -> bool:
    """Whether an override lets through what every preset denies because of the guard."""
    name = "SetNetworkProfile"
    return asked.action == name and is_overridden(turn, line) and name not in line.route.permissions


def is_overridden(turn: Turn, line: Line) -> bool:
    """Whether a person lets this route change how the charger connects at present."""
    until = line.route.override_until
    return until is not None and turn.utc < until


# -- keys and variables ------------------------------------------------------------------------------


def key_objection(name: str, value: str | None = None) -> str:
    """Why a 1.6 configuration key may not be written, in words; "" when it may be.

    ``value``: what is to be written, None where only the name counts. What ocpp-semantics 3.9 calls
    virtual is objected to as well: answer it before asking here.
    """
    return "" if _plain(name) in STANDARD_KEYS else _name_objection(name) or _value_objection(name, value)


def variable_objection(component: str, variable: str, value: str | None = None) -> str:
    """Why a 2.x variable may not be written, in words; "" when it may be. See ``key_objection``."""
    if (_plain(component), _plain(variable)) in STANDARD:
        return ""
    return _name_objection(component) or _name_objection(variable) or _value_objection(variable, value)


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower()) if name.isascii() else name


def _name_objection(name: str) -> str:
    if len(name) > LONGEST_NAME:
        return f"guard: a name of {len(name)} characters is none"
    if _UNPRINTABLE.search(name):
        return f"guard: {name[:60]!a} is not written in ASCII: the charger may read another name"
    if _plain(name) in NAMED or MOVES_THE_CHARGER.search(name):
        return f'guard: "{name.strip()[:60]}" may change how or where the charger connects'
    return ""


def _value_objection(name: str, value: str | None) -> str:
    if value is None or _plain(name) not in ATTEMPTS:
        return ""
    number = value.strip()
    if number.isascii() and number.isdecimal() and int(number[:9]) >= FEWEST_ATTEMPTS:
        return ""
    return f"guard: with fewer than {FEWEST_ATTEMPTS} attempts the charger discards what is to be billed"


def _of_key(state: State, line: Line, asked: Asked) -> str:
    values: list[str | None] = [*strings(asked.payload, "$.value")]
    return _first(key_objection(k, v) for k in strings(asked.payload, "$.key") for v in values or [None])


def _of_variables(state: State, line: Line, asked: Asked) -> str:
    """The first objection to an item of SetVariables, whichever of two names the charger reads."""
    return _first(_item_objection(item) for item in spans.find(asked.payload, "$.setVariableData[]"))


def _item_objection(item: str) -> str:
    components = [*strings(item, "$.component.name"), *strings(item, "$.component.instance")] or [""]
    variables = [*strings(item, "$.variable.name"), *strings(item, "$.variable.instance")] or [""]
    values: list[str | None] = [*strings(item, "$.attributeValue")]
    pairs = ((c, v) for c in components for v in variables)
    return _first(variable_objection(c, v, value) for c, v in pairs for value in values or [None])


# -- other ways ---------------------------------------------------------------------------------------


def _of_network_profile(state: State, line: Line, asked: Asked) -> str:
    return "guard: a network profile changes where the charger connects"


def _of_file(state: State, line: Line, asked: Asked) -> str:
    """Files go to listed hosts and come from them, and nobody can make two readers see two hosts."""
    allowed = state.snapshot.options.file_hosts
    if not allowed:
        return ""
    paths = (rewrite.path for rewrite in asked.row.to_charger if rewrite.kind is Kind.URL)
    refused = next(
        (url for p in paths for url in strings(asked.payload, p) if not is_listed(url, allowed)), None
    )
    return "" if refused is None else f"guard: host {host_of(refused)[:60]!r} is not in file_hosts"


def _of_vendor(state: State, line: Line, asked: Asked) -> str:
    """Vendors let a charger be moved by DataTransfer too."""
    allowed = state.snapshot.options.data_vendors
    for vendor in strings(asked.payload, "$.vendorId"):
        if allowed and vendor not in allowed:
            return f"guard: vendor {vendor[:60]!a} is not in data_vendors"
        if not allowed and vendor != PLUG_AND_CHARGE and not _is_permitted(line.route, vendor):
            names = [vendor, *strings(asked.payload, "$.messageId")]
            if objection := _first(_name_objection(name) for name in names):
                return objection
    return ""


def _is_permitted(route: RouteSnapshot, vendor: str) -> bool:
    """Whether a permission names this very vendor: that is a list of those that are allowed, too."""
    wanted = f"datatransfer:{vendor.strip().casefold()}"
    return any(
        verdict is Verdict.ALLOW and key.casefold() == wanted
        for key, verdict in (*route.preset.items(), *route.permissions.items())
    )


def _of_availability(state: State, line: Line, asked: Asked) -> str:
    """Only Billing, and a person, may lock all drivers out at once."""
    if line.route.role is Role.BILLING or line.key == HOUSE:
        return ""
    path = "$.connectorId" if state.version == "1.6" else "$.evse.id"
    numbers = [integer(msgspec.Raw(token.encode())) for token in spans.find(asked.payload, path)]
    names_one = numbers and all(number is not None and number > 0 for number in numbers)
    wanted = strings(asked.payload, "$.type" if state.version == "1.6" else "$.operationalStatus")
    if names_one or all(_plain(word) == "operative" for word in wanted):
        return ""
    return "guard: only Billing may take the whole charger out of service"


def _of_installing(state: State, line: Line, asked: Asked) -> str:
    return certificates.install_objection(line, asked.payload)


def _of_deleting(state: State, line: Line, asked: Asked) -> str:
    return certificates.delete_objection(state, line, asked.payload)


def _of_signing(state: State, line: Line, asked: Asked) -> str:
    return certificates.signed_objection(state, line, asked.payload)


def _first(objections: Iterable[str]) -> str:
    return next(filter(None, objections), "")


RULES: dict[str, Callable[[State, Line, Asked], str]] = {
    "CertificateSigned": _of_signing,
    "ChangeAvailability": _of_availability,
    "ChangeConfiguration": _of_key,
    "DataTransfer": _of_vendor,
    "DeleteCertificate": _of_deleting,
    "GetDiagnostics": _of_file,
    "GetLog": _of_file,
    "InstallCertificate": _of_installing,
    "PublishFirmware": _of_file,
    "SetNetworkProfile": _of_network_profile,
    "SetVariables": _of_variables,
    "SignedUpdateFirmware": _of_file,
    "UpdateFirmware": _of_file,
}
"""What is looked at before a CALL may go on."""
