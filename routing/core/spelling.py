"""Members that differ from what the proxy reads in nothing but capitals, as ``{"key": ..., "Key": ...}``.

To the proxy, as to the standard, they are other members; some chargers take them for the same. What was
looked at would not be what the charger reads, so such a CALL does not go on (ocpp-semantics 3.10).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from routing.core import actions
from routing.core.gate import Asked
from routing.core.lines import Line
from routing.core.state import State
from routing.core.turn import Turn

_ITEM = ("setVariableData", "component", "variable", "name", "instance", "attributeValue", "attributeType")

READ: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CertificateSigned": ("certificateType",),
        "ChangeAvailability": ("connectorId", "evse", "id", "type", "operationalStatus"),
        "ChangeConfiguration": ("key", "value"),
        "DataTransfer": ("vendorId", "messageId"),
        "DeleteCertificate": (
            "certificateHashData", "hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber",
        ),
        "InstallCertificate": ("certificateType", "certificate"),
        "SetVariables": _ITEM,
    }
)  # fmt: skip
"""What decides about an action besides the paths of its row."""

_MEMBER = re.compile(r'("(?:[^"\\]|\\.)*+")\s*+:', re.DOTALL)
_WORD = re.compile(r"[A-Za-z0-9_]+")


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Which member is written in other capitals than it is read in, in words; "" for none."""
    known, payload = _known(state.version, asked.action), asked.payload
    if "\\u" not in payload:
        folded = payload.casefold()
        if all(folded.count(token.casefold()) == payload.count(token) for token in known.values()):
            return ""
    for token in _MEMBER.findall(payload):
        name = _decoded(token)
        meant = known.get(name.casefold())
        if meant is not None and meant != f'"{name}"':
            return f"spelling: {name[:40]!a} is {meant} to some chargers"
    return ""


@lru_cache(maxsize=512)
def _known(ocpp_version: str, action: str) -> dict[str, str]:
    """The members of an action that are looked at, as JSON tokens by their names in small letters."""
    row = actions.down(ocpp_version, action)
    paths = [] if row is None else [rewrite.path for rewrite in row.to_charger]
    if row is not None and row.qualifier is not None:
        paths += [*row.qualifier.paths, row.qualifier.items]
    names = {*READ.get(action, ()), *(name for path in paths for name in _WORD.findall(path))}
    return {name.casefold(): f'"{name}"' for name in names}


def _decoded(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        return str(json.loads(token))
    except ValueError:
        return token
