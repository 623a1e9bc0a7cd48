"""Which application answers which address."""

import pytest
from channels.testing import HttpCommunicator, WebsocketCommunicator
from django.test import AsyncClient

from chargers.identity import is_chargers
from proxy_site import asgi


@pytest.fixture
def chargers_see(monkeypatch):
    """The raw paths that reached the chargers' application."""
    seen = []

    async def application(scope, receive, send):
        seen.append(scope["raw_path"])
        await receive()
        await send({"type": "websocket.accept"})

    monkeypatch.setattr(asgi, "charger_application", application)
    return seen


def handshake(raw_path: bytes, path: str) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(asgi.application, path)
    communicator.scope["raw_path"] = raw_path
    return communicator


@pytest.mark.parametrize("raw_path", [b"/ocpp/CP-1", b"/ocpp/a%2Fb", b"/ocpp/"])
async def test_chargers_come_in_under_ocpp(chargers_see, raw_path):
    accepted, _ = await handshake(raw_path, "/ocpp/any").connect()
    assert accepted
    assert chargers_see == [raw_path]


@pytest.mark.parametrize("raw_path", [b"/", b"/ocppx/CP-1", b"/admin/", b"/%6Fcpp/CP-1"])
async def test_no_other_websocket_is_taken(chargers_see, raw_path):
    accepted, _ = await handshake(raw_path, "/ocpp/any").connect()
    assert not accepted
    assert chargers_see == []


async def test_a_charger_with_a_wrong_path_is_told_at_its_door(chargers_see):
    communicator = WebsocketCommunicator(asgi.application, "/old/CP-1", subprotocols=["ocpp1.6"])
    communicator.scope["raw_path"] = b"/old/CP-1"
    await communicator.connect()
    assert chargers_see == [b"/old/CP-1"]


async def test_health_does_not_pass_through_django(monkeypatch):
    monkeypatch.setattr(asgi, "django_application", None)
    response = await HttpCommunicator(asgi.application, "GET", "/livez").get_response()
    assert (response["status"], response["body"]) == (200, b"ok\n")


async def test_the_root_leads_to_the_admin():
    response = await AsyncClient().get("/")
    assert (response.status_code, response["location"]) == (302, "/admin/")


@pytest.mark.parametrize(
    ("raw_path", "is_one"),
    [
        (b"/ocpp/CP-1", True),
        (b"//ocpp//CP-1/", True),
        (b"/ocpp", True),
        (b"/ocpp/CP-1?token=/x", True),
        (b"/", False),
        (b"/ocppx/CP-1", False),
        (b"/ws?next=/ocpp/CP-1", False),
        (b"/%6Fcpp/CP-1", False),
    ],
    ids=str,
)
def test_which_websockets_are_chargers(raw_path, is_one):
    assert is_chargers(raw_path) is is_one
