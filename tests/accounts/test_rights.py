"""Who may do what with whose rows: every role, with own rows, foreign ones, and after the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import Location, Membership, Organisation, User
from accounts.rights import ROLES, permissions_of
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Alarm, Card, Message, PermissionPreset, Route, Transaction

pytestmark = pytest.mark.django_db

NOTHING, SEES, SETS_UP, OWNS = "", "v", "vac", "vacd"
VERBS = {"v": "view", "a": "add", "c": "change", "d": "delete"}
MATRIX: list[tuple[type, str, str, str]] = [
    (Charger, SEES, SETS_UP, OWNS),
    (Backoffice, SEES, SETS_UP, OWNS),
    (Route, SEES, SETS_UP, OWNS),
    (PermissionPreset, SEES, SETS_UP, OWNS),
    (Location, SEES, SETS_UP, OWNS),
    (Card, SEES, SEES, OWNS),
    (Alarm, SEES, SEES, SEES),
    (Message, SEES, SEES, SEES),
    (Transaction, SEES, SEES, SEES),
    (Organisation, NOTHING, NOTHING, NOTHING),
    (Membership, NOTHING, NOTHING, NOTHING),
    (User, NOTHING, NOTHING, NOTHING),
]
"""What one who only reads, an installer, an owner or operator may do with own rows on the admin's pages."""


class World:
    def __init__(self, name: str) -> None:
        self.organisation = Organisation.objects.create(name=name)
        self.charger = Charger.objects.create(identity=name, organisation=self.organisation)
        self.rows: dict[type, Any] = {
            Charger: self.charger,
            Organisation: self.organisation,
            Backoffice: self.organisation.backoffices.create(name=name, url="ws://x/"),
            PermissionPreset: PermissionPreset.objects.create(
                organisation=self.organisation, name=name, role="observe"
            ),
            Location: self.organisation.locations.create(name=name),
            Card: Card.objects.create(organisation=self.organisation, id_tag=name),
            Alarm: Alarm.objects.create(charger=self.charger, kind="x", text="x", raised=timezone.now()),
            Message: Message.objects.create(
                charger=self.charger, at=timezone.now(), exchange=1, direction="up", outcome="answered"
            ),
            Transaction: Transaction.objects.create(charger=self.charger, ocpp_version="1.6"),
        }
        self.rows[Route] = Route.objects.create(
            charger=self.charger, backoffice=self.rows[Backoffice], role="observe"
        )
        self.rows[User] = User.objects.create_user(name)
        self.rows[Membership] = self.organisation.memberships.create(user=self.rows[User], role="operator")


def may(user: User, model: type, row: Any) -> str:
    """Letters of what somebody may do with a row on its page, and whether it is there for them at all."""
    page = admin.site._registry[model]
    request: Any = RequestFactory().get("/")
    request.user = user
    if not page.get_queryset(request).filter(pk=row.pk).exists():
        return NOTHING
    found = [
        letter
        for letter, verb in VERBS.items()
        if getattr(page, f"has_{verb}_permission")(*([request] if verb == "add" else [request, row]))
    ]
    return "".join(found)


def member(organisation: Organisation, role: str, **fields: Any) -> User:
    user = User.objects.create_user(f"{role} of {organisation}")
    organisation.memberships.create(user=user, role=role, **fields)
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("model", "reads", "installs", "owns"), MATRIX, ids=lambda v: getattr(v, "__name__", v)
)
@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may(role, model, reads, installs, owns):
    ours, theirs = World("ours"), World("theirs")
    user = member(ours.organisation, role)
    expected = {"read_only": reads, "installer": installs, "owner": owns, "operator": owns}[role]
    assert may(user, model, ours.rows[model]) == expected
    assert may(user, model, theirs.rows[model]) == NOTHING


@pytest.mark.parametrize("model", [row[0] for row in MATRIX], ids=lambda model: model.__name__)
@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_left_after_the_end(role, model):
    ours = World("ours")
    user = member(ours.organisation, role, ends_at=timezone.now() - timedelta(seconds=1))
    assert may(user, model, ours.rows[model]) == NOTHING
    assert not user.get_all_permissions()


def test_who_owns_here_and_reads_there_changes_only_here():
    ours, theirs = World("ours"), World("theirs")
    user = member(ours.organisation, "owner")
    theirs.organisation.memberships.create(user=user, role="read_only")
    assert may(user, Charger, ours.charger) == OWNS
    assert "c" not in may(user, Charger, theirs.charger)
    assert "v" in may(user, Charger, theirs.charger)


@pytest.mark.parametrize(
    ("role", "granted", "sees"),
    [
        ("operator", False, True),
        ("owner", False, True),
        ("installer", False, False),
        ("installer", True, True),
        ("read_only", True, False),
    ],
)
def test_who_sees_whole_cards(role, granted, sees):
    ours = World("ours")
    user = member(ours.organisation, role, sees_cards=granted)
    assert Charger.objects.with_cards_for(user).exists() is sees
    assert Card.objects.with_cards_for(user).exists() is sees


def test_the_table_names_models_and_rights_that_there_are():
    there = Permission.objects.values_list("content_type__app_label", "codename")
    names = {f"{app}.{codename}" for app, codename in there}
    assert permissions_of(frozenset(ROLES)) <= names


def test_the_admin_lets_a_member_in_without_a_superuser(client):
    ours = World("ours")
    client.force_login(member(ours.organisation, "installer"))
    assert "ours" in client.get("/admin/chargers/charger/").content.decode()


@pytest.mark.parametrize("expired", [True, False], ids=["expired", "no member"])
def test_who_has_no_access_is_told_so_and_sees_nothing_else(client, expired):
    ours = World("ours")
    user = User.objects.create_user("anna", password="right")
    if expired:
        ours.organisation.memberships.create(user=user, role="installer", ends_at=timezone.now())
    form = {"username": "anna", "password": "right", "next": "/admin/"}
    assert client.post("/admin/login/", form).status_code == 302
    assert "There is nothing here for you now" in client.get("/admin/").content.decode()
    assert client.get("/admin/chargers/charger/").status_code == 403
    assert client.get(f"/admin/chargers/charger/{ours.charger.pk}/change/").status_code in (403, 404)
