"""Webhooks and events in the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks import Webhook as Verifier

from accounts.deeds import Deed
from accounts.models import Organisation, User
from chargers.models import Charger
from routing.models import Event, Webhook, WebhookDelivery
from routing.webhooks import service
from tests.api.conftest import member, program
from tests.api.resource import Resource
from tests.routing.webhooks.conftest import secret_of

pytestmark = pytest.mark.django_db
PATH, EVENTS = "/api/v1/webhooks/", "/api/v1/events/"
URL = "https://hooks.example.org/T0P/S3CR3T"


def webhook_of(organisation: Organisation | None, number: int = 0, **values: Any) -> Webhook:
    row = Webhook(organisation=organisation, url=URL, label=f"hook {number}", **values)
    service.give_secret(row)
    row.save()
    return row


def event_of(organisation: Organisation, number: int = 0, **values: Any) -> Event:
    given = {"type": "charger.booted", "at": timezone.now(), "key": f"{organisation.pk} {number}"}
    return Event.objects.create(organisation=organisation, **(given | {"data": {"n": number}} | values))


def delivery_of(webhook: Webhook, number: int = 0) -> WebhookDelivery:
    assert webhook.organisation is not None
    event = event_of(webhook.organisation, number)
    return WebhookDelivery.objects.create(webhook=webhook, event=event, state="given_up", attempts=7)


class TestWebhooks(Resource):
    path, read, write = PATH, "webhooks:read", "webhooks:write"

    def make(self, organisation: Organisation, number: int) -> Any:
        return webhook_of(organisation, number)


class TestEvents(Resource):
    path, read = EVENTS, "messages:read"

    def make(self, organisation: Organisation, number: int) -> Any:
        return event_of(organisation, number)


# Webhooks


def test_the_secret_is_told_once(client: APIClient, ours: Organisation, installer: User) -> None:
    said = {"organisation": str(ours.uuid), "url": URL, "events": ["charger.connected"]}
    answer = client.post(PATH, said, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert answer.status_code == 201, answer.json()
    secret = answer.json()["secret"]
    assert answer.headers["Cache-Control"] == "no-store"
    row = Webhook.objects.get()
    assert (secret_of(row), row.created_by) == (secret, installer)
    Verifier(secret)
    again = client.post(PATH, said, format="json", HTTP_IDEMPOTENCY_KEY="k")
    shown = client.get(f"{PATH}{row.uuid}/")
    told = "".join(str(deed.after) for deed in Deed.objects.all())
    for text in (again.content.decode(), shown.content.decode(), client.get(PATH).content.decode(), told):
        assert secret not in text
        assert "whsec_" not in text
    assert Webhook.objects.count() == 1


def test_a_new_secret_is_told_once_and_the_old_one_holds(client: APIClient, ours: Organisation) -> None:
    row = webhook_of(ours)
    old = secret_of(row)
    answer = client.post(f"{PATH}{row.uuid}/rotate-secret/")
    assert answer.status_code == 200
    row = Webhook.objects.get()
    assert service.secrets_of(row) == [answer.json()["secret"], old]
    assert answer.headers["Cache-Control"] == "no-store"
    assert Deed.objects.filter(words__startswith="Made a new secret").exists()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"url": "ftp://x/"}, "url"),
        ({"url": "https://user:pw@hooks.example/"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://hooks.example/a b"}, "url"),
        ({"events": ["charger.exploded"]}, "events"),
        ({"events": "charger.booted"}, "events"),
        ({"events": ["webhook.test"]}, "events"),
        ({"organisation": None}, "organisation"),
        ({"organisation": "foreign"}, "organisation"),
        ({"charger": "foreign"}, "charger"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_field(
    client: APIClient, ours: Organisation, theirs: Organisation, said: dict[str, Any], field: str
) -> None:
    foreign = {
        "organisation": str(theirs.uuid),
        "charger": str(Charger.objects.create(identity="CP-1", organisation=theirs).uuid),
    }
    said = {key: foreign[key] if value == "foreign" else value for key, value in said.items()}
    given = {"organisation": str(ours.uuid), "url": URL} | said
    answer = client.post(PATH, given, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_nothing_goes_out_in_the_clear_but_at_home(
    client: APIClient, ours: Organisation, settings: Any
) -> None:
    said = {"organisation": str(ours.uuid), "url": "http://192.168.1.9:8123/api/webhook/x"}
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = False
    assert client.post(PATH, said, format="json").status_code == 400
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = True
    assert client.post(PATH, said, format="json").status_code == 201


def test_one_for_the_whole_installation_is_a_superusers(client: APIClient, db: None) -> None:
    root = program(User.objects.create_superuser("root"))
    made = root.post(PATH, {"url": URL}, format="json")
    assert made.status_code == 201
    assert client.get(f"{PATH}{made.json()['uuid']}/").status_code == 404


def test_who_only_reads_does_not_see_the_path(ours: Organisation) -> None:
    webhook_of(ours)
    reader = program(member(ours, "read_only"))
    assert reader.get(PATH).json()["data"][0]["url"] == "https://hooks.example.org"


def test_switching_it_on_again_begins_anew(client: APIClient, ours: Organisation) -> None:
    since = timezone.now() - timedelta(days=6)
    values: dict[str, Any] = {"enabled": False, "disabled_reason": "Late.", "failing_since": since}
    row = webhook_of(ours, failures=9, **values)
    answer = client.patch(f"{PATH}{row.uuid}/", {"enabled": True}, format="json")
    assert answer.status_code == 200
    row.refresh_from_db()
    assert (row.enabled, row.disabled_reason, row.failing_since, row.failures) == (True, "", None, 0)


def test_a_test_is_put_on_its_way(client: APIClient, ours: Organisation) -> None:
    row = webhook_of(ours)
    answer = client.post(f"{PATH}{row.uuid}/test/")
    assert answer.status_code == 202
    assert answer.json()["type"] == "webhook.test"
    assert WebhookDelivery.objects.get().state == "pending"
    assert client.get(EVENTS).json()["data"] == []


# Deliveries


def test_deliveries_are_told(client: APIClient, ours: Organisation) -> None:
    row = webhook_of(ours)
    done = delivery_of(row)
    delivery_of(webhook_of(ours, 1), 1)
    said = client.get(f"{PATH}{row.uuid}/deliveries/").json()
    assert [one["uuid"] for one in said["data"]] == [str(done.uuid)]
    assert said["data"][0]["next_at"] is None
    assert said["links"] == {"next": None, "prev": None}
    path = f"{PATH}{row.uuid}/deliveries/"
    assert client.get(path, {"state": "pending"}).json()["data"] == []
    assert client.get(path, {"state": "lost"}).status_code == 400


def test_pages_of_deliveries_are_complete(client: APIClient, ours: Organisation) -> None:
    row = webhook_of(ours)
    made = {str(delivery_of(row, number).uuid) for number in range(5)}
    found: list[str] = []
    following = f"{PATH}{row.uuid}/deliveries/?page_size=2"
    while following:
        said = client.get(following).json()
        found += [one["uuid"] for one in said["data"]]
        following = said["links"]["next"]
    assert len(found) == 5
    assert set(found) == made


@pytest.mark.parametrize("number", [1, 30])
def test_deliveries_take_a_fixed_number_of_queries(
    client: APIClient, ours: Organisation, number: int, django_assert_max_num_queries: Any
) -> None:
    row = webhook_of(ours)
    for one in range(number):
        delivery_of(row, one)
    client.get(PATH)
    with django_assert_max_num_queries(4):
        client.get(f"{PATH}{row.uuid}/deliveries/")


def test_one_is_sent_again(client: APIClient, ours: Organisation) -> None:
    row = webhook_of(ours)
    done = delivery_of(row)
    answer = client.post(f"{PATH}{row.uuid}/deliveries/{done.uuid}/redeliver/")
    assert answer.status_code == 202
    done.refresh_from_db()
    assert (done.state, done.attempts) == ("pending", 0)


def test_a_delivery_of_another_webhook_is_not_sent_again(client: APIClient, ours: Organisation) -> None:
    done = delivery_of(webhook_of(ours))
    other = webhook_of(ours, 1)
    assert client.post(f"{PATH}{other.uuid}/deliveries/{done.uuid}/redeliver/").status_code == 404


@pytest.mark.parametrize(
    ("who", "reads", "changes"),
    [("foreign", 404, 404), ("reader", 200, 403), ("narrow", 200, 403), ("nobody", 401, 401)],
)
def test_who_may_do_what(
    who: str, reads: int, changes: int, ours: Organisation, theirs: Organisation, installer: User
) -> None:
    row = webhook_of(ours)
    done = delivery_of(row)
    client = {
        "foreign": lambda: program(member(theirs)),
        "reader": lambda: program(member(ours, "read_only")),
        "narrow": lambda: program(installer, "webhooks:read"),
        "nobody": APIClient,
    }[who]()
    own = f"{PATH}{row.uuid}/"
    assert client.get(f"{own}deliveries/").status_code == reads
    for path in ("test/", "rotate-secret/", f"deliveries/{done.uuid}/redeliver/"):
        assert client.post(f"{own}{path}").status_code == changes, path
        assert client.get(f"{own}{path}").status_code in (401, 404, 405), path
    row.refresh_from_db()
    done.refresh_from_db()
    assert (row.previous_secret, done.state, WebhookDelivery.objects.count()) == (None, "given_up", 1)


# Events


def test_events_are_what_webhooks_get(client: APIClient, ours: Organisation) -> None:
    event = event_of(ours)
    (said,) = client.get(EVENTS).json()["data"]
    assert said["id"] == str(event.uuid)
    assert (said["type"], said["data"]) == ("charger.booted", {"n": 0})


def test_events_are_found(client: APIClient, ours: Organisation) -> None:
    now = timezone.now()
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    for number in range(3):
        event_of(ours, number, at=now - timedelta(hours=number))
    event_of(ours, 3, type="charger.connected", charger=charger, at=now - timedelta(hours=3))

    def found(**asked: str) -> list[int]:
        return [row["data"]["n"] for row in client.get(EVENTS, asked).json()["data"]]

    assert found() == [3, 2, 1, 0]
    assert found(type="charger.connected,route.connected") == [3]
    assert found(charger=str(charger.uuid)) == [3]
    assert found(**{"from": (now - timedelta(minutes=90)).isoformat()}) == [1, 0]
    assert found(to=(now - timedelta(minutes=90)).isoformat()) == [3, 2]
    assert client.get(EVENTS, {"type": "nonsense"}).status_code == 400
    assert client.get(EVENTS, {"after": "nonsense"}).status_code == 400


def test_who_polls_asks_for_what_came_after(
    client: APIClient, ours: Organisation, theirs: Organisation
) -> None:
    first = event_of(ours, 0)
    foreign = event_of(theirs, 1)
    for number in range(2, 7):
        event_of(ours, number)
    found: list[int] = []
    following = f"{EVENTS}?after={first.uuid}&page_size=2"
    while following:
        said = client.get(following).json()
        found += [row["data"]["n"] for row in said["data"]]
        following = said["links"]["next"]
    assert found == [2, 3, 4, 5, 6]
    assert client.get(EVENTS, {"after": str(foreign.uuid)}).status_code == 400


def test_events_stay_with_who_had_the_charger(
    client: APIClient, foreign: APIClient, ours: Organisation, theirs: Organisation
) -> None:
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    event_of(ours, charger=charger)
    charger.organisation = theirs
    charger.save()
    assert len(client.get(EVENTS).json()["data"]) == 1
    assert foreign.get(EVENTS).json()["data"] == []
