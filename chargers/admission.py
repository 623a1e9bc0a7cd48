"""Who may connect: identity, credentials and OCPP version of a charger's handshake."""

from __future__ import annotations

import binascii
import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import Error, transaction

from accounts.acting import Via, acting
from chargers.attempts import Attempt, off_loop, read_attempt, record_refusal
from chargers.causes import Cause
from chargers.credentials import Form, basic_credentials, matches, matching_form
from chargers.identity import BadIdentity, is_chargers, last_segment, read_identity
from chargers.limits import AttemptLimits, Tally
from chargers.models import Charger
from routing import prepared
from routing.core import versions
from routing.core.options import ChargerOptions, OptionError, charger_options
from routing.core.snapshot import OCPP_VERSIONS, Role
from routing.models import DefaultRoute, LatestValue, Route

logger = logging.getLogger(__name__)

_CHALLENGE: Final = (b"WWW-Authenticate", b'Basic realm="OCPP", charset="UTF-8"')
_VERSIONS: Final = {f"ocpp{version}": version for version in OCPP_VERSIONS}


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A charger that may connect.

    ``charger``: primary key. ``subprotocol``: what the handshake answers, None for no header.
    ``ping``: seconds, 0 for none. ``compression``: whether it may compress what it sends.
    ``offered``: the versions that could have been chosen. ``quirks``: what is odd about the handshake.
    """

    charger: int
    identity: str
    ocpp_version: str
    subprotocol: str | None
    remote_address: str
    ping: float
    compression: bool = True
    offered: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A charger that may not connect.

    ``status``: of the HTTP answer; 101 where the handshake is finished without a subprotocol and the
    socket closed at once, as OCPP-J asks. ``sentence``: for the log, the record and the charger.
    """

    cause: Cause
    status: HTTPStatus
    sentence: str

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of the HTTP answer beyond those of every answer."""
        match self.status:
            case HTTPStatus.UNAUTHORIZED:
                return [_CHALLENGE]
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return [(b"Retry-After", b"10")]
            case _:
                return []


class Choice(msgspec.Struct, frozen=True):
    """The OCPP version of a connection, and the subprotocol to answer with (None: no header)."""

    ocpp_version: str
    subprotocol: str | None


def choose_version(
    offered: Sequence[str],
    options: ChargerOptions,
    accepted_by_billing: Collection[str],
    refused_by_billing: Collection[str] = (),
) -> Choice | Refusal:
    """The version to speak with a charger that offers ``offered``, in its order of preference.

    ``accepted_by_billing``: versions that the billing backoffice is known to accept, empty if unknown;
    ``refused_by_billing``: those that it has lately refused. Where it accepts none of the offered ones,
    the charger is served all the same and billing counts as away.
    Source: ocpp-semantics 1.2; OCPP-J 1.6 section 3.1.2.
    """
    if not offered:
        if options.assume_subprotocol is None:
            return _no_version(Cause.NO_SUBPROTOCOL, "the charger offers no subprotocol", options)
        return Choice(_VERSIONS[options.assume_subprotocol], None)
    common = _in_question(offered, options)
    if not common:
        shown = ", ".join(offered)[:100]
        return _no_version(Cause.UNSUPPORTED_SUBPROTOCOL, f'the charger offers "{shown}"', options)
    best = versions.preferred(common, accepted_by_billing, refused_by_billing)
    return Choice(best, f"ocpp{best}")


def _in_question(offered: Sequence[str], options: ChargerOptions) -> list[str]:
    """The versions among those offered that the proxy may choose, in the charger's order."""
    wanted = OCPP_VERSIONS if options.pinned is None else (options.pinned,)
    return [_VERSIONS[name] for name in offered if _VERSIONS.get(name) in wanted]


def _no_version(cause: Cause, what: str, options: ChargerOptions) -> Refusal:
    expected = f"ocpp{options.pinned} (pinned)" if options.pinned else ", ".join(_VERSIONS)
    sentence = f"{what}; expected {expected}"
    return Refusal(cause=cause, status=HTTPStatus.SWITCHING_PROTOCOLS, sentence=sentence)


def check_credentials(identity: str, hashes: list[str], authorization: bytes | None) -> Refusal | None:
    """None if the Authorization header may pass; without stored hashes every one may.

    The user name must be the identity. It is compared as a prefix, so that an identity with a colon
    works too. Source: ocpp-semantics 1.1 and 1.3, OCPP 2.0.1 A00.FR.204.
    """
    if not hashes:
        return None
    sent, is_its_own, password = _credentials(identity, authorization)
    if not sent:
        return _unauthorized(Cause.NO_CREDENTIALS, "HTTP Basic credentials are asked for and were not sent")
    if not is_its_own:
        return _unauthorized(Cause.WRONG_USER, "the user name of HTTP Basic is not the identity of the URL")
    if not matches(identity, password, hashes):
        return _unauthorized(Cause.WRONG_PASSWORD, _what_is_wrong(identity, password, hashes))
    return None


def _what_is_wrong(identity: str, password: bytes, hashes: list[str]) -> str:
    """What a person at the charger can do with: how a wrong password nearly was the right one."""
    if not password:
        return "the password that was sent is empty"
    if password != password.strip() and matches(identity, password.strip(), hashes):
        return "the password is followed or preceded by white space"
    try:
        written_as_hex = matches(identity, binascii.unhexlify(password.strip()), hashes)
    except ValueError:
        written_as_hex = False
    if written_as_hex:
        return "the charger sends the hexadecimal of the password instead of the password"
    return "the password is not the one that is stored"


def _credentials(identity: str, authorization: bytes | None) -> tuple[bool, bool, bytes]:
    """Whether HTTP Basic was sent, whether its user is this identity, and then the password."""
    credentials = basic_credentials(authorization or b"")
    if credentials is None:
        return False, False, b""
    together, user = b":".join(credentials), identity.encode() + b":"
    return True, together.startswith(user), together[len(user) :]


def _unauthorized(cause: Cause, sentence: str) -> Refusal:
    return Refusal(cause=cause, status=HTTPStatus.UNAUTHORIZED, sentence=sentence)


class Door:
    """Admits and refuses, and remembers who fails too often. Used on the event loop."""

    def __init__(self) -> None:
        self._limits = AttemptLimits()
        self._uncounted = Tally()

    async def admit(self, scope: Mapping[str, Any]) -> Admission | Refusal:
        """Decide on the handshake that ``scope`` describes; a refusal has been recorded."""
        raw_path = scope.get("raw_path") or scope["path"].encode()
        if not is_chargers(raw_path):
            return await self._refuse(read_attempt(scope, last_segment(raw_path)), _wrong_path(raw_path))
        identity = read_identity(raw_path)
        if isinstance(identity, BadIdentity):
            attempt = read_attempt(scope, identity.written)
            # 404 like any identity that no charger has: OCPP-J 1.6 section 3.1.1 knows no other.
            refusal = Refusal(
                cause=Cause.BAD_IDENTITY, status=HTTPStatus.NOT_FOUND, sentence=identity.sentence
            )
            return await self._refuse(attempt, refusal)
        attempt = read_attempt(scope, identity)
        outcome = self._before_looking(attempt) or await self._look(attempt)
        if isinstance(outcome, Refusal):
            return await self._refuse(attempt, outcome)
        self._limits.admitted(identity, attempt.remote_address)
        return outcome

    def _before_looking(self, attempt: Attempt) -> Refusal | None:
        if settings.PROXY_REQUIRE_TLS and not attempt.secure:
            return Refusal(
                cause=Cause.TLS_REQUIRED,
                status=HTTPStatus.FORBIDDEN,
                sentence="the connection is not encrypted; expected wss://",
            )
        if not self._limits.may_try(attempt.identity, attempt.remote_address, time.monotonic()):
            return Refusal(
                cause=Cause.TOO_MANY_ATTEMPTS,
                status=HTTPStatus.TOO_MANY_REQUESTS,
                sentence="too many attempts in this name have failed; try again in a minute",
            )
        return None

    async def spoke_tls(self, address: str) -> Refusal:
        """Somebody has begun TLS where none is spoken; who it was can't be known. It has been recorded."""
        attempt = Attempt(
            identity="", remote_address=address, offered=(), user_agent="", authorization=None, secure=False
        )
        refusal = Refusal(
            cause=Cause.TLS_ON_PLAIN_PORT,
            status=HTTPStatus.BAD_REQUEST,
            sentence="its first bytes are those of TLS, which this port does not speak",
        )
        return await self._refuse(attempt, refusal)

    async def _look(self, attempt: Attempt) -> Admission | Refusal:
        try:
            return await off_loop(examine, attempt)
        except Error:
            logger.exception(
                "admission of %r: the database did not answer",
                attempt.identity,
                extra={"charger": attempt.identity},
            )
            return unavailable("the proxy can't look the charger up now; try again")

    async def _refuse(self, attempt: Attempt, refusal: Refusal) -> Refusal:
        """Record and count the refusal; where there are too many, only their number is stored."""
        now, times = time.monotonic(), 1
        if refusal.cause is Cause.TOO_MANY_ATTEMPTS:
            times = self._uncounted.add((attempt.identity, attempt.remote_address), now)
        elif refusal.cause is not Cause.UNAVAILABLE:
            self._limits.revoked(attempt.identity, attempt.remote_address)
            if not self._limits.failed(attempt.identity, attempt.remote_address, now):
                return await self._count_only(attempt, refusal, now)
        if times:
            logger.warning(
                "refused %r from %s: %s",
                *(attempt.identity, attempt.remote_address, refusal.sentence),
                extra={"charger": attempt.identity},
            )
            await record_refusal(attempt, refusal.cause, refusal.sentence, times)
        return refusal

    async def _count_only(self, attempt: Attempt, refusal: Refusal, now: float) -> Refusal:
        """One row for an address that fails all the time: it must not fill the table with names."""
        times = self._uncounted.add(attempt.remote_address, now)
        if times:
            nameless = msgspec.structs.replace(attempt, identity="")
            sentence = f"this address fails too often to record each attempt; last: {refusal.sentence}"
            await record_refusal(nameless, Cause.TOO_MANY_ATTEMPTS, sentence, times)
        return refusal


def _wrong_path(raw_path: bytes) -> Refusal:
    """A charger's handshake at an address that is none: no such thing is here, as for an unknown identity."""
    shown = raw_path.partition(b"?")[0].decode("latin-1")[:60]
    sentence = f"the path is {shown!r}, expected /ocpp/<identity>"
    return Refusal(cause=Cause.WRONG_PATH, status=HTTPStatus.NOT_FOUND, sentence=sentence)


def unavailable(sentence: str) -> Refusal:
    """The proxy itself can't take the charger now."""
    return Refusal(cause=Cause.UNAVAILABLE, status=HTTPStatus.SERVICE_UNAVAILABLE, sentence=sentence)


_COLUMNS: Final = ("id", "identity", "enabled", "password_hashes", "options")

_CHARGER = prepared.Query(
    lambda identity: Charger.objects.filter(identity=identity).values_list(*_COLUMNS), str
)

_BILLING = prepared.Query(
    lambda charger: (
        Route.objects.filter(
            charger_id=charger, enabled=True, role=Role.BILLING.value, backoffice__enabled=True
        )
        .order_by("pk")
        .values_list("pk", "backoffice__ocpp_versions")
    ),
    int,
)

_LEARNED = prepared.Query(
    lambda charger, route: LatestValue.objects.filter(
        charger_id=charger, kind=versions.KIND, key=route
    ).values_list("payload"),
    int,
    str,
)


def examine(attempt: Attempt) -> Admission | Refusal:
    """Look the charger up and decide. In a thread; raises django.db.Error."""
    found = _CHARGER(attempt.identity)
    charger = Charger(**dict(zip(_COLUMNS, found[0], strict=True))) if found else None
    if charger is None and settings.PROXY_UNKNOWN_CHARGERS == "adopt":
        with acting(via=Via.CHARGER, actor_name=attempt.identity, address=attempt.remote_address):
            charger = adopt(attempt.identity)
    if charger is None:
        sentence = "no charger has this identity"
        return Refusal(cause=Cause.UNKNOWN_IDENTITY, status=HTTPStatus.NOT_FOUND, sentence=sentence)
    if not charger.enabled:
        sentence = "the charger is switched off in the proxy"
        return Refusal(cause=Cause.DISABLED, status=HTTPStatus.NOT_FOUND, sentence=sentence)
    refusal = check_credentials(charger.identity, charger.password_hashes, attempt.authorization)
    return refusal or _with_version(charger, attempt)


def _with_version(charger: Charger, attempt: Attempt) -> Admission | Refusal:
    options = _options(charger)
    accepted, refused = _known_of_billing(charger)
    choice = choose_version(attempt.offered, options, accepted, refused)
    if isinstance(choice, Refusal):
        return choice
    return Admission(
        charger=charger.pk,
        identity=charger.identity,
        ocpp_version=choice.ocpp_version,
        subprotocol=choice.subprotocol,
        remote_address=attempt.remote_address,
        ping=options.ping,
        compression=options.compression,
        offered=tuple(_in_question(attempt.offered, options)),
        quirks=tuple(_quirks(charger, attempt)),
    )


def _quirks(charger: Charger, attempt: Attempt) -> Iterator[str]:
    """What is odd about a handshake that is let in, by the names of routing.core.quirks."""
    if not attempt.offered:
        yield "missing_subprotocol"
    _, _, password = _credentials(charger.identity, attempt.authorization)
    hashes = charger.password_hashes
    if hashes and matching_form(charger.identity, password, hashes) is Form.LITERAL:
        yield "hex_password"


def _known_of_billing(charger: Charger) -> tuple[list[str], list[str]]:
    """The versions that Billing takes, by configuration or else by experience, and those it has refused."""
    routes = _BILLING(charger.pk)
    if not routes:
        return [], []
    route, configured = routes[0]
    stored = _LEARNED(charger.pk, str(route))
    learned = versions.known(stored[0][0] if stored else "")
    now = datetime.now(UTC)
    return configured or learned.accepted, [v for v in learned.refused if learned.refuses(v, now)]


def _options(charger: Charger) -> ChargerOptions:
    try:
        return charger_options(charger.options)
    except OptionError as error:
        logger.warning(
            "options of %s: %s; its defaults are used",
            charger.identity,
            error,
            extra={"charger": charger.identity},
        )
        return ChargerOptions()


def adopt(identity: str) -> Charger:
    """The charger of this identity, made with the default routes if there is none yet.

    Of two that come at once one makes it, and the other finds it whole.
    """
    with transaction.atomic():
        charger, made = Charger.objects.get_or_create(identity=identity, defaults={"adopted": True})
        for default in DefaultRoute.objects.all() if made else ():
            Route.objects.create(
                charger=charger,
                backoffice_id=default.backoffice_id,
                role=default.role,
                permissions=default.permissions,
                options=default.options,
            )
    return charger


_door = Door()


async def spoke_tls(address: str) -> None:
    """Note at this process's door that somebody has begun TLS where none is spoken."""
    await _door.spoke_tls(address)


async def admit(scope: Mapping[str, Any]) -> Admission | Refusal:
    """Decide on a charger's handshake at this process's door."""
    return await _door.admit(scope)
