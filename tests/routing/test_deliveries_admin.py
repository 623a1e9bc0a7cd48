"""The outbox in the admin: dead letters are sent again or discarded by those whose they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import replaying
from routing.models import Delivery, Message, Route

pytestmark = pytest.mark.django_db

LIST = reverse("admin:routing_delivery_changelist")
CARD = "04AABBCCDD"


@pytest.fixture
def fleet() -> Organisation:
    return Organisation.objects.create(name="Fleet")


@pytest.fixture
def route(fleet: Organisation) -> Route:
    charger = Charger.objects.create(identity="CP-1", organisation=fleet)
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/", organisation=fleet)
    return Route.objects.create(charger=charger, backoffice=backoffice, role="control")


def letter(route: Route, seq: int, **fields: Any) -> Delivery:
    values = {
        "exchange": seq, "at": timezone.now() - timedelta(days=3), "action": "StartTransaction",
        "payload": f'{{"idTag":"{CARD}"}}', "dead": True, "attempts": 3, "error": "InternalError: no",
    }  # fmt: skip
    return Delivery.objects.create(charger=route.charger, route=route, seq=seq, **(values | fields))


def member(client: Any, organisation: Organisation, role: str) -> Any:
    user = User.objects.create_user(f"{role} of {organisation}", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client.force_login(user)
    return client


@pytest.fixture
def installer(client: Any, fleet: Organisation) -> Any:
    return member(client, fleet, "installer")


@pytest.fixture
def foreigner(client: Any) -> Any:
    return member(client, Organisation.objects.create(name="Others"), "installer")


@pytest.fixture
def reader(client: Any, fleet: Organisation) -> Any:
    return member(client, fleet, "read_only")


def act(client: Any, action: str, *rows: Delivery, **more: str) -> Any:
    keys = [row.pk for row in rows]
    return client.post(LIST, {"action": action, "_selected_action": keys, **more}, follow=True)


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_the_list_says_what_is_wrong_and_for_how_long(installer: Any, route: Route) -> None:
    letter(route, 1)
    text = installer.get(LIST).content.decode()
    for word in ("CP-1", "energy", "StartTransaction", "dead letter", "InternalError: no", "3\xa0days"):
        assert word in text


@pytest.mark.parametrize(("query", "seqs"), [("dead", [1]), ("waiting", [2]), ("", [2, 1])])
def test_dead_letters_and_what_waits(installer: Any, route: Route, query: str, seqs: list[int]) -> None:
    letter(route, 1)
    letter(route, 2, dead=False)
    rows = installer.get(LIST, {"letters": query} if query else {}).context["cl"].result_list
    assert [row.seq for row in rows] == seqs


def test_by_backoffice_of_ones_own(installer: Any, route: Route) -> None:
    letter(route, 1)
    other = Backoffice.objects.create(name="Zebra", url="ws://x/")
    response = installer.get(LIST, {"backoffice": route.backoffice_id})
    assert len(response.context["cl"].result_list) == 1
    assert "Zebra" not in response.content.decode()
    assert len(installer.get(LIST, {"backoffice": other.pk}).context["cl"].result_list) == 0
    for wrong in ("x", "9" * 19):
        assert len(installer.get(LIST, {"backoffice": wrong}).context["cl"].result_list) == 0


def test_letters_are_sent_again(installer: Any, route: Route) -> None:
    first, second = letter(route, 1), letter(route, 2)
    assert told(act(installer, "send_again", first)) == ["1 dead letter is sent again, behind what waits."]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.dead, second.dead) == (False, True)


def test_discarding_asks_first(installer: Any, route: Route) -> None:
    row = letter(route, 1)
    response = act(installer, "discard", row)
    text = response.content.decode()
    assert "1 dead letter will be discarded for good" in text
    assert "CP-1 to energy: 1" in text
    assert Delivery.objects.exists()
    assert told(act(installer, "discard", row, confirmed="yes")) == ["1 dead letter discarded."]
    assert not Delivery.objects.exists()
    assert Message.objects.get().outcome == "dropped"


def test_all_that_the_filter_finds_may_be_chosen(installer: Any, route: Route) -> None:
    rows = [letter(route, seq) for seq in range(1, 4)]
    page = act(installer, "discard", rows[0], select_across="1").content.decode()
    assert "3 dead letters will be discarded" in page
    assert 'name="select_across" value="1"' in page
    act(installer, "discard", rows[0], select_across="1", confirmed="yes")
    assert not Delivery.objects.exists()


def test_what_waits_is_not_discarded(installer: Any, route: Route) -> None:
    row = letter(route, 1, dead=False)
    assert told(act(installer, "discard", row)) == ["None of these is a dead letter that you may discard."]
    act(installer, "discard", row, confirmed="yes")
    assert Delivery.objects.exists()


@pytest.mark.parametrize("action", ["send_again", "discard"])
@pytest.mark.parametrize("who", ["foreigner", "reader"])
def test_nobody_else_decides(request: Any, route: Route, who: str, action: str) -> None:
    client = request.getfixturevalue(who)
    row = letter(route, 1)
    act(client, action, row, confirmed="yes")
    row.refresh_from_db()
    assert row.dead


@pytest.mark.parametrize("action", ["send_again", "discard"])
def test_nothing_happens_by_a_get(installer: Any, route: Route, action: str) -> None:
    row = letter(route, 1)
    installer.get(LIST, {"action": action, "_selected_action": row.pk, "confirmed": "yes"})
    row.refresh_from_db()
    assert row.dead


def test_who_may_not_change_routes_is_not_offered_it(client: Any, fleet: Organisation, route: Route) -> None:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_delivery"))
    Membership.objects.create(user=user, organisation=fleet, role="read_only")
    client.force_login(user)
    row = letter(route, 1)
    assert "send_again" not in client.get(LIST).content.decode()
    act(client, "send_again", row)
    row.refresh_from_db()
    assert row.dead


def test_the_payload_is_for_those_who_see_cards(
    installer: Any, client: Any, route: Route, fleet: Organisation
) -> None:
    url = reverse("admin:routing_delivery_change", args=[letter(route, 1).pk])
    assert CARD in installer.get(url).content.decode()
    assert CARD not in member(client, fleet, "read_only").get(url).content.decode()


def test_a_foreign_letter_is_not_there(foreigner: Any, route: Route) -> None:
    url = reverse("admin:routing_delivery_change", args=[letter(route, 1).pk])
    assert foreigner.get(url).status_code == 404


def test_the_list_takes_as_many_queries_for_many_letters(installer: Any, route: Route) -> None:
    letter(route, 1)
    installer.get(LIST)
    with CaptureQueriesContext(connection) as few:
        installer.get(LIST)
    for seq in range(2, 12):
        letter(route, seq)
    with CaptureQueriesContext(connection) as many:
        installer.get(LIST)
    assert len(few) == len(many)


# Replay


def replay_page(route: Route) -> str:
    return reverse("admin:routing_route_replay", args=[route.pk])


def sent(route: Route, exchange: int) -> None:
    common = {"charger": route.charger, "at": timezone.now(), "exchange": exchange, "direction": "up",
              "action": "StartTransaction", "message_id": "m", "outcome": "answered"}  # fmt: skip
    Message.objects.create(**common, text=f'[2,"m","StartTransaction",{{"connectorId":{exchange}}}]')
    Message.objects.create(**common, route=route)


def test_a_route_leads_to_its_messages_and_to_their_replay(installer: Any, route: Route) -> None:
    text = installer.get(reverse("admin:routing_route_change", args=[route.pk])).content.decode()
    assert replay_page(route) in text
    listed = f"{LIST}?route__id__exact={route.pk}&amp;letters=dead"
    assert listed in text.replace("&letters", "&amp;letters")
    letter(route, 1)
    rows = installer.get(LIST, {"route__id__exact": route.pk, "letters": "dead"}).context["cl"].result_list
    assert len(rows) == 1


def test_what_was_sent_since_is_queued_again(installer: Any, route: Route) -> None:
    sent(route, 1)
    sent(route, 2)
    assert "Send again" in installer.get(replay_page(route)).content.decode()
    response = installer.post(replay_page(route), {"since": "1970-01-01T00:00"}, follow=True)
    assert told(response) == ["2 messages are sent again, behind what waits."]
    assert response.redirect_chain[-1][0] == reverse("admin:routing_route_change", args=[route.pk])
    waiting = Delivery.objects.order_by("seq").values_list("exchange", "payload", "dead")
    assert list(waiting) == [(1, '{"connectorId":1}', False), (2, '{"connectorId":2}', False)]
    response = installer.post(replay_page(route), {"since": "1970-01-01T00:00"}, follow=True)
    assert told(response)[-1] == (
        "0 messages are sent again, behind what waits. 2 more wait already, or are dead letters."
    )


@pytest.mark.parametrize(
    ("since", "problem"),
    [
        ("", "required"),
        ("yesterday", "Enter a valid date/time."),
        ("2999-01-01T00:00", "2999-01-01 00:00 UTC is in the future"),
    ],
)
def test_a_date_that_makes_no_sense(installer: Any, route: Route, since: str, problem: str) -> None:
    sent(route, 1)
    response = installer.post(replay_page(route), {"since": since})
    assert problem in response.content.decode()
    assert not Delivery.objects.exists()


def test_too_much_is_said_on_the_page(installer: Any, route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "MOST", 1)
    sent(route, 1)
    sent(route, 2)
    response = installer.post(replay_page(route), {"since": "1970-01-01T00:00"})
    assert "more than 1 messages were sent to CP-1 to energy" in response.content.decode()


@pytest.mark.parametrize(("who", "status"), [("foreigner", 404), ("reader", 403)])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_else_replays(request: Any, route: Route, who: str, status: int, method: str) -> None:
    client = request.getfixturevalue(who)
    sent(route, 1)
    response = getattr(client, method)(replay_page(route), {"since": "1970-01-01T00:00"})
    assert response.status_code == status
    assert not Delivery.objects.exists()
