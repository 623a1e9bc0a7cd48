"""A backoffice that has set the charger's password: the new one, or where that is refused the one before."""

import base64
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from routing.core.passwords import REFUSED
from tests.backoffices.dialling import backoffice, stay
from tests.backoffices.peers import target

NEW, OLD = b"\x00new\xff", b"old:one"


class Door:
    """A backoffice that lets in who brings one of its passwords; ``None`` stands for none at all."""

    def __init__(self, *accepted):
        self.accepted = set(accepted)
        self.tried = []
        self.connections = []

    def check(self, connection, request):
        header = request.headers.get("Authorization")
        tried = base64.b64decode(header.split()[1]).partition(b":")[2] if header else None
        self.tried.append(tried)
        return None if tried in self.accepted else connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")

    async def stay(self, connection):
        self.connections.append(connection)
        await stay(connection)

    @asynccontextmanager
    async def open(self):
        async with backoffice(self.stay, process_request=self.check) as port:
            yield port

    async def close_all(self):
        for connection in self.connections:
            await connection.close()
        self.connections.clear()


def changed(port, fallback=OLD):
    return target(port, password=NEW, fallback_password=fallback, has_fallback=True)


async def test_the_new_password_is_tried_first(dialler, recorder):
    door = Door(NEW, OLD)
    async with door.open() as port:
        dialler(changed(port), "1.6", recorder)
        await recorder.until("opened")
    assert door.tried == [NEW]
    assert recorder.log[:2] == [("dialling", ""), ("opened", "")]


@pytest.mark.parametrize("before", [OLD, None], ids=["a password", "none at all"])
async def test_where_it_is_refused_the_one_before_still_counts(dialler, recorder, before):
    door = Door(before)
    async with door.open() as port:
        dialler(changed(port, before), "1.6", recorder)
        await recorder.until("opened")
    assert door.tried == [NEW, before]
    assert recorder.log[:3] == [("dialling", ""), ("dialling", REFUSED), ("opened", "")]


async def test_what_was_taken_is_tried_first_from_then_on(dialler, recorder):
    door = Door(OLD)
    async with door.open() as port:
        dialler(changed(port), "1.6", recorder)
        await recorder.until("opened")
        await door.close_all()
        await recorder.until("opened")
        assert door.tried == [NEW, OLD, OLD]
        door.accepted = {NEW}  # it has applied it after all
        await door.close_all()
        await recorder.until("opened")
        states = [event for event in recorder.log if event[0] in ("dialling", "opened")]
    assert door.tried == [NEW, OLD, OLD, OLD, NEW]
    assert states[-3:] == [("dialling", REFUSED), ("dialling", ""), ("opened", "")]


async def test_both_are_refused(dialler, recorder):
    door = Door()
    async with door.open() as port:
        dialler(changed(port), "1.6", recorder)
        for _ in range(2):
            assert await recorder.until("waiting") == (
                "refused the handshake with HTTP 401: check user name and password"
            )
        assert door.tried[:4] == [NEW, OLD, NEW, OLD]
        door.accepted = {NEW}
        await recorder.until("opened")


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE])
async def test_another_refusal_says_nothing_of_the_password(dialler, recorder, status):
    tried = []

    def check(connection, request):
        tried.append(request.headers["Authorization"])
        return connection.respond(status, "no\n")

    async with backoffice(stay, process_request=check) as port:
        dialler(changed(port), "1.6", recorder)
        await recorder.until("waiting")
        await recorder.until("waiting")
    assert len(set(tried)) == 1


async def test_a_password_of_ours_has_no_other_beside_it(dialler, recorder):
    door = Door()
    async with door.open() as port:
        dialler(target(port, password=NEW), "1.6", recorder)
        await recorder.until("waiting")
        await recorder.until("waiting")
    assert set(door.tried) == {NEW}


async def test_no_log_shows_a_password(dialler, recorder, caplog):
    caplog.set_level("DEBUG")
    door = Door(OLD)
    async with door.open() as port:
        dialler(changed(port), "1.6", recorder)
        await recorder.until("opened")
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")
    ]
    assert not any("old:one" in line or base64.b64encode(OLD).decode()[:6] in line for line in ours)
    assert "old:one" not in repr(changed(1))
