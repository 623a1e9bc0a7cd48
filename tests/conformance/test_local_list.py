"""Local lists (ocpp-semantics 3.8): two backoffices send version 1, and each sees only its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route
from tests.routing.core.schemas import judge

ENERGY = route(2, "energy", Role.CONTROL, {"SendLocalList": Verdict.ALLOW})
VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


class Charger:
    """A charger with a local list."""

    def __init__(self) -> None:
        self.version = 0
        self.tags: set[str] = set()

    def obey(self, world: World, frame: Any) -> None:
        """Do what is asked, and judge how it was written."""
        judge(world.version, json.dumps(frame))
        is_old, payload = world.version == "1.6", frame[3]
        number = "listVersion" if is_old else "versionNumber"
        answer: dict[str, Any] = {"status": "Accepted"}
        if frame[2] == "GetLocalListVersion":
            answer = {number: self.version}
        elif payload["updateType"] == "Differential" and payload[number] <= self.version:
            answer = {"status": "VersionMismatch"}
        else:
            self.version = payload[number]
            kept = self.tags if payload["updateType"] == "Differential" else set()
            listed = payload.get("localAuthorizationList", [])
            tags = {
                e["idTag"] if is_old else e["idToken"]["idToken"]: "idTagInfo" in e or "idTokenInfo" in e
                for e in listed
            }
            self.tags = {t for t in kept | set(tags) if tags.get(t, True)}
        world.frame(json.dumps([3, frame[1], answer]))


def make_world(version: str, mode: Any) -> tuple[World, Charger]:
    """A charger with a list, of which Billing and another backoffice may send one."""
    world = World(BILLING, ENERGY, version=version, options=ChargerOptions(local_list=mode))
    charger = Charger()
    world.obey = charger.obey
    world.boot()
    return world, charger


def send(world: World, name: str, tag: str) -> str:
    """A backoffice sends a whole list of one card under version 1; the status of the answer."""
    if world.version == "1.6":
        listed: Any = {"idTag": tag, "idTagInfo": {"status": "Accepted"}}
        payload: Any = {"listVersion": 1, "updateType": "Full"}
    else:
        listed = {"idToken": {"idToken": tag, "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
        payload = {"versionNumber": 1, "updateType": "Full"}
    return str(asked(world, name, "SendLocalList", {**payload, "localAuthorizationList": [listed]})["status"])


def version_of(world: World, name: str) -> int:
    """The list version that a backoffice is told."""
    answer = asked(world, name, "GetLocalListVersion", {})
    return int(answer["listVersion" if world.version == "1.6" else "versionNumber"])


def asked(world: World, name: str, action: str, payload: Any) -> Any:
    """The charger's answer to a backoffice, judged by the schema."""
    world[name].call(action, payload, "m")
    judge(world.version, world[name].frames[-1], action)
    return world[name].answers[-1][2]


def restarted(world: World) -> None:
    """The proxy is killed and started again."""
    obey = world.obey
    world.restart()
    world.boot()
    world.obey = obey


@VERSIONS
def test_an_exclusive_list_is_seen_by_its_owner_alone(version: str) -> None:
    """Given both send list version 1, then Billing's is the charger's and the other has none."""
    world, charger = make_world(version, "exclusive")
    assert send(world, "billing", "P") == "Accepted"
    assert send(world, "energy", "C") == ("NotSupported" if version == "1.6" else "Failed")
    restarted(world)
    assert version_of(world, "billing") == 1
    assert version_of(world, "energy") == (-1 if version == "1.6" else 0)
    assert (charger.version, charger.tags) == (1, {"P"})


@VERSIONS
def test_merged_lists_are_each_seen_by_their_own_version(version: str) -> None:
    """Given both send list version 1, then the charger has both cards and each is told version 1."""
    world, charger = make_world(version, "merged")
    assert version_of(world, "energy") == 0
    assert send(world, "billing", "P") == "Accepted"
    assert version_of(world, "energy") == 0
    assert send(world, "energy", "C") == "Accepted"
    assert charger.tags == {"P", "C"}
    restarted(world)
    assert (version_of(world, "billing"), version_of(world, "energy")) == (1, 1)
    assert send(world, "energy", "D") == "Accepted"
    assert charger.tags == {"P", "D"}
    assert (version_of(world, "billing"), version_of(world, "energy")) == (1, 1)
