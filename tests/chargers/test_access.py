"""Who can see and do what with a charger, on its own page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger, Transfer
from routing.models import Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours():
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def charger(ours):
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    backoffice = Backoffice.objects.create(name="Billing Ltd", url="ws://x/", organisation=ours)
    Route.objects.create(charger=charger, backoffice=backoffice, role="billing")
    return charger


def member(organisation: Organisation, role: str, name: str = "", **fields: Any) -> Membership:
    name = name or f"{role}-of-{organisation}"
    user = User.objects.create_user(name, email=f"{name}@example.org")
    return organisation.memberships.create(user=user, role=role, **fields)


def page(charger: Charger, rest: str = "") -> str:
    return f"/admin/chargers/charger/{charger.pk}/access/{rest}"


def test_it_says_who_and_what_in_plain_words(client, ours, charger):
    owner = member(ours, "owner")
    member(ours, "installer", ends_at=timezone.now() + timedelta(days=13, hours=1))
    client.force_login(owner.user)
    shown = client.get(page(charger)).content.decode()
    for words in ("installer-of-Ours", "14 days", "Billing Ltd", "sees everything, answers the charger"):
        assert words in shown
    assert "installer-of-Ours@example.org" in shown


def test_an_owner_extends_and_ends_here(client, ours, charger):
    client.force_login(member(ours, "owner").user)
    other = member(ours, "installer", ends_at=timezone.now())
    for lasts, live in (("14", True), ("now", False), ("none", True)):
        assert client.post(page(charger, "do/end/"), {"member": other.pk, "lasts": lasts}).status_code == 302
        other.refresh_from_db()
        assert other.is_live is live


@pytest.mark.parametrize(("role", "status"), [("installer", 403), ("read_only", 403)])
def test_others_look_only_and_see_no_address(client, ours, charger, role, status):
    owner = member(ours, "owner")
    own = member(ours, role, ends_at=timezone.now() + timedelta(days=1))
    client.force_login(own.user)
    shown = client.get(page(charger)).content.decode()
    assert "owner-of-Ours" in shown
    assert "owner-of-Ours@" not in shown
    assert "Offer this charger" not in shown
    form = {"member": owner.pk, "lasts": "now"}
    assert client.post(page(charger, "do/end/"), form).status_code == status
    client.post(page(charger, "do/offer/"))
    assert not Transfer.objects.exists()


def test_a_foreign_owner_finds_nothing(client, charger):
    theirs = Organisation.objects.create(name="Theirs")
    client.force_login(member(theirs, "owner").user)
    assert client.get(page(charger)).status_code == 404
    for name in ("end", "offer", "take-back"):
        assert client.post(page(charger, f"do/{name}/")).status_code == 404
        assert client.get(page(charger, f"do/{name}/")).status_code in (404, 405)


def test_an_owner_here_ends_nobody_elsewhere(client, ours, charger):
    foreign = member(Organisation.objects.create(name="Theirs"), "installer")
    client.force_login(member(ours, "owner").user)
    answer = client.post(page(charger, "do/end/"), {"member": foreign.pk, "lasts": "now"})
    assert answer.status_code == 404


def test_a_charger_of_nobody_is_said_to_be_so(admin_client):
    charger = Charger.objects.create(identity="alone")
    assert "belongs to no organisation" in admin_client.get(page(charger)).content.decode()
    assert admin_client.post(page(charger, "do/end/")).status_code == 403


def test_the_page_takes_as_many_queries_for_many_as_for_few(client, ours, charger, django_assert_num_queries):
    client.force_login(member(ours, "owner").user)
    client.get(page(charger))
    with CaptureQueriesContext(connection) as few:
        client.get(page(charger))
    for number in range(9):
        member(ours, "installer", f"more-{number}")
        backoffice = Backoffice.objects.create(name=f"b{number}", url="ws://x/", organisation=ours)
        Route.objects.create(charger=charger, backoffice=backoffice, role="observe")
    with django_assert_num_queries(len(few)):
        client.get(page(charger))


@pytest.mark.parametrize("email", ["nobody", "@".join(("x" * 250, "example.org"))], ids=["none", "too long"])
def test_an_offer_to_what_is_no_address_is_refused(client, ours, charger, email):
    client.force_login(member(ours, "owner").user)
    answer = client.post(page(charger, "do/offer/"), {"email": email}, follow=True)
    assert "not an e-mail address" in answer.content.decode()
    assert not Transfer.objects.exists()
