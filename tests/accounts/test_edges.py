"""What Django does with people: logins, groups and rights."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from accounts import edges
from accounts.deeds import Deed
from accounts.models import User

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


@pytest.fixture
def anna():
    return User.objects.create_user("anna", password="right", is_staff=True)


@pytest.fixture(autouse=True)
def group(anna):
    group = Group.objects.create(name="Installers")
    Deed.objects.all().drop()
    return group


def deeds():
    return list(Deed.objects.order_by("id").values_list("verb", "subject_name", "before", "after"))


def test_a_login_and_its_end(client, anna):
    client.post(LOGIN, {"username": "anna", "password": "right"}, REMOTE_ADDR="10.0.0.1")
    client.post(reverse("admin:logout"))
    logged_in, logged_out = Deed.objects.order_by("id")
    assert [deed.verb for deed in (logged_in, logged_out)] == ["logged_in", "logged_out"]
    for deed in (logged_in, logged_out):
        assert (deed.actor, deed.subject_name, deed.via, deed.organisation) == (anna, "anna", "admin", None)
    assert logged_in.address == "10.0.0.1"


def test_a_login_that_fails_names_the_account_but_nobody_as_the_actor(client):
    client.post(LOGIN, {"username": "anna", "password": "wrong-zebra"}, REMOTE_ADDR="10.0.0.1")
    (deed,) = Deed.objects.all()
    assert (deed.verb, deed.subject_name, deed.actor_name) == ("login_failed", "anna", "")
    assert deed.address == "10.0.0.1"


def test_a_name_that_nobody_has_may_be_a_password_and_is_not_stored(client):
    client.post(LOGIN, {"username": "zebra-secret", "password": "zebra-secret"})
    assert "zebra" not in str(list(Deed.objects.values()))
    assert Deed.objects.get().words == "Failed to log in, with a name that nobody has."


def test_nobody_fills_the_table_by_guessing(client, monkeypatch):
    monkeypatch.setattr(edges, "MOST_FAILURES", 2)
    for _ in range(4):
        client.post(LOGIN, {"username": "anna", "password": "wrong"})
    assert Deed.objects.count() == 2


def test_groups_of_a_user(anna, group):
    anna.groups.add(group)
    anna.groups.add(group)
    group.user_set.remove(anna)
    group.user_set.remove(anna)
    group.user_set.add(anna)
    anna.groups.clear()
    has = {"groups": ["Installers"]}
    pairs: list[Any] = [({}, has), (has, {})] * 2
    assert deeds() == [("changed", "anna", *pair) for pair in pairs]
    assert Deed.objects.latest("id").words == "Took groups from user anna."


def test_rights_of_users_and_groups(anna, group):
    one, other = Permission.objects.filter(codename__in=("view_charger", "add_charger")).order_by("codename")
    anna.user_permissions.set([one])
    group.permissions.set([one, other])
    group.permissions.set([other])
    assert [(verb, subject) for verb, subject, _, _ in deeds()] == [
        ("changed", "anna"),
        ("changed", "Installers"),
        ("changed", "Installers"),
    ]
    assert deeds()[1][3] == {"permissions": sorted([str(one), str(other)])}
    assert deeds()[2][2] == {"permissions": [str(one)]}


def test_groups_themselves(group):
    group.name = "Fitters"
    group.save()
    group.save()
    group.delete()
    Group.objects.create(name="New")
    assert deeds() == [
        ("changed", "Fitters", {"name": "Installers"}, {"name": "Fitters"}),
        ("deleted", "Fitters", {"name": "Fitters"}, {}),
        ("added", "New", {}, {"name": "New"}),
    ]
