"""Error codes of CALLERROR and CALLRESULTERROR: one condition, spelled as each OCPP version spells it."""

from __future__ import annotations

from enum import StrEnum

from routing.core.snapshot import OCPP_VERSIONS


class Condition(StrEnum):
    """What is wrong with a CALL or its answer, whatever the OCPP version calls it."""

    UNKNOWN_ACTION = "unknown action"
    NOT_SUPPORTED = "not supported"
    FORMAT = "format"
    INCOMPLETE = "incomplete"
    OCCURRENCE = "occurrence"
    TYPE = "type"
    VALUE = "value"
    SECURITY = "security"
    GENERIC = "generic"
    INTERNAL = "internal"
    MESSAGE_TYPE = "message type"
    RPC_FRAMEWORK = "rpc framework"


_CODES = {
    # condition: (OCPP 1.6, OCPP 2.0.1 and 2.1). Sources: OCPP-J 1.6 table 7, OCPP 2.0.1 part 4 table 7.
    Condition.UNKNOWN_ACTION: ("NotImplemented", "NotImplemented"),
    Condition.NOT_SUPPORTED: ("NotSupported", "NotSupported"),
    Condition.FORMAT: ("FormationViolation", "FormatViolation"),
    Condition.INCOMPLETE: ("ProtocolError", "ProtocolError"),
    # One r in 1.6: a misprint of the specification that its errata keep for good.
    Condition.OCCURRENCE: ("OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
    Condition.TYPE: ("TypeConstraintViolation", "TypeConstraintViolation"),
    Condition.VALUE: ("PropertyConstraintViolation", "PropertyConstraintViolation"),
    Condition.SECURITY: ("SecurityError", "SecurityError"),
    Condition.GENERIC: ("GenericError", "GenericError"),
    Condition.INTERNAL: ("InternalError", "InternalError"),
    # 1.6 has no code for these two; GenericError is its "any other error".
    Condition.MESSAGE_TYPE: ("GenericError", "MessageTypeNotSupported"),
    Condition.RPC_FRAMEWORK: ("GenericError", "RpcFrameworkError"),
}

_WRITTEN = {
    (version, condition): codes[0 if version == "1.6" else 1]
    for version in OCPP_VERSIONS
    for condition, codes in _CODES.items()
}

_READ = {code.lower(): condition for condition, codes in _CODES.items() for code in codes}
_READ["genericerror"] = Condition.GENERIC  # not what 1.6 says with it for want of a code


def error_code(version: str, condition: Condition) -> str:
    """The code of ``condition`` in the spelling of an OCPP version ("1.6", "2.0.1" or "2.1").

    Raises ValueError for another version. Source: ocpp-semantics 1.7.
    """
    code = _WRITTEN.get((version, condition))
    if code is None:
        known = ", ".join(OCPP_VERSIONS)
        raise ValueError(f'"{version}" is not an OCPP version that the proxy speaks; expected one of {known}')
    return code


def read_code(text: str) -> Condition:
    """The condition that a peer's error code means: every spelling, on every version.

    Upper and lower case and spaces around the code do not matter. A code that no version knows is
    GENERIC, "any other error". Never raises.
    """
    return _READ.get(text.strip().lower(), Condition.GENERIC)
