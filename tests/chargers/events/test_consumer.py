"""Live badges: who hears of which chargers, when, and that nothing is looked at while nobody looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import Error
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from chargers.events import consumer, pulse, sight
from chargers.events.consumer import events
from chargers.events.marks import marks
from chargers.models import Connector
from routing.models import ChargerSession, Route, RouteState
from tests.routing.live.conftest import PATIENCE_S, World

ORIGIN = "http://proxy.example"


class Viewer:
    """A browser's socket, on a session of its user."""

    def __init__(self, ids: str, key: str, origin: str = ORIGIN, user: Any = None) -> None:
        self.user = user
        cookie = f"{settings.SESSION_COOKIE_NAME}={key}".encode()
        self.scope = {
            "type": "websocket", "path": consumer.PATH, "scheme": "ws", "query_string": f"ids={ids}".encode(),
            "headers": [(b"host", b"proxy.example"), (b"cookie", cookie), (b"origin", origin.encode())],
        }  # fmt: skip
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.running: asyncio.Task[None] | None = None

    async def open(self) -> bool:
        self.running = asyncio.create_task(events(self.scope, self.heard.get, self.said.put))
        self.heard.put_nowait({"type": "websocket.connect"})
        return bool((await self._next())["type"] == "websocket.accept")

    async def _next(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self.said.get()

    async def next(self) -> Any:
        """The next batch by primary key, or the code with which the socket was closed."""
        said = await self._next()
        if said["type"] == "websocket.close":
            return said.get("code")
        return {row["id"]: row for row in json.loads(said["text"])["chargers"]}

    async def close(self) -> None:
        if self.running is not None:
            self.heard.put_nowait({"type": "websocket.disconnect", "code": 1001})
            await self.running


@pytest.fixture
async def world(database: Any) -> World:
    found: World = await database.orm(World)
    return found


@pytest.fixture
async def view(database: Any, world: World, monkeypatch: Any) -> AsyncIterator[Callable[..., Any]]:
    """Look at chargers as a user; all viewers are gone at the end, and so is the looking."""
    monkeypatch.setattr(pulse, "PACE_S", 0.01)
    monkeypatch.setattr(pulse, "SHARE", 0)
    monkeypatch.setattr(consumer, "PACE_S", 0.01)
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["proxy.example"])
    viewers: list[Viewer] = []

    async def view(ids: str = "", user: Any = None, role: str = "installer", **how: Any) -> Viewer:
        user = user or await database.orm(world.user, role)
        key = await database.orm(world.session, user)
        viewer = Viewer(ids or str(world.charger.pk), key, user=user, **how)
        viewers.append(viewer)
        return viewer

    yield view
    for viewer in viewers:
        await viewer.close()
    assert pulse.current().watchers == 0
    assert not pulse.current().is_beating


@pytest.mark.parametrize("role", ["installer", "read_only"])
async def test_first_all_then_what_changes(database: Any, world: World, view: Any, role: str) -> None:
    key = world.charger.pk
    viewer = await view(role=role)
    assert await viewer.open()
    first = await viewer.next()
    assert first[key]["online"] is False
    assert "never connected" in first[key]["cells"]["state"]

    await database.orm(
        lambda: ChargerSession.objects.create(charger=world.charger, online=True, connected_at=timezone.now())
    )
    changed = await viewer.next()
    assert changed[key]["online"] is True
    assert "online" in changed[key]["cells"]["state"]

    await database.orm(
        lambda: Connector.objects.create(
            charger=world.charger, connector_id=1, status="Charging", updated_at=timezone.now()
        )
    )
    assert "charging" in (await viewer.next())[key]["cells"]["connectors"]

    await database.orm(
        lambda: RouteState.objects.create(
            route=Route.objects.get(charger=key), state="connected", since=timezone.now()
        )
    )
    assert "D●" in (await viewer.next())[key]["cells"]["routes"]


async def test_a_foreign_charger_is_not_there(world: World, view: Any) -> None:
    viewer = await view(f"{world.charger.pk},{world.foreign.pk}")
    assert await viewer.open()
    assert set(await viewer.next()) == {world.charger.pk}


async def test_who_loses_a_membership_hears_nothing_more(
    database: Any, world: World, view: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(consumer, "RECHECK_S", 0.05)
    viewer = await view()
    assert await viewer.open()
    assert await viewer.next()
    await database.orm(Membership.objects.filter(user=viewer.user).delete)
    while not viewer.said.empty():
        viewer.said.get_nowait()
    await database.orm(viewer.user.user_permissions.clear)
    while (said := await viewer.next()) != 4404:
        assert isinstance(said, dict)


@pytest.mark.parametrize(
    ("ids", "code"),
    [("", 4400), ("x", 4400), ("1;2", 4400), (",".join(["1"] * 201), 4400)],
    ids=lambda v: str(v)[:5],
)
async def test_an_address_that_names_no_chargers(view: Any, ids: str, code: int) -> None:
    viewer = await view("1")
    viewer.scope["query_string"] = f"ids={ids}".encode()
    assert await viewer.open()
    assert await viewer.next() == code


async def test_nobody_who_is_logged_out_or_from_elsewhere(view: Any, world: World) -> None:
    stranger = await view()
    stranger.scope["headers"][1] = (b"cookie", b"")
    assert await stranger.open()
    assert await stranger.next() == 4401
    elsewhere = await view(origin="http://evil.example")
    assert not await elsewhere.open()


async def test_a_database_that_does_not_answer_is_asked_again(
    view: Any, world: World, monkeypatch: Any
) -> None:
    failures = [Error("gone"), Error("gone")]
    real = marks

    def fails(keys: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(keys)

    monkeypatch.setattr(pulse, "marks", fails)
    viewer = await view()
    assert await viewer.open()
    assert set(await viewer.next()) == {world.charger.pk}
    assert not failures


async def test_the_poll_says_the_same_by_the_same_rule(database: Any, world: World) -> None:
    def ask(user: Any, ids: str) -> Any:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client.get(f"/admin/chargers/charger/events/?ids={ids}")

    installer = await database.orm(world.user, "installer")
    both = f"{world.charger.pk},{world.foreign.pk}"
    answer = await database.orm(ask, installer, both)
    assert [row["id"] for row in answer.json()["chargers"]] == [world.charger.pk]
    assert "no-store" in answer.headers["Cache-Control"]
    assert (await database.orm(ask, installer, "x")).status_code == 404
    assert (await database.orm(ask, None, both)).status_code == 302
    assert sight.asked("ids=1,2") == [1, 2]
