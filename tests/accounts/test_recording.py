"""Whoever changes what people decide about leaves a deed, in the same transaction; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.acting import Via, acting
from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.admission import adopt
from chargers.models import Charger
from routing import loading
from routing.models import Card, ChargerSession, DefaultRoute, GuardOverride, Route, RouteState
from tests.databases import Database

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def world(database: Database) -> None:
    ours, theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Theirs"))
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/", organisation=ours)
    for number in (1, 2):
        charger = Charger.objects.create(identity=f"CP-{number}", organisation=ours)
        Route.objects.create(charger=charger, backoffice=backoffice, role="energy")
    Charger.objects.create(identity="X", organisation=theirs)
    anna = User.objects.create_user("anna")
    Membership.objects.create(user=anna, organisation=ours, role="installer")
    Card.objects.create(organisation=ours, id_tag="DEADBEEF01", label="Fleet 1")
    Deed.objects.all().drop()


def deeds() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Verb, subject, before and after of each deed, the first first."""
    found = Deed.objects.order_by("id").values_list("verb", "subject_name", "before", "after")
    return list(found)


def charger(number: int = 1) -> Charger:
    return Charger.objects.get(identity=f"CP-{number}")


def test_saving_records_what_has_changed() -> None:
    row = charger()
    row.label, row.options = "Gate", {"ping": 60}
    row.save()
    assert deeds() == [
        ("changed", "CP-1", {"label": "", "options": {}}, {"label": "Gate", "options": {"ping": 60}})
    ]
    assert Deed.objects.get().words == "Changed label, options of charger CP-1."
    row.save()
    assert len(deeds()) == 1


def test_only_what_is_stored_is_recorded() -> None:
    row = charger()
    row.label, row.enabled = "Gate", False
    row.save(update_fields=["enabled"])
    assert deeds() == [("changed", "CP-1", {"enabled": True}, {"enabled": False})]


def test_a_new_row_and_one_that_goes() -> None:
    row = Backoffice.objects.create(name="billing", url="wss://billing/", password=b"zebra")
    has = {"name": "billing", "url": "wss://billing/", "password": "set", "enabled": True, "catch_up": 20}
    row.delete()
    assert deeds() == [("added", "billing", {}, has), ("deleted", "billing", has, {})]
    assert [deed.words for deed in Deed.objects.order_by("id")] == [
        "Added backoffice billing.",
        "Deleted backoffice billing.",
    ]


def test_an_update_records_each_row_that_it_changes() -> None:
    Charger.objects.filter(pk=charger(2).pk).update(enabled=False)
    Charger.objects.filter(identity__startswith="CP", enabled=True).update(enabled=False)
    changed = {"enabled": True}, {"enabled": False}
    assert deeds() == [("changed", "CP-2", *changed), ("changed", "CP-1", *changed)]
    Charger.objects.update(enabled=False)
    assert [subject for _, subject, _, _ in deeds()] == ["CP-2", "CP-1", "X"]


def test_rows_at_once_are_recorded_each() -> None:
    made = Card.objects.bulk_create(
        Card(organisation=charger().organisation, id_tag=f"CARD-00{n}", label=f"Fleet {n}") for n in (2, 3)
    )
    for card in made:
        card.blocked = True
    Card.objects.bulk_update(made, ["blocked"])
    assert [(verb, subject) for verb, subject, _, _ in deeds()] == [
        *(("added", f"****-00{n} Fleet {n}") for n in (2, 3)),
        *(("changed", f"****-00{n} Fleet {n}") for n in (2, 3)),
    ]


@pytest.mark.parametrize("rows", [False, True], ids=["row", "rows"])
def test_what_goes_with_a_row_is_recorded(rows: bool) -> None:
    route = charger().routes.get()
    GuardOverride.objects.create(route=route, until=timezone.now(), reason="why", by="anna")
    Deed.objects.all().drop()
    _ = Charger.objects.filter(identity="CP-1").delete() if rows else charger().delete()
    assert {(verb, subject) for verb, subject, _, _ in deeds() if "until" not in subject} == {
        ("deleted", "CP-1"),
        ("deleted", "CP-1 to energy"),
    }
    assert Deed.objects.filter(subject_type="routing.guardoverride", verb="deleted").count() == 1
    assert {deed.organisation_name for deed in Deed.objects.all()} == {"Ours"}


def test_an_organisation_goes_with_what_it_had() -> None:
    Charger.objects.filter(organisation__name="Ours").delete()
    Backoffice.objects.all().delete()
    Deed.objects.all().drop()
    Organisation.objects.get(name="Ours").delete()
    assert {deed.subject_type for deed in Deed.objects.all()} == {
        "accounts.organisation",
        "accounts.membership",
        "routing.card",
    }
    assert not Deed.objects.exclude(organisation=None).exists()


def test_a_row_that_changes_hands_shows_neither_side_the_other() -> None:
    row = charger()
    row.organisation, row.label = Organisation.objects.get(name="Theirs"), "Gate"
    row.save()
    assert deeds() == [
        ("changed", "CP-1", {"organisation": "Ours", "label": ""}, {}),
        ("changed", "CP-1", {}, {"organisation": "Theirs", "label": "Gate"}),
    ]
    assert [deed.organisation_name for deed in Deed.objects.order_by("id")] == ["Ours", "Theirs"]


@pytest.mark.parametrize("was", ["nobody", "Ours"])
def test_a_row_that_was_nobodys_or_becomes_it_is_seen_by_the_one(was: str) -> None:
    row = charger()
    if was == "nobody":
        Charger.objects.filter(pk=row.pk).update(organisation=None)
        row.refresh_from_db()
        Deed.objects.all().drop()
    row.organisation = Organisation.objects.get(name="Ours") if was == "nobody" else None
    row.save()
    (deed,) = Deed.objects.all()
    assert deed.organisation_name == "Ours"
    assert {deed.before["organisation"], deed.after["organisation"]} == {"Ours", None}


def test_what_fails_or_is_rolled_back_leaves_nothing() -> None:
    with transaction.atomic():
        charger().delete()
        transaction.set_rollback(True)
    with pytest.raises(Exception, match=r"(?i)unique"):  # each database has its own error
        Charger.objects.create(identity="CP-2")
    with pytest.raises(ProtectedError):  # it has chargers
        Organisation.objects.get(name="Ours").delete()
    assert deeds() == []


def test_users_memberships_and_passwords() -> None:
    anna = User.objects.get()
    anna.is_superuser = True
    anna.set_password("zebra")
    anna.save()
    Membership.objects.update(role="operator")
    assert deeds() == [
        (
            "changed",
            "anna",
            {"password": "set", "is_superuser": False},
            {"password": "changed", "is_superuser": True},
        ),
        ("changed", "anna in Ours", {"role": "installer"}, {"role": "operator"}),
    ]
    whose = dict(Deed.objects.values_list("subject_name", "organisation_name"))
    assert whose == {"anna": "", "anna in Ours": "Ours"}


def test_a_login_is_not_a_change_of_the_user() -> None:
    anna = User.objects.get()
    anna.last_login = timezone.now()
    anna.save(update_fields=["last_login"])
    User.objects.update(last_login=timezone.now())
    assert deeds() == []


def test_a_hash_that_is_renewed_is_not_another_password() -> None:
    anna = User.objects.get()
    anna.password = "sha1$old"
    anna.save(update_fields=["password"])
    assert Deed.objects.get().words == "The hash of the password was renewed."


def test_what_a_backoffice_sets_is_its_own_deed() -> None:
    route = charger().routes.get()
    with acting(User.objects.get(), via=Via.ADMIN, address="10.0.0.1"):
        loading.set_password(route.pk, b"zebra")
    (deed,) = Deed.objects.all()
    assert (deed.via, deed.actor, deed.actor_name, deed.address) == ("backoffice", None, "energy", "")
    assert (deed.before["password"], deed.after["password"]) == (None, "set")
    assert deed.charger_name == "CP-1"


def test_an_adopted_charger_and_its_routes() -> None:
    DefaultRoute.objects.create(backoffice=Backoffice.objects.get(), role="energy")
    Deed.objects.all().drop()
    with acting(via=Via.CHARGER, actor_name="new", address="10.0.0.1"):
        adopt("new")
        adopt("new")
    assert [(verb, subject) for verb, subject, _, _ in deeds()] == [
        ("added", "new"),
        ("added", "new to energy"),
    ]


def test_what_the_traffic_writes_is_nobodys_deed() -> None:
    session = ChargerSession.objects.create(charger=charger(), online=True)
    session.save()
    RouteState.objects.create(route=charger().routes.get(), state="connected", since=timezone.now())
    RouteState.objects.update(state="away")
    ChargerSession.objects.all().delete()
    assert deeds() == []


def test_many_rows_take_few_queries(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(30):
        Charger.objects.bulk_create(Charger(identity=f"N-{number}") for number in range(400))
    with django_assert_max_num_queries(30):
        Charger.objects.filter(identity__startswith="N-").update(label="x")
    with django_assert_max_num_queries(60):
        Charger.objects.filter(identity__startswith="N-").delete()
    assert Deed.objects.filter(subject_name="N-7").count() == 3
