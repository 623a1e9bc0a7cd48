"""What chargers upload: through a real Daphne, and by any other server that speaks ASGI."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncRequestFactory
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Organisation
from chargers import bodies, receiving
from chargers.limits import Buckets
from chargers.models import Charger
from routing.files import uploads
from routing.files.incoming import Incoming
from routing.files.storing import folder
from routing.files.tokens import UPLOAD, new_token
from routing.models import Upload
from tests.chargers.edge import PATIENCE_S, Edge

pytestmark = pytest.mark.django_db(transaction=True)

BODY = bytes(range(256)) * 4096  # 1 MiB
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="../log.zip"\r\n\r\n'
    + BODY
    + b"\r\n--x--\r\n"
)


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.PROXY_DATA_DIR = tmp_path
    monkeypatch.setattr(receiving, "_REFUSALS", Buckets(5, 0.0))
    return tmp_path


@pytest.fixture
def charger() -> Charger:
    organisation = Organisation.objects.create(name="Ours")
    return Charger.objects.create(identity="CP-1", organisation=organisation)


def path_for(charger: Charger) -> tuple[Upload, str]:
    row, url = uploads.expect(charger, "http://proxy")
    return row, url.removeprefix("http://proxy")


class Client:
    """Speaks HTTP to the Daphne of the tests."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        self.edge.applications[unquote(path)] = receiving.uploads
        connection = http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=PATIENCE_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named, encode_chunked=not isinstance(body, bytes))
            return connection.getresponse().status
        except (BrokenPipeError, ConnectionResetError):  # told before all was sent
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def send(edge: Edge) -> Client:
    return Client(edge)


def files() -> list[str]:
    where = folder(UPLOAD)
    return sorted(path.name for path in where.iterdir()) if where.exists() else []


@pytest.mark.parametrize(
    ("method", "ending", "body", "headers", "name"),
    [
        ("PUT", "", BODY, {}, "diagnostics"),
        ("PUT", "/boot log.txt".replace(" ", "%20"), b"short", {}, "boot log.txt"),
        ("POST", "/", BODY, {}, "diagnostics"),
        ("POST", "", FORM, {"Content_Type": "multipart/form-data; boundary=x"}, "log.zip"),
        ("PUT", "", [b"a" * 70_000, b"b" * 70_000], {"Transfer_Encoding": "chunked"}, "diagnostics"),
    ],
    ids=["put", "short-with-a-name", "post", "form", "chunked"],
)
def test_a_file_is_taken_once(
    send: Client, charger: Charger, method: str, ending: str, body: Any, headers: Any, name: str
) -> None:
    row, path = path_for(charger)
    sent = BODY if body is FORM else b"".join(body) if isinstance(body, list) else body
    assert send(method, path + ending, iter(body) if isinstance(body, list) else body, **headers) == 201
    row.refresh_from_db()
    assert (row.name, row.size, row.sha256) == (name, len(sent), hashlib.sha256(sent).hexdigest())
    assert uploads.path_of(row).read_bytes() == sent
    assert row.expires > timezone.now() + timedelta(days=13)
    deed = Deed.objects.latest("id")
    assert (deed.actor_name, deed.via, deed.charger_id) == ("CP-1", "charger", charger.pk)
    assert send(method, path, b"again") == 404
    assert files() == [row.uuid.hex]


def test_what_is_too_large_is_refused_before_it_has_come(
    send: Client, charger: Charger, settings: Any
) -> None:
    settings.PROXY_UPLOAD_BYTES = 100_000
    row, path = path_for(charger)
    assert send("PUT", path, BODY) == 413
    assert send("PUT", path, iter([BODY]), Transfer_Encoding="chunked") == 413
    assert send("PUT", path, b"that fits") == 201
    assert files() == [row.uuid.hex]


def test_where_nobody_waits_for_a_file_there_is_nothing(send: Client, charger: Charger) -> None:
    _row, path = path_for(charger)
    over = new_token(UPLOAD, timezone.now() - timedelta(seconds=2))
    of_nobody = new_token(UPLOAD, timezone.now() + timedelta(hours=1))
    for method, there, body in (
        ("GET", path, None),
        ("DELETE", path, None),
        ("PUT", f"{path[:-1]}!", BODY),
        ("PUT", f"/uploads/{over}", BODY),
        ("PUT", f"/uploads/{of_nobody}", BODY),
    ):
        assert send(method, there, body) == 404
    assert send("PUT", path, b"") == 404
    assert files() == []
    assert [send("GET", "/uploads/", None) for _ in range(5)][-1] == 429
    assert send("PUT", path, BODY) == 201


def test_who_expires_is_not_taken(send: Client, charger: Charger) -> None:
    row, path = path_for(charger)
    Upload.objects.update(expires=timezone.now())
    assert send("PUT", path, BODY) == 404
    row.refresh_from_db()
    assert row.received_at is None


def test_a_large_body_of_another_page_is_read_piece_by_piece(edge: Edge) -> None:
    pieces: list[int] = []

    async def count(scope: Any, receive: Any, answer: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            pieces.append(len(message["body"]))
            if not message["more_body"]:
                break
        await answer({"type": "http.response.start", "status": 200, "headers": []})
        await answer({"type": "http.response.body", "body": b""})

    client = Client(edge)
    edge.applications["/api/"] = count
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE_S)
    connection.request("POST", "/api/", BODY, {"Content-Type": "multipart/form-data; boundary=x"})
    assert connection.getresponse().status == 200
    connection.close()
    assert sum(pieces) == len(BODY)
    assert max(pieces) == bodies.PIECE
    assert client.edge is edge


def test_a_download_waits_for_who_fetches_it(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written no faster than it is read."""
    sent: list[int] = []
    paused, pause = threading.Event(), bodies.Request.pauseProducing

    def noted(request: Any) -> None:
        pause(request)
        paused.set()

    monkeypatch.setattr(bodies.Request, "pauseProducing", noted)
    piece = b"x" * 262_144

    async def much(scope: Any, receive: Any, answer: Any) -> None:
        await answer({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(200):
            await answer({"type": "http.response.body", "body": piece, "more_body": True})
            sent.append(number)
        await answer({"type": "http.response.body", "body": b""})

    edge.applications["/firmware/x/y"] = much
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE_S)
    connection.request("GET", "/firmware/x/y")
    response = connection.getresponse()
    assert len(response.read(1000)) == 1000
    assert paused.wait(PATIENCE_S)
    assert len(sent) < 200
    assert len(response.read()) == 200 * len(piece) - 1000
    connection.close()


class Messages:
    """The ends of ASGI, as another server has them."""

    def __init__(self, *bodies: bytes, broken: bool = False) -> None:
        last = len(bodies) - 1
        self.coming = [
            {"type": "http.request", "body": body, "more_body": broken or n < last}
            for n, body in enumerate(bodies)
        ]
        self.coming += [{"type": "http.disconnect"}]
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        return self.coming.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(("broken", "status"), [(False, 201), (True, 507)])
async def test_another_server_hands_it_over_piece_by_piece(
    charger: Charger, broken: bool, status: int
) -> None:
    row, path = await sync_to_async(path_for)(charger)
    scope = dict(AsyncRequestFactory().put(path).scope)
    messages = Messages(b"one", b"two", broken=broken)
    await receiving.uploads(scope, messages.receive, messages.send)
    assert messages.sent[0]["status"] == status
    await row.arefresh_from_db()
    assert row.size == (0 if broken else 6)
    assert files() == ([] if broken else [row.uuid.hex])


async def test_a_file_whose_address_expires_while_it_comes_is_not_left_behind() -> None:
    incoming = Incoming(folder(UPLOAD), 100)
    incoming.put(b"one")
    assert await incoming.written()
    path = f"/uploads/{'A' * 43}"  # one that has expired is as good as any that is not ours
    scope = {**AsyncRequestFactory().put(path).scope, "extensions": {bodies.INCOMING: incoming}}
    messages = Messages()
    await receiving.uploads(scope, messages.receive, messages.send)
    assert messages.sent[0]["status"] == 404
    assert files() == []


async def test_a_body_whose_sender_is_gone_is_not_read_on() -> None:
    incoming = Incoming(folder(UPLOAD), 100)
    incoming.put(b"one")
    await incoming.discard()
    body = bodies._Body(incoming, asyncio.Queue())
    assert await body.receive() == {"type": "http.disconnect"}
