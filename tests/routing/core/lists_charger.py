"""A charger with a list of cards, for the tests of whose list it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import local_list
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, RouteSnapshot, Verdict
from tests.routing.core.harness import World, route
from tests.routing.core.schemas import judge

SEND, ASK = "SendLocalList", "GetLocalListVersion"
VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
MAY = {SEND: Verdict.ALLOW}
ROUTES = (
    route(1, "billing", Role.BILLING),
    route(2, "energy", Role.CONTROL, MAY),
    route(3, "service", Role.SERVICE, MAY),
    route(4, "watcher", Role.OBSERVE),
)


class Lists:
    """A charger that keeps a local list as the standard says, and judges every frame it gets."""

    def __init__(self, world: World) -> None:
        self.version = 0
        self.cards: dict[str, str] = {}
        self.sent: list[Any] = []
        self.answers: list[Any] = []
        self.most = 1000
        world.obey = self.obey

    def obey(self, world: World, frame: Any) -> None:
        judge(world.version, json.dumps(frame))
        answer: Any = {"status": "Accepted"}
        old = world.version == "1.6"
        if frame[2] == ASK:
            number = self.version if self.cards else 0
            answer = {"listVersion" if old else "versionNumber": number}
        elif frame[2] == SEND:
            self.sent.append(frame[3])
            status = self.answers.pop(0) if self.answers else self.take(frame[3], old=old)
            if status is None:
                return
            answer = {"status": status}
        world.frame(json.dumps([3, frame[1], answer], separators=(",", ":")))

    def take(self, payload: Any, *, old: bool) -> str:
        number = payload["listVersion" if old else "versionNumber"]
        if payload["updateType"] == "Differential" and number <= (self.version if self.cards else 0):
            return "VersionMismatch"
        cards = dict(self.cards) if payload["updateType"] == "Differential" else {}
        for one in payload.get("localAuthorizationList", []):
            tag = (one["idTag"] if old else one["idToken"]["idToken"]).upper()
            info = one.get("idTagInfo" if old else "idTokenInfo")
            cards.pop(tag, None)
            if info is not None:
                cards[tag] = info["status"]
        if len(cards) > self.most:
            return "Failed"
        self.version, self.cards = number, cards
        return "Accepted"


def make_world(
    version: str = "1.6", mode: str = "merged", routes: tuple[RouteSnapshot, ...] = ROUTES, **options: Any
) -> tuple[World, Lists]:
    values: dict[str, Any] = {"local_list": mode, **options}
    world = World(*routes, version=version, options=ChargerOptions(**values))
    world.boot()
    return world, Lists(world)


def payload(world: World, number: int, kind: str, **cards: str | None) -> dict[str, Any]:
    """A SendLocalList: statuses by card, None to remove one."""
    old = world.version == "1.6"
    listed: list[Any] = []
    for card, status in cards.items():
        tag: Any = {"idTag": card} if old else {"idToken": {"idToken": card, "type": "ISO14443"}}
        info = {} if status is None else {"idTagInfo" if old else "idTokenInfo": {"status": status}}
        listed.append({**tag, **info})
    made: dict[str, Any] = {"listVersion" if old else "versionNumber": number, "updateType": kind}
    return {**made, "localAuthorizationList": listed} if listed else made


def send(world: World, name: str, number: int, kind: str = "Full", **cards: str | None) -> str:
    """What a backoffice is answered to its list, judged by the schema."""
    world[name].call(SEND, payload(world, number, kind, **cards), "m")
    return status(world, name)


def status(world: World, name: str) -> str:
    answer = world[name].answers[-1]
    assert answer[:2] == [3, "m"], answer
    judge(world.version, world[name].frames[-1], SEND)
    return str(answer[2]["status"])


def version_of(world: World, name: str) -> int:
    world[name].call(ASK, {}, "v")
    judge(world.version, world[name].frames[-1], ASK)
    answer = world[name].answers[-1][2]
    return int(answer["listVersion" if world.version == "1.6" else "versionNumber"])


def verdict(world: World, card: str) -> tuple[str, int] | None:
    return local_list.verdict(world.machine._state, card)
