"""Why a link could not be opened, or is not open any more, in words for the person who must act."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, NegotiationError
from websockets.frames import Close
from websockets.http11 import Response

from routing.addresses import AddressRefused
from routing.core.secrecy import without_credentials

LONGEST = 255
"""Characters that a route's last error may have."""

STATUS_ADVICE = {
    200: gettext_noop("this path answers web pages, not WebSockets; check the URL"),
    400: gettext_noop("it does not accept this request"),
    401: gettext_noop("check user name and password"),
    403: gettext_noop(
        "this charger may not connect; check user name, password and what the backoffice permits"
    ),
    404: gettext_noop("it does not know this charger or path; check the URL and the identity"),
    407: gettext_noop("a proxy in between asks for credentials"),
    426: gettext_noop("it expects something else than a WebSocket of version 13"),
    429: gettext_noop("too many connections; it asks to slow down"),
}


class VersionMismatch(Exception):
    """The backoffice does not take the OCPP version of the charger. The text begins with the alarm's name."""


def version_mismatch(ocpp_version: str, reply: str) -> VersionMismatch:
    """The error for a reply that does not choose the one version that was offered."""
    return VersionMismatch(
        shorten(f"version_mismatch: offered ocpp{ocpp_version}, {reply}; let it accept this version")
    )


def refuses_subprotocol(response: Response) -> bool:
    """Whether an HTTP error was given because of the subprotocol: a 4xx whose words name it.

    A bare 400 says too little, and 401, 403 and 404 mean something else.
    """
    if not 400 <= response.status_code < 500 or response.status_code in (401, 403, 404, 407, 429):
        return False
    words = bytes(response.body[:2000]).decode("utf-8", "replace") + response.reason_phrase
    return "protocol" in words.lower().replace("http", "")


def explain(error: BaseException, url: str, seconds: float) -> str:
    """One sentence on a failed attempt; ``seconds`` is the time it was given.

    Names host and port but never the whole URL, which may hold credentials.
    """
    parts = _split(url)
    place = f"{parts.hostname}:{_port(parts)}" if parts else _("the backoffice")
    words = _explain(error, parts.hostname if parts else None, place, seconds)
    return shorten(without_credentials(words))  # of where it redirects to, or of what the peer says


def _explain(error: BaseException, host: str | None, place: str, seconds: float) -> str:
    match error:
        case VersionMismatch() | AddressRefused():
            return str(error)
        case socket.gaierror():
            return _("name does not resolve: %(host)s") % {"host": host}
        case ConnectionRefusedError():
            return _("connection refused at %(place)s") % {"place": place}
        case TimeoutError():
            return _("no answer from %(place)s within %(seconds)s s") % {
                "place": place,
                "seconds": f"{seconds:g}",
            }
        case ssl.SSLCertVerificationError():
            return _("TLS certificate not trusted: %(why)s") % {"why": error.verify_message}
        case ssl.SSLError():
            return _("no TLS at %(place)s: %(why)s; is it a ws:// port?") % {
                "place": place,
                "why": getattr(error, "reason", "") or error,
            }
        case InvalidURI() | ValueError():
            return _("not a WebSocket URL; expected ws:// or wss://, a host and a path")
        case InvalidStatus():
            return _explain_status(error.response)
        case NegotiationError():
            return _("%(place)s asked for what was not offered: %(what)s") % {"place": place, "what": error}
        case InvalidHandshake():
            return _("%(place)s does not speak WebSocket: %(why)s") % {
                "place": place,
                "why": _innermost(error) or error,
            }
        case OSError():
            return _("no connection to %(place)s: %(why)s") % {"place": place, "why": error.strerror or error}
    why = f"{type(error).__name__}: {error}"
    return _("no connection to %(place)s: %(why)s") % {"place": place, "why": why}


def explain_close(received: Close | None, broken: BaseException | None, lost: BaseException | None) -> str:
    """Why an open link ended: a broken rule, the backoffice's close frame, or the lack of one.

    ``broken`` is what the parser ended with, ``lost`` what the transport ended with.
    """
    if broken is not None and not isinstance(broken, EOFError):
        return shorten(f"closed by the proxy: the backoffice broke the WebSocket protocol: {broken}")
    if received is not None:
        reason = f" {received.reason}" if received.reason else ""
        words = f"closed by the backoffice: {int(received.code)}{reason}"
        return shorten(without_credentials(words))
    if lost is not None:
        return shorten(f"connection lost: {lost}")
    return "connection lost without a close frame"


def shorten(text: str) -> str:
    """``text`` in one line of at most ``LONGEST`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _explain_status(response: Response) -> str:
    status = response.status_code
    if 300 <= status < 400:
        where = response.headers.get("Location", "nowhere")
        advice = _("it redirects to %(where)s; enter the final URL") % {"where": where}
    elif status >= 500:
        advice = _("it has a problem of its own")
    elif status in STATUS_ADVICE:
        advice = _(STATUS_ADVICE[status])
    else:
        advice = response.reason_phrase or _("no reason given")
    return _("refused the handshake with HTTP %(status)s: %(advice)s") % {"status": status, "advice": advice}


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is the check
    except ValueError:
        return None
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "wss" else 80)
