"""The socket of a viewer: who may look, what they see, and that nothing is missing or said twice."""

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error
from django.utils import timezone

from accounts.models import Membership, User
from accounts.tokens import issue
from chargers.models import Charger
from routing.live import audience, consumer
from routing.live.consumer import messages, serve
from routing.live.sight import seen_by
from routing.watching import Subject
from tests.routing.live.conftest import CARD, PATIENCE_S

ORIGIN = "http://proxy.example"


class Viewer:
    """A browser's socket, on a session of its user. ``key``: of that session.

    Not the communicator of Channels: that one leaves database connections open in their threads.
    """

    def __init__(self, path, key="", origin=ORIGIN, host="proxy.example", user=None):
        self.key, self.user = key, user
        headers = [(b"host", host.encode()), (b"cookie", f"{settings.SESSION_COOKIE_NAME}={key}".encode())]
        if origin:
            headers.append((b"origin", origin.encode()))
        self.scope = {"type": "websocket", "path": path, "scheme": "ws", "headers": headers}
        self.heard: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.said: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.running = None

    async def open(self):
        """Whether the handshake is accepted."""
        self.running = asyncio.create_task(messages(self.scope, self.heard.get, self.said.put))
        self.heard.put_nowait({"type": "websocket.connect"})
        return (await self._next())["type"] == "websocket.accept"

    async def _next(self):
        async with asyncio.timeout(PATIENCE_S):
            return await self.said.get()

    async def next(self):
        """The next thing said, or the close code."""
        said = await self._next()
        return said["code"] if said["type"] == "websocket.close" else json.loads(said["text"])

    async def close(self):
        """Go away, and wait for the end of the application."""
        if self.running is not None:
            self.heard.put_nowait({"type": "websocket.disconnect", "code": 1001})
            await self.running

    async def opened(self):
        """What was there before, once the view is live."""
        assert await self.open()
        stored = []
        while isinstance(said := await self.next(), dict) and "rows" in said:
            stored.append(said)
        assert said == {"state": "live"}
        return stored


@pytest.fixture
async def view(database, world, process):
    """Open a view as a user; all are closed at the end."""
    viewers = []

    async def view(path=None, user=None, role="installer", **how):
        user = user or await database.orm(world.user, role)
        key = await database.orm(world.session, user)
        viewer = Viewer(path or f"/ws/v1/chargers/{world.charger.pk}/messages", key, user=user, **how)
        viewers.append(viewer)
        return viewer

    yield view
    for viewer in viewers:
        await viewer.close()
    assert not process.watching.on
    assert process.audience.viewers == 0


def ids(said):
    return [row["message_id"] for row in said["rows"]]


async def test_what_was_there_then_what_comes_without_a_gap_or_a_double(database, world, process, view):
    old = [world.row(number) for number in range(3)]
    await database.orm(world.keep, *old)
    viewer = await view()
    [stored] = await viewer.opened()
    assert (stored["first"], ids(stored), stored["left_out"]) == (1, ["m0", "m1", "m2"], 0)
    process.store(old[-1])  # published late, and in the database already
    process.store(world.row(3))
    first = await viewer.next()
    process.store(world.row(4))
    second = await viewer.next()
    assert [(said["first"], ids(said)) for said in (first, second)] == [(4, ["m3"]), (5, ["m4"])]


async def test_the_newest_fifty_exchanges_are_there_first(database, world, view):
    await database.orm(world.keep, *(world.row(number) for number in range(60)))
    [stored] = await (await view()).opened()
    assert ids(stored) == [f"m{number}" for number in range(10, 60)]


async def test_a_row_as_the_browser_gets_it(database, world, process, view):
    viewer = await view()
    await viewer.opened()
    process.store(world.row(0, route=world.routes[0].pk, outcome="error", error_code="GenericError"))
    [row] = (await viewer.next())["rows"]
    assert row["charger"] == "CP-1"
    assert row["route"] == "Energy"
    assert row["well"] is False
    assert row["at"].endswith("+00:00")
    assert row["frame"] == f'[2,"m0","Authorize",{{"idTag":"{CARD}"}}]'
    assert row["card"] == CARD


async def test_who_only_reads_sees_cards_masked_stored_and_live(database, world, process, view):
    quoting = {"answer": f'[4,"m0","GenericError","no {CARD} here",{{}}]', "rule": f"{CARD} is blocked"}
    await database.orm(world.keep, world.row(0, **quoting))
    viewer = await view(role="read_only")
    [stored] = await viewer.opened()
    process.store(world.row(1, **quoting))
    for said in (stored, await viewer.next()):
        assert CARD not in json.dumps(said)
        assert said["rows"][0]["card"] == "****1234"
        assert '"idTag":"****1234"' in said["rows"][0]["frame"]


@pytest.mark.parametrize("kind", ["chargers", "backoffices"])
async def test_a_foreign_one_and_a_missing_one_look_alike(database, world, process, view, kind):
    if kind == "backoffices":
        world.backoffice.organisation = world.theirs
        await database.orm(world.backoffice.save)
    foreign = {"chargers": world.foreign, "backoffices": world.backoffice}[kind].pk
    for pk in (foreign, 999_999, 10**18 - 1):
        viewer = await view(f"/ws/v1/{kind}/{pk}/messages")
        assert await viewer.open()
        assert await viewer.next() == 4404
    assert not process.watching.on


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "removed"])
async def test_who_may_not_open_such_pages_sees_nothing(database, world, view, ended):
    user = await database.orm(world.user)
    memberships = Membership.objects.filter(user=user)
    await database.orm(lambda: memberships.update(ends_at=timezone.now()) if ended else memberships.delete())
    viewer = await view(user=user)
    assert await viewer.open()
    assert await viewer.next() == 4404


@pytest.mark.parametrize("key", ["", "nosuchsession"])
async def test_who_is_not_logged_in_is_told_so(database, world, process, key):
    viewer = Viewer(f"/ws/v1/chargers/{world.charger.pk}/messages", key)
    assert await viewer.open()
    assert await viewer.next() == 4401
    await viewer.close()


@pytest.mark.parametrize(
    "how",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://proxy.example:8080"},
        {"origin": "https://proxy.example"},
        {"origin": None},
        {"origin": "null"},
    ],
    ids=str,
)
async def test_pages_of_others_get_no_socket_though_all_hosts_are_allowed(view, monkeypatch, how):
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["*"])
    assert not await (await view(**how)).open()


async def test_a_host_that_is_not_ours_gets_no_socket_and_a_trusted_origin_does(view, monkeypatch):
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["proxy.example"])
    assert not await (await view(origin="http://evil.example", host="evil.example")).open()
    assert not await (await view(origin="https://front.example")).open()
    monkeypatch.setattr(settings, "CSRF_TRUSTED_ORIGINS", ["https://*.example"])
    assert await (await view(origin="https://front.example")).open()


@pytest.mark.parametrize("path", ["/ws/", "/ws/v1/chargers//messages", "/ws/v1/routes/1/messages"])
async def test_other_addresses_are_none(view, path):
    assert not await (await view(path)).open()


@pytest.mark.parametrize("change", ["membership", "inactive", "session", "password"])
async def test_who_may_not_look_any_more_is_dropped(database, world, process, view, monkeypatch, change):
    monkeypatch.setattr(consumer, "RECHECK_S", 0.05)
    viewer = await view()
    await viewer.opened()

    def revoke():
        user = viewer.user
        match change:
            case "membership":
                Membership.objects.filter(user=user).delete()
            case "inactive":
                user.is_active = False
                user.save()
            case "session":
                SessionStore(viewer.key).flush()
            case "password":
                user.set_password("another one")
                user.save()

    await database.orm(revoke)
    assert await viewer.next() == (4404 if change == "membership" else 4401)
    process.store(world.row(1))
    assert not process.watching.on
    assert viewer.said.empty()


async def test_who_is_demoted_sees_cards_masked_from_then_on(database, world, process, view, monkeypatch):
    monkeypatch.setattr(consumer, "RECHECK_S", 0.05)
    viewer = await view()
    await viewer.opened()
    process.store(world.row(0))
    assert CARD in json.dumps(await viewer.next())
    await database.orm(lambda: Membership.objects.update(role="read_only"))
    number = 0
    while CARD in json.dumps(await viewer.next() if number else CARD):  # until it is looked again
        process.store(world.row(number := number + 1))


async def test_a_backoffice_shows_rows_of_the_users_own_chargers_only(database, world, process, view):
    own, foreign = (route.pk for route in world.routes)
    await database.orm(
        world.keep,
        world.row(0),
        world.row(0, route=own, text=""),
        world.row(0, charger=world.foreign, route=foreign, message_id="Zebra"),
    )
    viewer = await view(f"/ws/v1/backoffices/{world.backoffice.pk}/messages")
    [stored] = await viewer.opened()
    process.store(world.row(1, charger=world.foreign, route=foreign, message_id="Zebra"), world.target(1))
    process.store(world.row(2), world.target())
    process.store(world.row(2, route=own, text=""), world.target())
    live = await viewer.next()
    assert (stored["first"], ids(stored), live["first"], ids(live)) == (1, ["m0"], 2, ["m2"])
    for said in (stored, live):
        assert "Zebra" not in json.dumps(said)
        assert CARD in said["rows"][0]["frame"], "a copy shows the payload that it repeats"


async def test_a_backoffice_that_is_renamed_is_watched_anew(database, world, view, monkeypatch):
    monkeypatch.setattr(consumer, "RECHECK_S", 0.05)
    viewer = await view(f"/ws/v1/backoffices/{world.backoffice.pk}/messages")
    await viewer.opened()
    world.backoffice.name = "Sun"
    await database.orm(world.backoffice.save)
    assert await viewer.next() == 1012


async def test_what_was_left_out_is_said(world, process, view):
    viewer = await view()
    await viewer.opened()
    [here] = process.audience._watched[Subject("charger", str(world.charger.pk))].views
    here.add((), 7)
    assert await viewer.next() == {"first": 1, "rows": [], "left_out": 7}


async def test_while_others_are_out_of_reach_it_says_so_and_reads_the_log_when_they_are_back(
    database, world, process, view
):
    viewer = await view()
    await viewer.opened()
    [here] = process.audience._watched[Subject("charger", str(world.charger.pk))].views
    here.set_away(True)
    assert await viewer.next() == {"state": "away"}
    await database.orm(world.keep, world.row(1))
    here.set_away(False)
    assert ids(await viewer.next()) == ["m1"]
    assert await viewer.next() == {"state": "live"}


async def test_a_process_that_starts_or_stops_says_later(view):
    viewer = await view()
    audience.install(None)
    assert await viewer.open()
    assert await viewer.next() == 1013


async def test_there_is_an_end_to_how_many_look_on(view, monkeypatch):
    monkeypatch.setattr(consumer, "MOST_VIEWERS", 1)
    await (await view()).opened()
    second = await view()
    assert await second.open()
    assert await second.next() == 1013


async def test_a_database_that_does_not_answer_ends_the_view_not_the_process(view, monkeypatch, caplog):
    def fail(*about, **more):
        raise Error("gone")

    monkeypatch.setattr(consumer, "look", fail)
    viewer = await view()
    assert await viewer.open()
    assert await viewer.next() == 1013


async def test_five_viewers_cost_one_lease_and_see_the_same(world, process, view):
    viewers = [await view() for _ in range(5)]
    for viewer in viewers:
        await viewer.opened()
    assert process.watching._chargers[world.charger.pk].leases.keys() == {"here"}
    process.store(world.row(1))
    assert {json.dumps(await viewer.next()) for viewer in viewers}.__len__() == 1
    for viewer in viewers[1:]:
        await viewer.close()
    process.store(world.row(2))
    assert ids(await viewers[0].next()) == ["m2"]


# -- programs ------------------------------------------------------------------------------------------


@pytest.fixture
async def tail(database, world, view):
    """A program's socket, by uuid, with a token of these scopes; the charger is ours unless said."""

    async def tail(*scopes, charger=None, networks=(), address="192.0.2.7"):
        def made():
            user = world.user("installer")
            return user, issue(user, "tail", list(scopes), allowed_networks=list(networks))

        user, (token, text) = await database.orm(made)
        path = f"/ws/v1/chargers/{(charger or world.charger).uuid}/messages"
        viewer = await view(path, user=user, origin="")
        viewer.scope["headers"].append((b"authorization", f"Bearer {text}".encode()))
        viewer.scope["client"] = (address, 4711)
        viewer.token = token
        return viewer

    return tail


async def test_a_program_is_shown_messages_with_its_token(database, world, process, tail):
    await database.orm(world.keep, world.row(0))
    viewer = await tail("messages:read", "messages:sensitive")
    [stored] = await viewer.opened()
    process.store(world.row(1))
    assert [row["card"] for row in stored["rows"] + (await viewer.next())["rows"]] == [CARD, CARD]
    await database.orm(viewer.token.refresh_from_db)
    assert viewer.token.last_used_at is not None


async def test_a_superusers_token_for_one_organisation_shows_nothing_from_before_it_had_the_charger(
    database, world
):
    def since():
        boss, key = User.objects.create_superuser("chief"), world.charger.pk
        Charger.objects.filter(pk=key).update(owned_from=4711)
        everything = seen_by(boss, [key])[key].since
        boss.only_organisation = world.ours.pk
        return everything, seen_by(boss, [key])[key].since

    assert await database.orm(since) == (0, 4711)


async def test_a_program_without_the_scope_sees_no_card(database, world, process, tail):
    await database.orm(world.keep, world.row(0))
    viewer = await tail("messages:read")
    [stored] = await viewer.opened()
    process.store(world.row(1))
    assert CARD not in json.dumps([stored, await viewer.next()])


@pytest.mark.parametrize(
    ("scopes", "how", "code"),
    [
        (["chargers:read"], {}, 4403),
        (["messages:read"], {"networks": ["198.51.100.0/24"]}, 4401),
        (["messages:read"], {"foreign": True}, 4404),
    ],
    ids=["no scope", "from elsewhere", "a foreign charger"],
)
async def test_a_program_that_may_not_look_is_told_why(world, tail, scopes, how, code):
    charger = world.foreign if how.get("foreign") else None
    more = {name: value for name, value in how.items() if name != "foreign"}
    viewer = await tail(*scopes, charger=charger, **more)
    assert await viewer.open()
    assert await viewer.next() == code


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic YTpi", "Bearer"])
async def test_a_token_that_is_none_is_told_so(view, header):
    viewer = await view(origin="")
    viewer.scope["headers"].append((b"authorization", header.encode()))
    assert await viewer.open()
    assert await viewer.next() == 4401


async def test_a_revoked_token_ends_the_view(database, world, process, tail, monkeypatch):
    monkeypatch.setattr(consumer, "RECHECK_S", 0.05)
    viewer = await tail("messages:read")
    assert await viewer.open()
    assert await viewer.next() == {"state": "live"}
    await database.orm(viewer.token.delete)
    assert await viewer.next() == 4401


async def test_a_view_that_is_ended_while_it_closes_ends() -> None:
    ending, let_go = asyncio.Event(), asyncio.Event()
    said = iter(["websocket.connect", "websocket.disconnect"])

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await let_go.wait()

    async def receive() -> dict[str, str]:
        await asyncio.sleep(0)  # the view begins
        return {"type": next(said)}

    async def send(message: Any) -> None:
        assert message["type"] == "websocket.accept"

    view = asyncio.ensure_future(serve(run, receive, send))
    await ending.wait()
    view.cancel()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await view
