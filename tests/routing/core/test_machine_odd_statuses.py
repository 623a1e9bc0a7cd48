"""A member that is a list or an object where a word belongs brings nothing down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import actions
from tests.routing.core.harness import World

ODD = (["Accepted"], {"Accepted": 1})
MEMBERS = (
    "status", "eventType", "requestedMessage", "monitoringBase", "certificateType", "reservationUpdateStatus",
    "type", "operationalStatus", "key", "value", "requestId", "tbc", "seqNo", "connectorId", "vendorId",
)  # fmt: skip
VERSIONS = ("1.6", "2.0.1", "2.1")


def odd(value: Any) -> dict[str, Any]:
    return dict.fromkeys(MEMBERS, value)


@pytest.mark.parametrize("value", ODD, ids=["list", "object"])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_backoffices_write_and_chargers_answer(version: str, value: Any) -> None:
    world = World(version=version)
    world.boot()
    world.obey = lambda world, frame: world.frame(json.dumps([3, frame[1], odd(value)]))
    for name in sorted(actions.names(version)):
        if actions.down(version, name) is not None:
            for payload in ({}, odd(value)):
                before = len(world["billing"].answers)
                world["billing"].call(name, payload, name)
                assert len(world["billing"].answers) == before + 1, name


@pytest.mark.parametrize("value", ODD, ids=["list", "object"])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_chargers_write(version: str, value: Any) -> None:
    world = World(version=version)
    world.boot()
    for name in sorted(actions.names(version)):
        row = actions.up(version, name)
        if row is not None and not row.is_send:
            assert world.call(name, odd(value)) is not None, name
