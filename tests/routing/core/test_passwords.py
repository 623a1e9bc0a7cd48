"""A new password for the charger is one for the backoffice's own link (ocpp-semantics 1.3, 3.9)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routing.core import passwords
from routing.core.decisions import ChangePassword, Report
from routing.core.turn import Turn
from tests.routing.core.harness import BILLING, World

HEX_16 = "00112233445566778899aabbccddeeff"
HEX_20 = "0011223344556677889900112233445566778899".upper()


@pytest.mark.parametrize(
    ("version", "value", "password"),
    [
        ("1.6", HEX_16, bytes.fromhex(HEX_16)),
        ("1.6", HEX_20, bytes.fromhex(HEX_20)),
        ("2.0.1", "correct horse battery", b"correct horse battery"),
        ("2.0.1", "ü" * 40, ("ü" * 40).encode()),
        ("2.0.1", HEX_16, HEX_16.encode()),
        ("2.1", "p:w" * 21, b"p:w" * 21),
    ],
)
def test_passwords_that_are_taken(version: str, value: str, password: bytes) -> None:
    assert passwords.decoded(version, value) == (password, "")


@pytest.mark.parametrize(
    ("version", "value"),
    [
        ("1.6", ""),
        ("1.6", HEX_16[:-2]),
        ("1.6", HEX_16 + "0"),
        ("1.6", HEX_20 + "00"),
        ("1.6", "x" * 32),
        ("1.6", f" {HEX_16} "),
        ("1.6", HEX_16 + "\n"),
        ("1.6", "٣" * 32),
        ("2.0.1", "x" * 15),
        ("2.0.1", "x" * 41),
        ("2.1", "x" * 65),
        ("2.0.1", "x" * 16 + "\r\n"),
        ("2.0.1", "x" * 16 + "\ud800"),
    ],
)
def test_passwords_that_are_refused(version: str, value: str) -> None:
    password, objection = passwords.decoded(version, value)
    assert password is None
    assert objection.startswith("password: ")
    assert not value or value not in objection


def test_a_password_is_that_of_the_route_and_in_no_words() -> None:
    world = World()
    world.boot()
    turn = Turn(0.0, datetime(2026, 1, 1, tzinfo=UTC))
    state = world.machine._state
    assert passwords.take(state, turn, state.lines[2], HEX_16) == ""
    assert turn.decisions == [
        ChangePassword(2, bytes.fromhex(HEX_16)),
        Report("password", "energy has set another password for its link", route=2),
    ]
    assert HEX_16 not in repr(turn.decisions)
    assert bytes.fromhex(HEX_16).decode("latin-1") not in repr(turn.decisions)


def lasting(world: World) -> list[str]:
    """The alarms that last, in words."""
    return [row.text for row in world.database.alarms.values() if row.cleared is None]


def open_with_the_one_before(world: World) -> None:
    """The link of energy is refused with the new password, and opens with the old one."""
    world["energy"].lose()
    world.do(world.machine.link_state(2, "dialling", passwords.REFUSED, *world.time))
    world["energy"].open()


def test_an_alarm_lasts_while_the_link_needs_the_password_before() -> None:
    world = World()
    world.boot()
    open_with_the_one_before(world)
    open_with_the_one_before(world)
    assert lasting(world) == ["energy refuses the password that it has set for this charger"]
    world.call("Heartbeat", {})
    assert world["energy"].payloads("BootNotification"), "the link works"
    world["energy"].lose()
    world["energy"].open()
    assert lasting(world) == []


def test_the_alarm_outlasts_a_restart_but_not_its_route() -> None:
    world = World()
    world.boot()
    open_with_the_one_before(world)
    world.restart()
    assert len(lasting(world)) == 1
    world.configure(BILLING)
    assert lasting(world) == []


def test_another_error_is_no_alarm() -> None:
    world = World()
    world.boot()
    world["energy"].lose()
    world["energy"].refuse("refused the handshake with HTTP 401: check user name and password")
    assert lasting(world) == []
