"""How far a charger has come on its way to being connected, step by step. Pure: facts in, steps out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

import msgspec
from django.utils.translation import gettext as _

from chargers.causes import LABELS, REMEDIES, Cause

CLOCK_TOLERANCE: Final = 60.0
"""Seconds that a charger's clock may be off."""

BOOT_PATIENCE: Final = timedelta(seconds=45)
"""How long a charger may be connected before it says its BootNotification."""

MANY_BOOTS: Final = 4
"""Boots within ten minutes that make a loop."""

CAN_BE_ALIKE: Final = 3
"""Characters that an identity needs before another one can be taken for it."""


class State(StrEnum):
    """How a step stands. WARN: passed, with something to look at."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    WAITING = "waiting"


class Likeness(StrEnum):
    """How an identity that knocked resembles the one that is meant."""

    CASE = "case"
    SIGNS = "signs"
    DOUBLED = "doubled"
    CONTAINED = "contained"
    NEAR = "near"


OBVIOUS: Final = (Likeness.CASE, Likeness.SIGNS, Likeness.DOUBLED)
"""Likenesses that nobody else's charger has by chance; the others are for those who see all attempts."""


class Knock(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that was refused (a row of RefusedAttempt). ``cause`` is a value of Cause."""

    identity: str
    address: str
    cause: str
    detail: str
    count: int
    last_at: datetime


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """The newest BootNotification."""

    vendor: str
    model: str
    firmware: str
    at: datetime
    is_refused: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a charger's way.

    ``since``: what was refused earlier says nothing any more. ``knocks``: attempts in its own name, newest
    first; ``alike``: those in a name like its own; ``nameless``: who has just begun TLS
    on the port without, and may be it.
    ``boots``: within the last ten minutes.
    ``clock_off``: seconds ahead, None while unknown. ``conflict``: the words of the alarm about a second
    device, "" for none. ``routes`` are those in use, ``routes_up`` the connected ones.
    """

    identity: str
    now: datetime
    since: datetime
    enabled: bool = True
    has_password: bool = True
    require_tls: bool = False
    sends_hex: bool = False
    online: bool = False
    connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    address: str = ""
    ocpp_version: str = ""
    knocks: Sequence[Knock] = ()
    alike: Sequence[Knock] = ()
    nameless: Knock | None = None
    boot: Boot | None = None
    boots: int = 0
    connectors: int = 0
    clock_off: float | None = None
    conflict: str = ""
    routes: int = 0
    routes_up: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what it is, how it stands, what is known, and where it is not good what helps."""

    key: str
    title: str
    state: State
    words: str = ""
    remedy: str = ""


STEPS: Final = (
    *("reached", "tls", "identity", "password", "subprotocol"),
    *("boot", "connectors", "clock", "configuration"),
)

_FAILS_AT: Final[dict[str, str]] = {
    Cause.TLS_REQUIRED: "tls",
    Cause.TLS_ON_PLAIN_PORT: "tls",
    Cause.UNKNOWN_IDENTITY: "identity",
    Cause.BAD_IDENTITY: "identity",
    Cause.WRONG_PATH: "identity",
    Cause.DISABLED: "identity",
    Cause.NO_CREDENTIALS: "password",
    Cause.WRONG_USER: "password",
    Cause.WRONG_PASSWORD: "password",
    Cause.TOO_MANY_ATTEMPTS: "password",
    Cause.NO_SUBPROTOCOL: "subprotocol",
    Cause.UNSUPPORTED_SUBPROTOCOL: "subprotocol",
    Cause.UNAVAILABLE: "subprotocol",
    Cause.BINARY_FRAME: "boot",
    Cause.OVERSIZED_FRAME: "boot",
    Cause.TOO_MANY_FRAMES: "boot",
    Cause.SOCKET_FAULT: "boot",
}


def follow(facts: Facts) -> list[Step]:
    """All steps, in their order."""
    return [*_handshake(facts), *_after(facts)]


def is_done(steps: Sequence[Step]) -> bool:
    """Whether there is nothing left to wait for."""
    return all(step.state is State.GOOD for step in steps)


def likeness(meant: str, written: str) -> Likeness | None:
    """How ``written`` resembles the identity ``meant``; None where it does not, or is the same."""
    mine, theirs = meant.casefold(), written.casefold()
    plain, other = _plain(mine), _plain(theirs)
    if meant == written or not plain or not other:
        return None
    if mine == theirs:
        return Likeness.CASE
    if plain == other:
        return Likeness.SIGNS
    if len(plain) < CAN_BE_ALIKE:
        return None
    if other == plain * 2:
        return Likeness.DOUBLED
    if plain in other or (len(other) >= CAN_BE_ALIKE and other in plain):
        return Likeness.CONTAINED
    return Likeness.NEAR if SequenceMatcher(None, plain, other).ratio() >= 0.8 else None


def _plain(identity: str) -> str:
    return "".join(character for character in identity if character.isalnum())


def titles() -> dict[str, str]:
    """What each step is called."""
    return {
        "reached": _("It reached us"),
        "tls": _("Encryption (TLS)"),
        "identity": _("Identity"),
        "password": _("Password"),
        "subprotocol": _("OCPP version"),
        "boot": _("Boot message"),
        "connectors": _("Connectors"),
        "clock": _("Clock"),
        "configuration": _("Set up in the proxy"),
    }


def _step(key: str, state: State, words: str = "", remedy: str = "") -> Step:
    return Step(key=key, title=titles()[key], state=state, words=words, remedy=remedy)


# Up to the open connection


def _handshake(facts: Facts) -> Iterator[Step]:
    if facts.online:
        yield from _let_in(facts)
        return
    knock = _last_word(facts)
    if knock is not None:
        yield from _stopped(facts, knock)
    elif facts.connected_at is not None:
        yield from _gone(facts)
    elif facts.alike:
        yield from _under_another_name(facts, facts.alike[0])
    elif facts.nameless is not None:
        yield from _began_tls(facts.nameless)
    else:
        yield from _nobody_came()


def _last_word(facts: Facts) -> Knock | None:
    """The newest refusal that still holds: nothing better has come after it."""
    over = max(facts.since, facts.connected_at or facts.since)
    standing = [knock for knock in facts.knocks if knock.last_at >= over and _still_holds(facts, knock)]
    if not standing:
        return None
    newest = standing[0]
    if newest.cause == Cause.TOO_MANY_ATTEMPTS:  # what is behind it says more
        return next((k for k in standing if k.cause != Cause.TOO_MANY_ATTEMPTS), newest)
    return newest


def _still_holds(facts: Facts, knock: Knock) -> bool:
    """An identity that is known by now, or a charger that is switched on again, is no reason any more."""
    if knock.cause == Cause.UNKNOWN_IDENTITY:
        return False
    return not (knock.cause == Cause.DISABLED and facts.enabled)


def _let_in(facts: Facts) -> Iterator[Step]:
    since = f"{facts.connected_at:%H:%M:%S}" if facts.connected_at else ""
    yield _step(
        "reached",
        State.GOOD,
        _("From %(address)s, at %(since)s UTC.") % {"address": facts.address, "since": since},
    )
    yield _tls_passed(facts)
    yield _identity_passed(facts)
    yield _password_passed(facts)
    yield _step("subprotocol", State.GOOD, f"OCPP {facts.ocpp_version}")


def _tls_passed(facts: Facts) -> Step:
    if facts.require_tls:
        return _step("tls", State.GOOD, _("The connection is encrypted."))
    return _step("tls", State.GOOD, _("Not asked for: this proxy takes ws:// and wss://."))


def _identity_passed(facts: Facts) -> Step:
    if facts.conflict:
        remedy = _("Give the other device an identity of its own, and this charger a password.")
        words = _("A second device connects with the same identity: %s") % facts.conflict
        return _step("identity", State.BAD, words, remedy)
    return _step("identity", State.GOOD, facts.identity)


def _password_passed(facts: Facts) -> Step:
    if not facts.has_password:
        words = _("No password is asked for: anybody who knows the URL can pose as this charger.")
        return _step("password", State.WARN, words, _("Set one, where the charger can send it."))
    if facts.sends_hex:
        words = _("Accepted. The charger sends the hexadecimal text itself.")
        return _step("password", State.GOOD, words)
    return _step("password", State.GOOD, _("Accepted."))


def _stopped(facts: Facts, knock: Knock) -> Iterator[Step]:
    """Somebody came in this name and was refused: good up to there, red, and waiting after."""
    at = _FAILS_AT.get(knock.cause, "identity")
    where = _("From %(address)s, last at %(at)s UTC, %(count)d times.") % {
        "address": knock.address,
        "at": f"{knock.last_at:%H:%M:%S}",
        "count": knock.count,
    }
    passed = {
        "reached": _step("reached", State.GOOD, where),
        "tls": _tls_passed(facts),
        "identity": _step("identity", State.GOOD, facts.identity),
        "password": _password_passed(facts),
        "subprotocol": _step("subprotocol", State.GOOD),
    }
    failed = False
    for key, good in passed.items():
        if key == at:
            failed = True
            yield _step(key, State.BAD, _cause(knock), _remedy(knock))
        else:
            yield _step(key, State.WAITING) if failed else good


def _cause(knock: Knock) -> str:
    label = next((_(label) for cause, label in LABELS.items() if cause.value == knock.cause), knock.cause)
    return f"{label}: {knock.detail}." if knock.detail else f"{label}."


def _remedy(knock: Knock) -> str:
    """What helps, "" for a cause that is no longer known."""
    return next((_(words) for cause, words in REMEDIES.items() if cause.value == knock.cause), "")


def _gone(facts: Facts) -> Iterator[Step]:
    left = facts.disconnected_at
    words = _("It was connected, until %s UTC.") % (f"{left:%Y-%m-%d %H:%M:%S}" if left else "?")
    remedy = _("Chargers come back by themselves; if it does not, look at its power and its network.")
    yield _step("reached", State.WAITING, words, remedy)
    for key in ("tls", "identity", "password", "subprotocol"):
        yield _step(key, State.WAITING)


def _under_another_name(facts: Facts, knock: Knock) -> Iterator[Step]:
    kind = likeness(facts.identity, knock.identity)
    words, remedy = _of_likeness(kind)
    yield _step("reached", State.GOOD, _("Somebody came from %s.") % knock.address)
    yield _tls_passed(facts)
    shown = {"written": knock.identity, "meant": facts.identity}
    yield _step("identity", State.BAD, words % shown, remedy % shown)
    yield _step("password", State.WAITING)
    yield _step("subprotocol", State.WAITING)


def _began_tls(knock: Knock) -> Iterator[Step]:
    yield _step("reached", State.WARN, _("Somebody came from %s, perhaps this charger.") % knock.address)
    yield _step("tls", State.BAD, _cause(knock), _remedy(knock))
    for key in ("identity", "password", "subprotocol"):
        yield _step(key, State.WAITING)


def _of_likeness(kind: Likeness | None) -> tuple[str, str]:
    match kind:
        case Likeness.CASE:
            return (
                _("“%(written)s” came; upper and lower case differ from “%(meant)s”."),
                _("Write it in the charger exactly as here, or rename the charger here."),
            )
        case Likeness.SIGNS:
            return (
                _("“%(written)s” came; spaces or signs differ from “%(meant)s”."),
                _("Write it in the charger exactly as here, or rename the charger here."),
            )
        case Likeness.DOUBLED:
            return (
                _("“%(written)s” came: the identity stands there twice."),
                _("The charger adds its identity by itself: give it the URL without identity."),
            )
        case Likeness.CONTAINED:
            return (
                _("“%(written)s” came; is that this charger, with something added or left out?"),
                _("Take out what was added in the charger's URL or identity, or rename the charger here."),
            )
        case _:
            return (
                _("“%(written)s” came, which nobody has; is that this charger?"),
                _("Compare it with the sticker, letter by letter (0 and O, 1 and I)."),
            )


def _nobody_came() -> Iterator[Step]:
    yield _step(
        "reached",
        State.WAITING,
        _("Waiting for the first connection …"),
        _(
            "If nothing comes within two minutes of its restart: is the host right, can the charger resolve "
            "it (DNS)? Is the port right, and open in the firewall? Has its SIM a way to the internet "
            "(APN)? With wss://: does it trust the certificate, is its clock right? Does it use wss:// on "
            "a port without TLS, or ws:// on one with it? Was it restarted since?"
        ),
    )
    for key in ("tls", "identity", "password", "subprotocol"):
        yield _step(key, State.WAITING)


# When it is connected


def _after(facts: Facts) -> Iterator[Step]:
    yield _boot(facts)
    yield _connectors(facts)
    yield _clock(facts)
    yield _configuration(facts)


def _boot(facts: Facts) -> Step:
    fault = _fault_on_the_socket(facts)
    if fault is not None:
        return _step("boot", State.BAD, _cause(fault), _remedy(fault))
    boot = facts.boot
    if facts.boots >= MANY_BOOTS:
        words = _("It boots again and again: %d times within ten minutes.") % facts.boots
        remedy = _("Look at its power supply and firmware; a backoffice may be resetting it (Messages).")
        return _step("boot", State.BAD, words, remedy)
    if boot is None:
        return _no_boot(facts)
    name = ", ".join(part for part in (f"{boot.vendor} {boot.model}".strip(), boot.firmware) if part)
    if boot.is_refused:
        remedy = _("Register the charger at the billing backoffice, under the identity of its route.")
        return _step("boot", State.BAD, _("%s. The billing backoffice refuses it.") % name, remedy)
    return _step("boot", State.GOOD, name)


def _fault_on_the_socket(facts: Facts) -> Knock | None:
    """What broke the connection off after it was open, where it has not held since."""
    faults = (knock for knock in facts.knocks if _FAILS_AT.get(knock.cause) == "boot")
    newest = next(faults, None)
    if newest is None or newest.last_at < max(facts.since, facts.connected_at or facts.since):
        return None
    return newest


def _no_boot(facts: Facts) -> Step:
    waits_since = facts.connected_at
    if not facts.online or waits_since is None or facts.now - waits_since < BOOT_PATIENCE:
        return _step("boot", State.WAITING)
    remedy = _(
        "Restart the charger: many say it only when they start. Check that it speaks OCPP as JSON, in the "
        "version above."
    )
    return _step("boot", State.BAD, _("It is connected and has not said what it is."), remedy)


def _connectors(facts: Facts) -> Step:
    if facts.connectors:
        return _step("connectors", State.GOOD, _("%d reported.") % facts.connectors)
    is_late = facts.online and facts.boot is not None and facts.now - facts.boot.at > timedelta(minutes=2)
    if is_late:
        remedy = _("Restart it, or send TriggerMessage for StatusNotification.")
        return _step("connectors", State.WARN, _("It has reported none since it booted."), remedy)
    return _step("connectors", State.WAITING)


def _clock(facts: Facts) -> Step:
    off = facts.clock_off
    if off is None:
        return _step("clock", State.WAITING)
    if abs(off) <= CLOCK_TOLERANCE:
        return _step("clock", State.GOOD, _("Right, within %d s.") % max(1, round(abs(off))))
    shown = f"{abs(off):.0f} s" if abs(off) < 7200 else f"{abs(off) / 3600:.0f} h"
    words = _("It is %s ahead.") % shown if off > 0 else _("It is %s behind.") % shown
    remedy = _(
        "Set its time zone and time source; it should take the time from the answers to its boot and "
        "heartbeats. Sessions carry the charger's time."
    )
    return _step("clock", State.BAD, words, remedy)


def _configuration(facts: Facts) -> Step:
    if not facts.enabled:
        return _step(
            "configuration", State.BAD, _("The charger is switched off here."), _(REMEDIES[Cause.DISABLED])
        )
    if not facts.routes:
        words = _("It has no backoffice yet: the proxy answers it by itself.")
        return _step("configuration", State.WAITING, words, _("Connect a backoffice."))
    words = _("%(up)d of %(all)d backoffices are connected.") % {"up": facts.routes_up, "all": facts.routes}
    if facts.routes_up == facts.routes:
        return _step("configuration", State.GOOD, words)
    if not facts.online:
        return _step("configuration", State.WAITING, words)
    return _step("configuration", State.WARN, words, _("Its overview says why."))
