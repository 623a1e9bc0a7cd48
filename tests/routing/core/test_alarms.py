"""Each kind of alarm is raised and cleared. One without a story here fails."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import routing.core
from routing.core import passwords
from routing.core.alarms import ALARMS
from routing.core.options import ChargerOptions
from routing.core.rows import AlarmRow
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, EPOCH, World, meter, route, start
from tests.routing.core.lists_charger import make_world, send
from tests.routing.core.profiles_charger import Charger
from tests.routing.core.traffic import fails_with

Story = Iterator[World]
"""Yields its world when the alarm is to last, and ends when it is to be over."""

CORE = Path(routing.core.__path__[0])


def booted(*routes: Any, **options: Any) -> World:
    world = World(*routes, options=ChargerOptions(**options))
    world.boot()
    return world


def dead_letters() -> Story:
    world = booted()
    world["energy"].behave = fails_with("InternalError", "MeterValues")
    world.call("MeterValues", meter(None))
    world.wait(1000)
    yield world
    world.database.letters.clear()
    world.configure(*world.routes)


def queue_thinned() -> Story:
    world = booted(route(1, "billing", Role.BILLING, queue_limit=150), auth_offline="accept")
    world.auto_open = False
    world["billing"].lose()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    for value in range(400):
        world.call("MeterValues", meter(number, value=str(value)))
    yield world
    world["billing"].open()
    world.wait(100)


def version_mismatch() -> Story:
    world = World()
    world.auto_open = False
    world.connect()
    error = "version_mismatch: offered ocpp1.6, it chose no subprotocol; let it accept this version"
    world.do(world.machine.link_state(2, "parked", error, *world.time))
    yield world
    world["energy"].open()


def password_refused() -> Story:
    world = booted()
    world["energy"].lose()
    world.do(world.machine.link_state(2, "dialling", passwords.REFUSED, *world.time))
    world["energy"].open()
    yield world
    world["energy"].lose()
    world["energy"].open()


def clock_differs() -> Story:
    def tells(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        answer = {"currentTime": "2026-01-01T03:00:00Z", "interval": 300, "status": "Accepted"}
        backoffice.result(message_id, answer)

    world = World()
    world["energy"].behave = tells
    world.boot()
    yield world
    world["energy"].behave = Backoffice.answer
    world["energy"].lose()
    world["energy"].open()


def limit_not_set() -> Story:
    world = World(BILLING, ENERGY, options=ChargerOptions(max_current=16))
    charger = Charger(world)
    charger.refuses = True
    world.boot()
    world.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
    world.wait(5)
    yield world
    charger.refuses = False
    world.wait(310)


def local_list_full() -> Story:
    world, _charger = make_world(local_list_max=2)
    send(world, "service", 1, X="Accepted")
    send(world, "billing", 1, A="Accepted", B="Accepted")
    yield world
    send(world, "billing", 2, A="Accepted")


def identity_conflict() -> Story:
    world = World()
    for number in range(8):
        address = f"10.0.0.{number % 2}"
        world.do(world.machine.charger_connected("1.6", *world.time, address=address))
        world.wait(1)
    yield world
    world.wait(601)


def possible_migration() -> Story:
    overridden = msgspec.structs.replace(BILLING, override_until=EPOCH + timedelta(hours=1))
    world = booted(overridden, ENERGY)
    world["billing"].call("ChangeConfiguration", {"key": "BackOffice-URL-wired", "value": "wss://elsewhere/"})
    world.disconnect()
    world.wait(601)
    yield world
    world.connect()


def lasting(world: World) -> list[AlarmRow]:
    return [alarm for alarm in world.database.alarms.values() if alarm.cleared is None]


@pytest.mark.parametrize("kind", ALARMS)
def test_every_alarm_is_raised_and_cleared(kind: str) -> None:
    told: Callable[[], Story] = globals()[kind.replace(" ", "_")]
    story = told()
    world = next(story)
    assert kind in [alarm.kind for alarm in lasting(world)]
    assert next(story, None) is None, "a story has one alarm"
    assert kind not in [alarm.kind for alarm in lasting(world)]


@pytest.mark.parametrize("kind", ALARMS)
def test_every_alarm_says_what_to_do_in_one_form(kind: str) -> None:
    assert re.fullmatch(r"[a-z]+( [a-z]+)*", kind)
    assert len(kind) <= 32, "the column"
    words = ALARMS[kind]
    assert words.meaning.endswith(".")
    assert words.remedy.endswith(".")
    assert words.over[0].islower()


def test_what_the_core_raises_and_clears_is_in_the_table() -> None:
    named = {kind for path in CORE.rglob("*.py") for kind in _kinds(path)}
    assert named == set(ALARMS)


def _kinds(path: Path) -> Iterator[str]:
    """The first argument of each call in a module that raises or clears an alarm, as its value."""
    tree = ast.parse(path.read_text())
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in ("raise_alarm", "clear_alarm"):
            argument = call.args[0]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)
            elif isinstance(argument, ast.Name) and argument.id.isupper():
                yield _constant(path, argument.id)
            else:
                assert path.name == "state.py", f"{path.name}:{call.lineno}: name the kind by a constant"


def _constant(path: Path, name: str) -> str:
    module = ".".join(path.with_suffix("").parts[-len(path.relative_to(CORE).parts) :])
    found = __import__(f"routing.core.{module}", fromlist=[name])
    return str(getattr(found, name))


def test_an_alarm_of_a_kind_that_there_is_no_more_ends_with_the_next_connection() -> None:
    world = World()
    old = AlarmRow(charger=1, kind="version_mismatch", key="2", text="of an older proxy", raised=EPOCH)
    world.database.alarms[old.kind, old.key] = old
    world.restart()
    world.boot()
    assert lasting(world) == []


@pytest.mark.parametrize("over", ["another mode", "no right", "a shorter list"])
def test_a_list_that_nobody_misses_cards_on_is_not_full(over: str) -> None:
    world, _charger = make_world(local_list_max=2)
    send(world, "service", 1, X="Accepted")
    send(world, "billing", 1, A="Accepted", B="Accepted")
    assert [alarm.kind for alarm in lasting(world)] == ["local list full"]
    if over == "another mode":
        world.options = ChargerOptions(local_list="exclusive")
        world.configure(*world.routes)
    elif over == "no right":
        world.configure(
            *(r for r in world.routes if r.backoffice != "service"), route(3, "service", Role.OBSERVE)
        )
    else:
        send(world, "service", 2)
    assert lasting(world) == []


@pytest.mark.parametrize("kind", ALARMS)
def test_operators_read_what_every_alarm_means(kind: str) -> None:
    words = ALARMS[kind]
    row = f"| `{kind}` | {words.meaning} | {words.remedy} | {words.over} |"
    assert row in (CORE.parents[1] / "docs" / "operators.md").read_text()
