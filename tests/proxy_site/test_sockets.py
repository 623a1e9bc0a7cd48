"""Every socket of people and programs, as those who may not look, or not at all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import Membership, User
from accounts.tokens import SCOPES, issue
from proxy_site import asgi
from tests.routing.live.conftest import CARD, PATIENCE_S, process, world

__all__ = ["process", "world"]

SECRET = "Zebra"
"""Stands in every name of the organisation that is looked at."""

ADDRESSES: dict[str, Callable[[Any], list[str]]] = {
    "events": lambda world: [f"/ws/v1/chargers/events?ids={world.foreign.pk},{world.charger.pk}"],
    "messages": lambda world: [
        f"/ws/v1/{kind}/{name}/messages"
        for kind, row in (("chargers", world.foreign), ("backoffices", world.backoffice))
        for name in (row.pk, row.uuid)
    ],
}
"""Where each of VIEWS shows what belongs to the organisation; of badges, beside a charger of another one."""

TOKENS = {"messages"}
"""Those that programs open, too."""

NOT_THERE = 4404

HEARD: dict[str, dict[str, set[str] | int]] = {
    "foreign installer": {"events": {"CP-1"}, "messages": NOT_THERE},
    "read-only member": {"events": {"Zebra-1"}, "messages": {"Zebra-1"}},
    "expired installer": {"events": NOT_THERE, "messages": NOT_THERE},
}
"""The chargers that each hears of first, or the code with which the socket closes."""


def person(world: Any, who: str) -> SimpleNamespace:
    """One of HEARD with every permission there is: their session, and a token with every scope."""
    user = User.objects.create_user(who)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(
        user=user,
        organisation=world.ours if who == "foreign installer" else world.theirs,
        role="read_only" if who == "read-only member" else "installer",
        ends_at=timezone.now() - timedelta(days=1) if who == "expired installer" else None,
    )
    world.backoffice.name, world.backoffice.organisation = f"{SECRET} energy", world.theirs
    world.backoffice.save()
    world.keep(world.row(1, charger=world.foreign, route=world.routes[1].pk))
    return SimpleNamespace(session=world.session(user), token=issue(user, "t", list(SCOPES))[1])


def headers(someone: SimpleNamespace, *, with_token: bool) -> list[tuple[bytes, bytes]]:
    """What a program or a page of ours sends."""
    if with_token:
        return [(b"authorization", f"Bearer {someone.token}".encode())]
    cookie = f"{settings.SESSION_COOKIE_NAME}={someone.session}".encode()
    return [(b"host", b"proxy.example"), (b"cookie", cookie), (b"origin", b"http://proxy.example")]


async def first_heard(address: str, given: list[tuple[bytes, bytes]]) -> int | str:
    """The first text on a socket, or the code with which it closes.

    Not by the communicator of Channels, which leaves connections to the database open in their threads.
    """
    path, _, query = address.partition("?")
    socket = ApplicationCommunicator(asgi.application, {
        "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "scheme": "ws", "headers": given, "client": ("192.0.2.1", 1), "subprotocols": [],
    })  # fmt: skip
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(PATIENCE_S))["type"] == "websocket.accept", address
    said = await socket.receive_output(PATIENCE_S)
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait(PATIENCE_S)
    heard: int | str = said["code"] if said["type"] == "websocket.close" else said["text"]
    return heard


def chargers_in(text: str, world: Any) -> set[str]:
    """Those that a text on a socket tells of: badges by their key, messages by their name."""
    said = json.loads(text)
    names = {row.pk: row.identity for row in (world.charger, world.foreign)}
    badges = {names[row["id"]] for row in said.get("chargers", ())}
    return badges | {row["charger"] for row in said.get("rows", ())}


def views() -> Iterator[str]:
    return (view.__name__ for _, view in asgi.VIEWS)


def test_every_socket_has_a_line_here() -> None:
    assert sorted(views()) == sorted(ADDRESSES)
    assert all(set(heard) == set(ADDRESSES) for heard in HEARD.values())


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("who", HEARD)
async def test_each_hears_of_what_they_may_see(who: str, database: Any, world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["proxy.example"])
    someone = await database.orm(person, world, who)
    for view in views():
        for address in ADDRESSES[view](world):
            for with_token in {False, view in TOKENS}:
                heard = await first_heard(address, headers(someone, with_token=with_token))
                told = heard if isinstance(heard, int) else chargers_in(heard, world)
                assert told == HEARD[who][view], (address, heard)
                assert CARD not in str(heard)
