"""A test dial: what a backoffice says to one handshake, step by step, in words. Nothing is stored or sent.

Each step is the real one: the name is resolved once, what is connected to is what was checked, the
certificate is verified as a link does it. A peer's fault is a failed step, never an exception.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from msgspec import Struct
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, NegotiationError
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from backoffices.addresses import connect_first
from backoffices.handshakes import STATUS_ADVICE, explain, refuses_subprotocol
from backoffices.sockets import wire_logger
from routing.addresses import AddressRefused, permitted_of
from routing.core.secrecy import without_credentials
from routing.core.snapshot import OCPP_VERSIONS

T = TypeVar("T")

logger = logging.getLogger(__name__)

TOTAL_SECONDS = 15.0
"""How long a test takes at most, all steps together."""

CLOSE_SECONDS = 1.0
"""How long a backoffice may take to answer the close frame; the result is known by then."""

USER_AGENT = "ocpp-proxy"

LONGEST_ANSWER = 64 * 1024
"""Bytes of an HTTP answer after which no more is read."""

LONGEST_QUOTE = 80

_HTTP = re.compile(r"HTTP \d{3}")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})\b")

StepName = Literal["dns", "tcp", "tls", "http", "subprotocol"]
Outcome = Literal["ok", "failed", "skipped"]

STEPS: tuple[StepName, ...] = ("dns", "tcp", "tls", "http", "subprotocol")


class Step(Struct, frozen=True, kw_only=True):
    """One step. ``found``: a sentence. ``remedy``: what to do, "" where nothing is to be done.

    ``milliseconds``: how long it took, None where it was skipped.
    """

    name: StepName
    outcome: Outcome
    found: str
    remedy: str = ""
    milliseconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is tried. ``url`` is complete: the identity is in it. ``password``: bytes, None for no HTTP Basic.

    ``versions``: OCPP versions that are offered; none for all. ``discreet``: whoever asks may not know the
    address, so that no sentence names it. ``context``: how certificates are verified, None for as links do.
    """

    url: str
    username: str = ""
    password: bytes | None = field(default=None, repr=False)
    versions: tuple[str, ...] = ()
    allow_private: bool = False
    verify_tls: bool = True
    discreet: bool = False
    context: ssl.SSLContext | None = None
    seconds: float = TOTAL_SECONDS


class _Failed(Exception):
    """A step has failed, with what was found and what helps."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.remedy = remedy


async def trial(wanted: Wanted) -> list[Step]:
    """All steps of a test, in their order; those after a failed one are skipped."""
    return [step async for step in steps(wanted)]


async def steps(wanted: Wanted) -> AsyncGenerator[Step, None]:
    """The same, each when it is done."""
    test = _Test(wanted)
    done: set[StepName] = set()
    failed = False
    try:
        for name, work in test.plan():
            if failed:
                break
            step = await test.run(name, work)
            done.add(name)
            failed = step.outcome == "failed"
            yield step
    finally:
        await test.close()
    for name in STEPS:
        if name not in done:
            yield Step(name=name, outcome="skipped", found=_("Not tried: a step before it failed."))


class _Test:
    """One test while it runs: the socket, and what is known of the peer so far."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._ends_at = time.monotonic() + wanted.seconds
        self._uri: WebSocketURI | None = None
        self._infos: list[Any] = []
        self._info: Any = None
        self._sock: socket.socket | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._protocol: ClientProtocol | None = None
        self._head = b""

    def plan(self) -> list[tuple[StepName, Callable[[], Awaitable[tuple[Outcome, str, str]]]]]:
        return [
            ("dns", self._resolve),
            ("tcp", self._connect),
            ("tls", self._secure),
            ("http", self._shake_hands),
            ("subprotocol", self._negotiated),
        ]

    async def run(self, name: StepName, work: Callable[[], Awaitable[tuple[Outcome, str, str]]]) -> Step:
        began = time.monotonic()
        outcome: Outcome = "failed"
        try:
            async with asyncio.timeout(max(0.0, self._ends_at - began)):
                outcome, found, remedy = await work()
        except _Failed as failure:
            found, remedy = failure.found, failure.remedy
        except TimeoutError:
            found = self._too_late()
            remedy = _(_SLOW[name])
        except (OSError, ValueError, InvalidHandshake, InvalidURI, EOFError) as error:
            found = _sentence(explain(error, self.wanted.url, self.wanted.seconds))
            remedy = _(_REMEDIES.get(name, ""))
        except Exception as error:  # the edge: a peer can't be allowed to break the page of who tests it
            logger.exception("a test dial failed in step %s", name)
            found = _("The test itself failed: %(error)s.") % {"error": type(error).__name__}
            remedy = _("Try again, and report it.")
        spent = None if outcome == "skipped" else round((time.monotonic() - began) * 1000, 1)
        found = self._discreet(_clean(found, self.wanted))
        return Step(name=name, outcome=outcome, found=found, remedy=remedy, milliseconds=spent)

    def _too_late(self) -> str:
        begun = _STATUS_LINE.match(self._head)
        if begun and self._protocol is not None and self._protocol.state is State.CONNECTING:
            return _("HTTP %(status)s, and the rest of the answer never came.") % {
                "status": begun[1].decode()
            }
        return _("No answer within the %(seconds)s s that a test takes at most.") % {
            "seconds": f"{self.wanted.seconds:g}"
        }

    async def close(self) -> None:
        """Say good-bye (1000) where a WebSocket is open, and let go of the socket."""
        protocol, writer = self._protocol, self._writer
        try:
            if protocol is not None and writer is not None and protocol.state is State.OPEN:
                async with asyncio.timeout(CLOSE_SECONDS):
                    protocol.send_close(1000, "test")
                    await self._flush()
                    while await self._receive():
                        await self._flush()
        except (OSError, ValueError, EOFError):
            pass  # it has heard us, or does not listen: the result is known
        finally:
            if writer is not None:
                writer.transport.abort()
            elif self._sock is not None:
                self._sock.close()

    # -- steps

    async def _resolve(self) -> tuple[Outcome, str, str]:
        uri = self._uri = parse_uri(self.wanted.url)
        try:
            self._infos = await asyncio.get_running_loop().getaddrinfo(
                uri.host, uri.port, type=socket.SOCK_STREAM
            )
        except socket.gaierror as error:
            words = _("The name %(host)s does not resolve.") % {"host": uri.host}
            remedy = _("Check the spelling of the host, and that its name is public.")
            raise _Failed(words, remedy) from error
        shown = ", ".join(dict.fromkeys(str(info[4][0]) for info in self._infos))
        try:
            permitted = permitted_of(uri.host, self._infos, allow_private=self.wanted.allow_private)
        except AddressRefused as error:
            raise _Failed(
                _("%(host)s is %(address)s: not a public address.") % {"host": uri.host, "address": shown},
                _(
                    "Enter an address on the internet. Whoever runs the proxy may permit private ones "
                    "(PROXY_ALLOW_PRIVATE_UPSTREAMS)."
                ),
            ) from error
        self._infos = permitted
        told = {"host": uri.host, "address": shown}
        if shown == uri.host:
            return "ok", _("%(host)s is an address.") % told, ""
        return "ok", _("%(host)s is %(address)s.") % told, ""

    async def _connect(self) -> tuple[Outcome, str, str]:
        """To the first address that answers, as links do it; each is one that was checked."""
        self._info, self._sock = await connect_first(self._infos)
        return "ok", _("Connected to %(place)s.") % {"place": _place(self._info)}, ""

    async def _secure(self) -> tuple[Outcome, str, str]:
        assert self._uri is not None
        if not self._uri.secure:
            self._reader, self._writer = await asyncio.open_connection(sock=self._sock)
            return (
                "skipped",
                _("ws:// is not encrypted."),
                _(
                    "Use wss:// where the backoffice offers it: passwords and cards are in the open "
                    "otherwise."
                ),
            )
        context = self.wanted.context or _context(verify=self.wanted.verify_tls)
        try:
            self._reader, self._writer = await asyncio.open_connection(
                sock=self._sock, ssl=context, server_hostname=self._uri.host
            )
        except ssl.SSLCertVerificationError as error:
            shown = await self._look_at_certificate()
            words = _("Certificate not trusted: %(why)s.") % {"why": error.verify_message}
            raise _Failed(f"{words} {shown}", _certificate_remedy(error)) from error
        except ssl.SSLError as error:
            told = {"place": _place(self._info), "why": getattr(error, "reason", "") or "no TLS"}
            raise _Failed(_("No TLS at %(place)s: %(why)s.") % told, _(_REMEDIES["tls"])) from error
        tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return "ok", f"{tls.version() or 'TLS'}. {self._shown(tls.getpeercert(True))}".strip(), ""

    async def _look_at_certificate(self) -> str:
        """A second connection, to the same address, only to see what it shows; nothing is sent on it."""
        assert self._uri is not None
        try:
            _, sock = await connect_first([self._info])
            _, writer = await asyncio.open_connection(
                sock=sock, ssl=_context(verify=False), server_hostname=self._uri.host
            )
        except OSError:
            return ""
        try:
            return self._shown(writer.get_extra_info("ssl_object").getpeercert(True))
        finally:
            writer.transport.abort()

    async def _shake_hands(self) -> tuple[Outcome, str, str]:
        assert self._uri is not None
        offered = [Subprotocol(f"ocpp{v}") for v in self.wanted.versions or OCPP_VERSIONS]
        protocol = self._protocol = ClientProtocol(
            self._uri, subprotocols=offered, max_size=LONGEST_ANSWER, logger=wire_logger
        )
        request = protocol.connect()
        request.headers.update(_headers(self.wanted))
        protocol.send_request(request)
        await self._flush()
        size = 0
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
            got = await self._receive()
            size += got
            if not got or size > LONGEST_ANSWER:
                break
        if protocol.state is State.OPEN:
            return "ok", _("HTTP 101: it speaks WebSocket."), ""
        raise self._refused(protocol.handshake_exc, offered)

    def _refused(self, error: Exception | None, offered: list[Subprotocol]) -> _Failed:
        match error:
            case InvalidStatus():
                return _status(error.response, offered)
            case NegotiationError():
                words = _("It asked for what was not offered: %(what)s.") % {"what": error}
                return _Failed(words, _("Ask the backoffice which OCPP version it speaks."))
            case InvalidHandshake():
                words = _sentence(explain(error, self.wanted.url, self.wanted.seconds))
                return _Failed(words, _(_REMEDIES["http"]))
        return _Failed(_("It closed the connection, or sent no proper answer."), _(_REMEDIES["http"]))

    async def _negotiated(self) -> tuple[Outcome, str, str]:
        assert self._protocol is not None
        chosen = self._protocol.subprotocol
        offered = ", ".join(self.wanted.versions or OCPP_VERSIONS)
        if chosen is None:
            raise _Failed(
                _("It chose no subprotocol; offered was OCPP %(versions)s.") % {"versions": offered},
                _("Let the backoffice accept one of these versions; a link is not kept without one."),
            )
        told = {"version": chosen.removeprefix("ocpp"), "versions": offered}
        if len(self.wanted.versions) == 1:
            return "ok", _("It chose OCPP %(version)s.") % told, ""
        return "ok", _("It chose OCPP %(version)s of %(versions)s.") % told, ""

    # -- bytes

    async def _flush(self) -> None:
        assert self._writer is not None
        assert self._protocol is not None
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
        await self._writer.drain()

    async def _receive(self) -> int:
        """Take what comes in; 0 at the end."""
        assert self._reader is not None
        assert self._protocol is not None
        data = await self._reader.read(16 * 1024)
        self._head = self._head or data[:20]
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._protocol.events_received()
        return len(data)

    def _discreet(self, text: str) -> str:
        """Without where it is, for who may not know that."""
        if not self.wanted.discreet:
            return text
        known = {str(info[4][0]) for info in self._infos}
        if self._uri is not None:
            known.add(self._uri.host)
        for word in sorted(known, key=len, reverse=True):
            text = text.replace(word, "…")
        answer = _HTTP.match(text)
        return f"{answer[0]}." if answer else text

    def _shown(self, der: bytes | None) -> str:
        """What a certificate says, to those who may know where the backoffice is."""
        return "" if self.wanted.discreet else describe(der)


_SLOW: dict[StepName, str] = {
    "dns": gettext_noop("The name server does not answer; try again."),
    "tcp": gettext_noop("Check host and port; a firewall drops what is not permitted."),
    "tls": gettext_noop(
        "It accepts connections but does not begin TLS; check the port, is it one for ws://?"
    ),
    "http": gettext_noop(
        "It accepts connections but does not answer; check port and path, or ask the backoffice."
    ),
    "subprotocol": "",
}

_REMEDIES: dict[StepName, str] = {
    "dns": gettext_noop("Check the address: ws:// or wss://, a host and a path."),
    "tcp": gettext_noop("Check host and port, and that the backoffice is running and lets this server in."),
    "tls": gettext_noop("Check the port; is it one for ws://?"),
    "http": gettext_noop(
        "Check host, port and path; something else than a backoffice may be listening there."
    ),
    "subprotocol": "",
}


def _status(response: Response, offered: list[Subprotocol]) -> _Failed:
    status = response.status_code
    if 300 <= status < 400:
        where = response.headers.get("Location", "nowhere")
        return _Failed(
            _("HTTP %(status)s: it redirects to %(where)s; links follow no redirects.")
            % {"status": status, "where": where[:200]},
            _("Enter the final address."),
        )
    if refuses_subprotocol(response):
        names = ", ".join(one.removeprefix("ocpp") for one in offered)
        return _Failed(
            " ".join(
                filter(
                    None,
                    (
                        _("HTTP %(status)s: it does not take OCPP %(versions)s.")
                        % {"status": status, "versions": names},
                        _quote(response),
                    ),
                )
            ),
            _("Let the backoffice accept one of these versions, or choose others here."),
        )
    if status >= 500:
        advice = _("It has a problem of its own; ask the backoffice.")
    else:
        advice = _sentence(_(STATUS_ADVICE.get(status, gettext_noop("Ask the backoffice what it expects"))))
    return _Failed(f"HTTP {status} {response.reason_phrase or ''}".strip() + f". {_quote(response)}", advice)


def _quote(response: Response) -> str:
    """The first line of what it says, as far as it is words."""
    body = bytes(response.body or b"")[:2000].decode("utf-8", "replace").strip()
    line = "".join(c for c in (body.splitlines() or [""])[0] if c.isprintable()).strip()
    if not line or line.startswith(("<", "\ufffd")):
        return ""
    return _('It says: "%(words)s".') % {"words": line[:LONGEST_QUOTE]}


def describe(der: bytes | None) -> str:
    """Whose a certificate is, who signed it and until when it holds, in a sentence."""
    if not der:
        return ""
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = _name(certificate.subject), _name(certificate.issuer)
    except ValueError:
        return _("Certificate of an unreadable kind.")
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    told = {"subject": subject or _("nobody"), "issuer": issuer or _("nobody"), "until": until}
    return _("Certificate of %(subject)s, by %(issuer)s, valid until %(until)s.") % told


def _name(name: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        found = name.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)[:100]
    return name.rfc4514_string()[:100]


def _certificate_remedy(error: ssl.SSLCertVerificationError) -> str:
    words = error.verify_message.lower()
    if "expired" in words:
        return _("The backoffice has to renew its certificate. If it looks valid, check the clock here.")
    if "mismatch" in words or "doesn't match" in words:
        return _("Enter the name that the certificate is for, or let the backoffice get one for this name.")
    return _("The backoffice needs a certificate of a public authority, with its whole chain.")


def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _headers(wanted: Wanted) -> Headers:
    headers = Headers({"User-Agent": USER_AGENT})
    if wanted.password is not None:
        headers["Authorization"] = f"Basic {_basic(wanted)}"
    return headers


def _basic(wanted: Wanted) -> str:
    return base64.b64encode(wanted.username.encode() + b":" + (wanted.password or b"")).decode()


def _clean(text: str, wanted: Wanted) -> str:
    """One line, without credentials: of addresses, and those that a peer says back to us."""
    text = without_credentials(" ".join(text.split()))
    if wanted.password:
        secrets = {_basic(wanted), wanted.password.decode("utf-8", "replace"), wanted.password.hex()}
        for secret in secrets:
            if secret:
                text = text.replace(secret, "***")
    return text


def _place(info: Any) -> str:
    host, port = info[4][0], info[4][1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _sentence(words: str) -> str:
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"
