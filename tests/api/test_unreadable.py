"""What cannot be read is answered in words: never a fault of ours."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from accounts.models import Organisation
from tests.api.test_resources import API, charger_of, route_of

pytestmark = pytest.mark.django_db


def cursor(position: str) -> str:
    return base64.b64encode(f"p={quote(position)}".encode()).decode()


@pytest.mark.parametrize("path", ["commands", "events", "transactions"])
@pytest.mark.parametrize("position", ["garbage", "\x00", "0001-01-01T00:00:00+14:00"], ids=ascii)
def test_a_cursor_that_no_page_has_given_leads_nowhere(client: APIClient, path: str, position: str) -> None:
    answer = client.get(f"{API}{path}/", {"cursor": cursor(position)})
    assert (answer.status_code, answer.json()["message"]) == (404, "Invalid cursor")


@pytest.mark.parametrize("path", ["commands", "events", "transactions"])
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_time_that_utc_does_not_have_is_refused(client: APIClient, path: str, name: str) -> None:
    answer = client.get(f"{API}{path}/", {name: "0001-01-01T00:00:00+14:00"})
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {name})
    assert client.get(f"{API}{path}/", {name: "2030-01-01T00:00:00+14:00"}).status_code == 200


@pytest.mark.parametrize(
    "size", ["0", "201", "0001000000", "²", "-1", "9" * 5000], ids=lambda text: text[:12]
)
def test_a_page_is_no_larger_than_it_may_be(client: APIClient, ours: Organisation, size: str) -> None:
    asked = {"charger": str(charger_of(ours).uuid), "page_size": size}
    answer = client.get(f"{API}messages/", asked)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"page_size"})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("webhooks/", '{"url": "https://example.org/\\ud800"}'),
        ("webhooks/", '{"url": "https://example.org/", "events": ["\\udfff"]}'),
        ("backoffices/test/", '{"url": "ws://example.org/", "\\ud800": 1}'),
    ],
    ids=["a text", "in a list", "a name"],
)
def test_half_a_character_is_refused_with_what_it_is(client: APIClient, path: str, said: str) -> None:
    answer = client.post(f"{API}{path}", said, content_type="application/json")
    assert answer.status_code == 400
    assert "half of a character" in answer.json()["message"]


def test_a_whole_character_of_two_halves_is_stored(client: APIClient, ours: Organisation) -> None:
    said = json.dumps({"url": "https://e.example/", "label": "\U0001f600", "organisation": str(ours.uuid)})
    assert "\\ud83d\\ude00" in said
    answer = client.post(f"{API}webhooks/", said, content_type="application/json")
    assert (answer.status_code, answer.json().get("label")) == (201, "\U0001f600")


def test_options_with_half_a_character_do_not_come_back(client: APIClient, ours: Organisation) -> None:
    path = f"{API}routes/{route_of(ours, 1).uuid}/"
    answer = client.patch(path, '{"options": {"\\ud800": 1}}', content_type="application/json")
    assert answer.status_code == 400
