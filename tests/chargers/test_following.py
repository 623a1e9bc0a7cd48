"""The steps of a charger's way: facts in, steps out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override

from chargers.causes import Cause
from chargers.following import (
    _FAILS_AT,
    STEPS,
    Boot,
    Facts,
    Knock,
    Likeness,
    State,
    follow,
    is_done,
    likeness,
    titles,
)

NOW = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)
BOOT = Boot(vendor="Maker", model="M1", firmware="1.0", at=NOW - timedelta(seconds=30))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def facts(**values: Any) -> Facts:
    return Facts(**{"identity": "CP-1", "now": NOW, "since": ago(3600), **values})


def connected(**values: Any) -> Facts:
    known = {
        "online": True, "connected_at": ago(60), "address": "10.0.0.1", "ocpp_version": "1.6", "boot": BOOT,
        "connectors": 2, "clock_off": 3.0, "routes": 1, "routes_up": 1,
    }  # fmt: skip
    return facts(**known | values)


def knock(cause: Cause, identity: str = "CP-1", seconds: float = 5, **values: Any) -> Knock:
    known: dict[str, Any] = {"address": "10.0.0.1", "detail": "because", "count": 3, "last_at": ago(seconds)}
    return Knock(identity=identity, cause=cause.value, **known | values)


def states(given: Facts) -> dict[str, State]:
    return {step.key: step.state for step in follow(given)}


def step(given: Facts, key: str) -> Any:
    return next(step for step in follow(given) if step.key == key)


def test_every_step_is_there_in_its_order_whatever_happens() -> None:
    for given in (facts(), connected(), facts(knocks=[knock(Cause.WRONG_PASSWORD)]), facts(connected_at=NOW)):
        assert [step.key for step in follow(given)] == list(STEPS) == list(titles())


def test_every_cause_has_the_step_at_which_it_fails() -> None:
    assert set(_FAILS_AT) == set(Cause)


def test_of_nobody_nothing_is_known_but_what_it_may_be() -> None:
    assert set(states(facts()).values()) == {State.WAITING}
    assert "DNS" in step(facts(), "reached").remedy


def test_one_that_is_connected_is_all_green() -> None:
    assert set(states(connected()).values()) == {State.GOOD}
    assert is_done(follow(connected()))
    assert "Maker M1, 1.0" in step(connected(), "boot").words


@pytest.mark.parametrize("cause", [cause for cause, at in _FAILS_AT.items() if at != "boot"], ids=str)
def test_a_refusal_is_red_where_it_failed_green_before_and_waiting_after(cause: Cause) -> None:
    given = facts(knocks=[knock(cause)], enabled=cause != Cause.DISABLED)
    if cause == Cause.UNKNOWN_IDENTITY:  # it is known by now
        assert State.BAD not in states(given).values()
        return
    at = STEPS.index(_FAILS_AT[cause])
    found = [states(given)[key] for key in STEPS[:5]]
    assert found[:at] == [State.GOOD] * at
    assert found[at] is State.BAD
    assert found[at + 1 :] == [State.WAITING] * (4 - at)
    red = step(given, STEPS[at])
    assert "because" in red.words
    assert red.remedy


@pytest.mark.parametrize(
    ("given", "key", "state", "words"),
    [
        (facts(knocks=[knock(Cause.WRONG_PASSWORD, seconds=7200)]), "password", State.WAITING, ""),
        (facts(knocks=[knock(Cause.DISABLED)]), "identity", State.WAITING, ""),
        (
            facts(knocks=[knock(Cause.TOO_MANY_ATTEMPTS), knock(Cause.WRONG_USER, seconds=9)]),
            "password",
            State.BAD,
            "User name",
        ),
        (
            facts(connected_at=ago(60), disconnected_at=ago(30), knocks=[knock(Cause.WRONG_PASSWORD)]),
            "password",
            State.BAD,
            "Wrong password",
        ),
        (
            facts(
                connected_at=ago(60), disconnected_at=ago(30), knocks=[knock(Cause.WRONG_USER, seconds=90)]
            ),
            "reached",
            State.WAITING,
            "until",
        ),
        (connected(has_password=False), "password", State.WARN, "No password"),
        (connected(sends_hex=True), "password", State.GOOD, "hexadecimal"),
        (connected(conflict="10.0.0.1 and 10.0.0.2"), "identity", State.BAD, "10.0.0.2"),
        (connected(require_tls=True), "tls", State.GOOD, "encrypted"),
        (connected(boot=None), "boot", State.BAD, "has not said"),
        (connected(boot=None, connected_at=ago(10)), "boot", State.WAITING, ""),
        (connected(boots=4), "boot", State.BAD, "again and again"),
        (
            connected(boot=Boot(vendor="M", model="1", firmware="", at=NOW, is_refused=True)),
            "boot",
            State.BAD,
            "refuses",
        ),
        (connected(knocks=[knock(Cause.BINARY_FRAME)]), "boot", State.BAD, "Binary frame"),
        (connected(knocks=[knock(Cause.BINARY_FRAME, seconds=90)]), "boot", State.GOOD, ""),
        (connected(connectors=0), "connectors", State.WAITING, ""),
        (
            connected(connectors=0, boot=Boot(vendor="", model="", firmware="", at=ago(300))),
            "connectors",
            State.WARN,
            "none",
        ),
        (connected(clock_off=61), "clock", State.BAD, "61 s ahead"),
        (connected(clock_off=-7300), "clock", State.BAD, "2 h behind"),
        (connected(clock_off=None), "clock", State.WAITING, ""),
        (connected(enabled=False), "configuration", State.BAD, "switched off"),
        (connected(routes=0), "configuration", State.WAITING, "no backoffice"),
        (connected(routes=2), "configuration", State.WARN, "1 of 2"),
        (facts(routes=2), "configuration", State.WAITING, "0 of 2"),
    ],
)
def test_how_a_step_stands(given: Facts, key: str, state: State, words: str) -> None:
    found = step(given, key)
    assert found.state is state
    assert words in found.words


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("CP-1", None),
        ("cp-1", Likeness.CASE),
        ("CP 1", Likeness.SIGNS),
        ("CP-1CP-1", Likeness.DOUBLED),
        ("steve-CP-1", Likeness.CONTAINED),
        ("", None),
        ("-", None),
        ("XY-9", None),
    ],
)
def test_what_looks_like_an_identity(written: str, kind: Likeness | None) -> None:
    assert likeness("CP-1", written) is kind


def test_a_typing_error_is_near_and_a_short_identity_is_like_nothing() -> None:
    assert likeness("ACE0123456", "ACE0123465") is Likeness.NEAR
    assert likeness("1", "11") is None
    assert likeness("1", "211") is None


def test_who_began_tls_without_a_name_may_be_it() -> None:
    given = facts(nameless=knock(Cause.TLS_ON_PLAIN_PORT, ""))
    assert (states(given)["reached"], states(given)["tls"]) == (State.WARN, State.BAD)
    assert "10.0.0.1" in step(given, "reached").words
    assert states(connected(nameless=knock(Cause.TLS_ON_PLAIN_PORT, "")))["tls"] is State.GOOD


def test_another_name_is_told_as_such() -> None:
    given = facts(alike=[knock(Cause.UNKNOWN_IDENTITY, "CP-1CP-1")])
    assert states(given)["reached"] is State.GOOD
    red = step(given, "identity")
    assert red.state is State.BAD
    assert "CP-1CP-1" in red.words
    assert "without identity" in red.remedy


def test_a_cause_and_what_helps_are_in_the_language_of_who_looks() -> None:
    given = facts(knocks=[knock(Cause.WRONG_PASSWORD)])
    english = step(given, "password")
    with override("nl"):
        dutch = step(given, "password")
    assert dutch.words.startswith("Verkeerd wachtwoord")
    assert dutch.remedy != english.remedy
