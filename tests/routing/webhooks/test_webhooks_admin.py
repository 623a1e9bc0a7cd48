"""Webhooks in the admin: the secret is shown once, and only members who may change things try them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from routing.models import Event, Webhook, WebhookDelivery
from routing.webhooks import service
from tests.routing.webhooks.conftest import event, secret_of, webhook
from tests.routing.webhooks.world import chargers

pytestmark = pytest.mark.django_db
LIST = "/admin/routing/webhook/"
URL = "https://hooks.example/T0P/S3CR3T"


@pytest.fixture
def ours() -> Organisation:
    return Organisation.objects.create(name="Ours")


def person(organisation: Organisation, role: str = "installer") -> User:
    user = User.objects.create_user(f"{role} of {organisation}")
    Membership.objects.create(user=user, organisation=organisation, role=role)
    return user


def delivered(row: Webhook, **values: Any) -> WebhookDelivery:
    values = {"state": "given_up", "attempts": 7, "error": "answered 500"} | values
    return WebhookDelivery.objects.create(
        webhook=row, event=event(organisation=row.organisation), tried_at=timezone.now(), **values
    )


def made(client: Any, whose: Organisation, **more: Any) -> Any:
    form = {"url": URL, "organisation": whose.pk, "events": ["charger.booted"], "enabled": "on"}
    return client.post(f"{LIST}add/", form | more)


def shown(answer: Any) -> str:
    return str(answer.content.decode()).partition('id="secret" class="p-mono">')[2].partition("<")[0]


def test_the_secret_is_shown_once(client: Any, ours: Organisation) -> None:
    user = person(ours)
    client.force_login(user)
    answer = made(client, ours)
    assert answer.status_code == 200
    row = Webhook.objects.get()
    assert (shown(answer), row.created_by, row.events) == (secret_of(row), user, ["charger.booted"])
    assert "no-store" in answer.headers["Cache-Control"]
    for page in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/"):
        assert shown(answer) not in client.get(page).content.decode()
    assert shown(answer) not in str(list(Deed.objects.values()))
    deed = Deed.objects.get(verb="added", subject_type="routing.webhook")
    assert (deed.actor, deed.after["secret"]) == (user, "set")


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://x/"}, {"url": "https://u:p@x/"}, {"events": ["nonsense"]}, {"organisation": ""}],
    ids=str,
)
def test_what_is_wrong_makes_none(client: Any, ours: Organisation, wrong: dict[str, Any]) -> None:
    client.force_login(person(ours))
    assert made(client, ours, **wrong).context["adminform"].form.errors
    assert not Webhook.objects.exists()


def test_it_is_tried_renewed_and_sent_again(client: Any, ours: Organisation) -> None:
    client.force_login(person(ours))
    row = webhook(URL, ours)
    old, done = secret_of(row), delivered(row)
    assert client.post(f"{LIST}{row.pk}/test/").status_code == 302
    assert Event.objects.filter(type="webhook.test").count() == 1
    new = shown(client.post(f"{LIST}{row.pk}/rotate/"))
    row = Webhook.objects.get()
    assert service.secrets_of(row) == [new, old]
    assert client.post(f"{LIST}{row.pk}/deliveries/{done.uuid}/redeliver/").status_code == 302
    done.refresh_from_db()
    assert done.state == "pending"
    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "webhook.test" in page
    assert new not in page


def test_switching_it_on_again_begins_anew(client: Any, ours: Organisation) -> None:
    client.force_login(person(ours))
    row = webhook(URL, ours, enabled=False)
    Webhook.objects.update(disabled_reason="Gone.", failing_since=timezone.now(), failures=3)
    assert "Gone." in client.get(f"{LIST}{row.pk}/change/").content.decode()
    client.post(f"{LIST}{row.pk}/change/", {"url": URL, "enabled": "on"})
    row.refresh_from_db()
    assert (row.enabled, row.disabled_reason, row.failing_since, row.failures) == (True, "", None, 0)


ACTIONS = ("test/", "rotate/", "deliveries/{}/redeliver/")


@pytest.mark.parametrize(("who", "status"), [("foreign", 404), ("read_only", 403), ("nobody", 302)])
@pytest.mark.parametrize("action", ACTIONS)
def test_others_do_nothing(client: Any, ours: Organisation, who: str, status: int, action: str) -> None:
    row = webhook(URL, ours)
    done = delivered(row)
    before = row.secret
    if who == "foreign":
        client.force_login(person(Organisation.objects.create(name="Theirs")))
    elif who == "read_only":
        client.force_login(person(ours, "read_only"))
    address = f"{LIST}{row.pk}/{action.format(done.uuid)}"
    assert client.post(address).status_code == status
    row.refresh_from_db()
    done.refresh_from_db()
    assert (row.secret, done.state, WebhookDelivery.objects.count()) == (before, "given_up", 1)


@pytest.mark.parametrize("action", ACTIONS)
def test_looking_does_nothing(client: Any, ours: Organisation, action: str) -> None:
    client.force_login(person(ours))
    row = webhook(URL, ours)
    assert client.get(f"{LIST}{row.pk}/{action.format(delivered(row).uuid)}").status_code == 405


def test_a_delivery_of_another_webhook_is_not_sent_again(client: Any, ours: Organisation) -> None:
    client.force_login(person(ours))
    row, other = webhook(URL, ours), webhook(URL, ours)
    assert client.post(f"{LIST}{row.pk}/deliveries/{delivered(other).uuid}/redeliver/").status_code == 404


def test_a_charger_of_others_is_not_chosen(client: Any, ours: Organisation) -> None:
    theirs = chargers().create(identity="CP-9", organisation=Organisation.objects.create(name="Theirs"))
    client.force_login(person(ours))
    assert "charger" in made(client, ours, charger=theirs.pk).context["adminform"].form.errors


def test_who_only_reads_sees_neither_path_nor_buttons(client: Any, ours: Organisation) -> None:
    row = webhook(URL, ours)
    delivered(row)
    client.force_login(person(ours, "read_only"))
    for page in (LIST, f"{LIST}{row.pk}/change/"):
        text = client.get(page).content.decode()
        assert "hooks.example" in text
        assert "S3CR3T" not in text
        assert "formaction" not in text


def test_the_page_takes_a_fixed_number_of_queries(
    client: Any, ours: Organisation, django_assert_num_queries: Any
) -> None:
    client.force_login(person(ours))
    row = webhook(URL, ours)
    delivered(row)
    client.get(f"{LIST}{row.pk}/change/")
    with CaptureQueriesContext(connection) as few:
        client.get(f"{LIST}{row.pk}/change/")
    for _ in range(9):
        delivered(row)
    with django_assert_num_queries(len(few)):
        client.get(f"{LIST}{row.pk}/change/")
