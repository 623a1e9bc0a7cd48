"""Cards in the admin: whose they are, and what is shown of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from chargers.models import Charger
from routing import tasks
from routing.models import Card, ConfigChange

pytestmark = pytest.mark.django_db

LIST = reverse("admin:routing_card_changelist")
ADD = reverse("admin:routing_card_add")
NUMBER = "04AABBCCDD"


@pytest.fixture
def fleet() -> Organisation:
    return Organisation.objects.create(name="Fleet")


@pytest.fixture
def card(fleet: Organisation) -> Card:
    return Card.objects.create(organisation=fleet, id_tag=NUMBER, label="Van 7", group="GROUP-1234")


def member(client: Any, organisation: Organisation, role: str) -> Any:
    user = User.objects.create_user(f"{role} of {organisation}", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client.force_login(user)
    return client


def page(client: Any, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def test_lists_show_the_last_four_characters(admin_client, card):
    text = page(admin_client, LIST)
    assert "****CCDD" in text
    assert "****1234" in text
    assert NUMBER not in text
    assert "GROUP-1234" not in text


@pytest.mark.parametrize(
    ("term", "found"), [("van", 1), (NUMBER, 1), (NUMBER.lower(), 1), ("04AABBCC", 0), ("CCDD", 0)]
)
def test_cards_are_found_by_label_or_whole_number(admin_client, card, term, found):
    response = admin_client.get(LIST, {"q": term})
    assert len(response.context["cl"].result_list) == found


@pytest.mark.parametrize(("role", "shown"), [("operator", True), ("installer", True), ("read_only", False)])
def test_who_may_change_a_card_sees_its_number(client, fleet, card, role, shown):
    text = page(member(client, fleet, role), reverse("admin:routing_card_change", args=[card.pk]))
    assert (NUMBER in text) is shown
    assert ("GROUP-1234" in text) is shown
    assert "Van 7" in text


def test_cards_of_others_are_not_there(client, fleet, card):
    other = Organisation.objects.create(name="Other")
    stranger = member(client, other, "operator")
    assert "Van 7" not in page(stranger, LIST)
    response = stranger.get(reverse("admin:routing_card_change", args=[card.pk]), follow=True)
    assert NUMBER not in response.content.decode()
    form = {"organisation": fleet.pk, "id_tag": "X", "label": "", "group": ""}
    assert "organisation" in stranger.post(ADD, form).context["adminform"].form.errors
    assert Card.objects.count() == 1


def test_the_same_number_in_small_letters_is_refused(admin_client, fleet, card):
    form = {"organisation": fleet.pk, "id_tag": NUMBER.lower(), "label": "", "group": ""}
    response = admin_client.post(ADD, form)
    assert "already has a card with this number" in response.content.decode()
    form["organisation"] = Organisation.objects.create(name="Other").pk
    assert admin_client.post(ADD, form).status_code == 302


@pytest.mark.parametrize(("action", "blocked"), [("block", True), ("unblock", False)])
def test_cards_are_blocked_from_the_list_and_chargers_are_told(admin_client, fleet, card, action, blocked):
    charger = Charger.objects.create(identity="CP-1", organisation=fleet)
    Card.objects.filter(pk=card.pk).update(blocked=not blocked)
    ConfigChange.objects.all().delete()
    response = admin_client.post(LIST, {"action": action, "_selected_action": card.pk}, follow=True)
    assert [str(m) for m in response.context["messages"]] == [f"1 of 1 cards {action}ed."]
    card.refresh_from_db()
    assert card.blocked is blocked
    assert {row.charger_id for row in ConfigChange.objects.all()} == {charger.pk}
    deed = Deed.objects.get(verb="changed", via="admin")
    assert (deed.words, deed.after) == (f"{action.capitalize()}ed.", {"blocked": blocked})
    assert NUMBER not in str(list(Deed.objects.values()))


def test_a_reader_blocks_nothing(client, fleet, card):
    member(client, fleet, "read_only").post(LIST, {"action": "block", "_selected_action": card.pk})
    card.refresh_from_db()
    assert not card.blocked


def test_queries_do_not_grow_with_rows(admin_client, fleet, card):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(admin_client, LIST)
        return len(queries)

    few = count()
    Card.objects.bulk_create(Card(organisation=fleet, id_tag=f"C{n}") for n in range(30))
    assert count() == few


# -- erasing a person's card -----------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: Any) -> list[Any]:
    """What the task was asked for."""
    found: list[Any] = []
    monkeypatch.setattr(tasks.erase_card, "delay", lambda *args, **kwargs: found.append((args, kwargs)))
    return found


def erase(client: Any, card: Card, **more: Any) -> Any:
    return client.post(LIST, {"action": "erase", "_selected_action": [card.pk], **more})


def test_a_card_is_erased_when_that_is_confirmed(admin_client, card, asked):
    answer = erase(admin_client, card)
    text = answer.content.decode()
    assert "of all chargers" in text
    assert "****CCDD" in text
    assert NUMBER not in text
    assert asked == []
    erase(admin_client, card, confirmed="yes")
    assert asked == [((card.pk, "admin"), {"everywhere": True})]


@pytest.mark.parametrize(("role", "number"), [("installer", 1), ("read_only", 0)])
def test_members_erase_at_chargers_of_their_organisation(client, fleet, card, asked, role, number):
    client = member(client, fleet, role)
    erase(client, card, confirmed="yes")
    assert [of["everywhere"] for _, of in asked] == [False] * number


def test_nobody_erases_cards_of_others(client, card, asked):
    erase(member(client, Organisation.objects.create(name="Other"), "operator"), card, confirmed="yes")
    assert asked == []
