"""Certificates on the charger: which may come, be signed, and go (ocpp-semantics 3.10)."""

from __future__ import annotations

import hashlib
import re

from routing.core import spans, x509
from routing.core.gate import DownCall, Reply
from routing.core.lines import Line
from routing.core.payloads import strings
from routing.core.snapshot import Role
from routing.core.state import Received, State
from routing.core.turn import Turn

KIND = "csr"
"""Kind under which is remembered that the charger waits for a certificate, by the certificate's type."""

OF_CHARGER = "ChargingStationCertificate"
"""The client certificate of security profile 3; what is meant where no type is named, as in 1.6."""

SIGNED = frozenset({OF_CHARGER, "V2GCertificate", "V2G20Certificate"})

HARMLESS = frozenset({"v2grootcertificate", "morootcertificate", "oemrootcertificate"})
MANUFACTURER = "manufacturerrootcertificate"

INSTALLED = "certificate"
"""Kind under which is remembered who has installed what: ``<route>/<serial>``, with the issuer in hex."""

MOST_INSTALLED = 50
LONGEST_ISSUER = 2000

ALGORITHMS = frozenset({"SHA256", "SHA384", "SHA512"})
_NAMED_BY = ("hashAlgorithm", "issuerNameHash", "serialNumber")

_HASHES = ("serialNumber", "issuerKeyHash", "issuerNameHash")
_NO_HEX = re.compile(r"[^0-9a-f]+")


def install_objection(line: Line, payload: str) -> str:
    """Why InstallCertificate would change whom the charger trusts, in words; "" when it would not."""
    for kind in strings(payload, "$.certificateType") or ["a certificate without a type"]:
        plain = kind.strip().lower()
        if plain == MANUFACTURER and line.route.role is not Role.BILLING:
            return "guard: a manufacturer's root certificate is for Billing to install"
        if plain not in HARMLESS and plain != MANUFACTURER:
            return f"guard: {kind.strip()[:60]} decides whom the charger trusts"
    return ""


def delete_objection(state: State, line: Line, payload: str) -> str:
    """Why DeleteCertificate may take what the charger needs, in words; "" when it does not."""
    protected = {_plain(entry) for entry in state.snapshot.options.protected_certificates} - {""}
    for name in _HASHES:
        if any(_plain(value) in protected for value in strings(payload, f"$.certificateHashData.{name}")):
            return "guard: with this certificate the charger knows the proxy"
    if line.route.role is not Role.BILLING and _installed(state, line.key, payload) is None:
        return "guard: this backoffice has not installed this certificate"
    return ""


def note_installed(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """Where the charger has taken a certificate, whoever has sent it may delete it."""
    asked = call.asked
    if asked is None or not _is_accepted(reply) or len(state.all_remembered(INSTALLED)) >= MOST_INSTALLED:
        return
    found = x509.names("\n".join(strings(call.payload, "$.certificate")))
    if found is not None and len(found.issuer) <= LONGEST_ISSUER:
        state.remember(INSTALLED, f"{asked.route}/{found.serial}"[:255], found.issuer.hex(), turn)


def note_deleted(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """A certificate is gone from the charger, so whose it was does not matter any more."""
    if _is_accepted(reply):
        for route in state.lines:
            if (key := _installed(state, route, call.payload)) is not None:
                state.forget(INSTALLED, key, turn)


def _installed(state: State, route: int, payload: str) -> str | None:
    """Under which key it is remembered that a route has installed what these hashes name."""
    data = {name: strings(payload, f"$.certificateHashData.{name}") for name in _NAMED_BY}
    if any(len(values) != 1 for values in data.values()):
        return None
    (algorithm,), (name_hash,), (serial,) = data.values()
    key = f"{route}/{_plain(serial)}"[:255]
    row = state.remembered(INSTALLED, key)
    if row is None or algorithm not in ALGORITHMS:
        return None
    issuer = hashlib.new(algorithm.lower(), bytes.fromhex(row.payload)).hexdigest()
    return key if issuer == name_hash.strip().lower() else None


def _is_accepted(reply: Reply) -> bool:
    return reply.payload is not None and spans.value(reply.payload, "$.status") == "Accepted"


def signed_objection(state: State, line: Line, payload: str) -> str:
    """Why CertificateSigned is no answer to a SignCertificate, in words; "" when it is."""
    for kind in _types(payload):
        if kind == OF_CHARGER and state.snapshot.options.pki == "none":
            return "guard: nobody may sign certificates of this charger (option pki)"
        if line is not state.billing or state.remembered(KIND, kind) is None:
            return f"guard: the charger has not asked this backoffice to sign a {kind[:60]}"
    return ""


def is_unsigned(state: State, received: Received) -> bool:
    """Whether nobody may sign what the charger asks for with SignCertificate."""
    return state.snapshot.options.pki == "none" and OF_CHARGER in _types(received.call.payload)


def note_request(state: State, turn: Turn, received: Received) -> None:
    """The charger has sent SignCertificate: an answer to it may come."""
    for kind in SIGNED.intersection(_types(received.call.payload)):
        state.remember(KIND, kind, "asked", turn)


def note_signed(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """Where the charger has taken a certificate, what it asked for is done."""
    if _is_accepted(reply):
        for kind in _types(call.payload):
            state.forget(KIND, kind, turn)


def _types(payload: str) -> list[str]:
    return strings(payload, "$.certificateType") if spans.find(payload, "$.certificateType") else [OF_CHARGER]


def _plain(text: str) -> str:
    """A number or hash in hexadecimal, however it was written: no colons, no zeros in front."""
    return _NO_HEX.sub("", text.lower().removeprefix("0x")).lstrip("0")
