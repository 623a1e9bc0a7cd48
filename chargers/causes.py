"""Why a charger was refused or cut off, what a person reads about it and what helps."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Stored with each refused attempt (``RefusedAttempt.cause``)."""

    UNKNOWN_IDENTITY = "unknown_identity"
    DISABLED = "disabled"
    BAD_IDENTITY = "bad_identity"
    NO_CREDENTIALS = "no_credentials"
    WRONG_USER = "wrong_user"
    WRONG_PASSWORD = "wrong_password"
    NO_SUBPROTOCOL = "no_subprotocol"
    UNSUPPORTED_SUBPROTOCOL = "unsupported_subprotocol"
    TLS_REQUIRED = "tls_required"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    UNAVAILABLE = "unavailable"
    BINARY_FRAME = "binary_frame"
    OVERSIZED_FRAME = "oversized_frame"
    TOO_MANY_FRAMES = "too_many_frames"
    SOCKET_FAULT = "socket_fault"
    WRONG_PATH = "wrong_path"
    TLS_ON_PLAIN_PORT = "tls_on_plain_port"


LABELS: dict[Cause, str] = {
    Cause.UNKNOWN_IDENTITY: "Unknown identity",
    Cause.DISABLED: "Charger is switched off",
    Cause.BAD_IDENTITY: "Not an identity",
    Cause.NO_CREDENTIALS: "No credentials",
    Cause.WRONG_USER: "User name is not the identity",
    Cause.WRONG_PASSWORD: "Wrong password",
    Cause.NO_SUBPROTOCOL: "No subprotocol offered",
    Cause.UNSUPPORTED_SUBPROTOCOL: "No common OCPP version",
    Cause.TLS_REQUIRED: "Not encrypted",
    Cause.TOO_MANY_ATTEMPTS: "Too many failed attempts",
    Cause.UNAVAILABLE: "The proxy could not take it",
    Cause.BINARY_FRAME: "Binary frame",
    Cause.OVERSIZED_FRAME: "Frame too large",
    Cause.TOO_MANY_FRAMES: "Too many frames",
    Cause.SOCKET_FAULT: "Fault on the socket",
    Cause.WRONG_PATH: "Wrong path",
    Cause.TLS_ON_PLAIN_PORT: "TLS on a port without",
}
"""What a list of attempts shows."""

REMEDIES: dict[Cause, str] = {
    Cause.UNKNOWN_IDENTITY: "Create a charger with exactly this identity (upper and lower case differ), "
    "or correct the URL in the charger.",
    Cause.DISABLED: "Switch the charger on in the admin if it may connect.",
    Cause.BAD_IDENTITY: "Correct the URL in the charger: it ends in /ocpp/<identity>, percent-encoded.",
    Cause.NO_CREDENTIALS: "Set the password in the charger (security profile 1 or 2), "
    "or remove the password here.",
    Cause.WRONG_USER: "The charger must send its identity as user name; correct the identity or the user "
    "name in the charger.",
    Cause.WRONG_PASSWORD: "Enter the password in the charger again, as text or as hexadecimal, whichever its "
    "tool asks for. If it is lost, make a new one (Set-up).",
    Cause.NO_SUBPROTOCOL: "Choose the OCPP version in the charger; if it can't offer one, set its option "
    "assume_subprotocol here.",
    Cause.UNSUPPORTED_SUBPROTOCOL: "Choose OCPP 1.6, 2.0.1 or 2.1 (as JSON) in the charger, "
    "and check its option pinned here.",
    Cause.TLS_REQUIRED: "Use wss:// in the charger, or allow connections without TLS (PROXY_REQUIRE_TLS).",
    Cause.TOO_MANY_ATTEMPTS: "Correct the credentials in the charger; it is heard again after a minute. "
    "If this is not your charger, somebody is guessing.",
    Cause.UNAVAILABLE: "Nothing to do at the charger, it connects again by itself; see the log of the proxy.",
    Cause.BINARY_FRAME: "OCPP-J is text: switch off any binary or SOAP mode in the charger.",
    Cause.OVERSIZED_FRAME: "Let the charger send smaller messages (fewer sampled values or keys at once).",
    Cause.TOO_MANY_FRAMES: "The charger sends without pause; restart it or update its firmware.",
    Cause.SOCKET_FAULT: "The charger breaks the rules of WebSocket or does not read what is sent; look for "
    "a faulty router or firmware.",
    Cause.WRONG_PATH: "Correct the URL in the charger: the path is /ocpp/<identity>. Take out what an "
    "earlier provider had there.",
    Cause.TLS_ON_PLAIN_PORT: "Use ws:// with this port, or wss:// with the port of whatever ends TLS before "
    "the proxy.",
}
"""What helps, in a sentence for the person who looks at the attempt."""
