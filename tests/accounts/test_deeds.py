"""Deeds are only ever added, belong to an organisation, and outlive whom and what they are about."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.acting import Via, acting
from accounts.deeds import Deed, Unalterable, did
from accounts.models import Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def charger():
    return Charger.objects.create(identity="CP-1", organisation=Organisation.objects.create(name="Ours"))


@pytest.fixture
def anna():
    return User.objects.create_user("anna")


@pytest.fixture
def member(charger):
    member = User.objects.create_user("member")
    charger.organisation.memberships.create(user=member, role="installer")
    return member


def noted(subject, words="Looked at it.", **values):
    did(subject, words, **values)
    return Deed.objects.latest("id")


def test_a_deed_says_who_what_when_from_where(charger, anna):
    with acting(anna, via=Via.API, address="10.0.0.1", correlation_id="run-1"):
        deed = noted(charger, details={"rows": 3})
    assert timezone.now() - deed.at < timedelta(minutes=1)
    assert (deed.actor, deed.actor_name, deed.via) == (anna, "anna", "api")
    assert (deed.address, deed.correlation_id, deed.verb) == ("10.0.0.1", "run-1", "did")
    assert (deed.subject_type, deed.subject_id, deed.subject_name) == (
        "chargers.charger",
        str(charger.pk),
        "CP-1",
    )
    assert (deed.charger_id, deed.charger_name) == (charger.pk, "CP-1")
    assert (deed.organisation, deed.organisation_name) == (charger.organisation, "Ours")
    assert (deed.after, deed.words) == ({"rows": 3}, "Looked at it.")


def test_what_belongs_to_a_charger_belongs_to_its_organisation(charger):
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/")
    route = Route.objects.create(charger=charger, backoffice=backoffice, role="energy")
    alarm = charger.alarms.create(kind="x", text="x", raised=timezone.now())
    for row in (route, alarm):
        deed = noted(row)
        assert (deed.charger_id, deed.organisation) == (charger.pk, charger.organisation)
    assert noted(backoffice).organisation is None


def test_something_about_an_organisation_as_a_whole(charger, member):
    deed = noted(None, "Exported 3 messages.", organisation=charger.organisation)
    assert Deed.objects.visible_to(member).filter(pk=deed.pk).exists()
    assert not Deed.objects.visible_to(member).filter(pk=noted(None).pk).exists()


def test_who_sees_what(charger, member, anna, admin_user):
    theirs = Charger.objects.create(identity="X", organisation=Organisation.objects.create(name="Theirs"))
    mine, foreign, account = noted(charger), noted(theirs), noted(anna)
    assert mine in Deed.objects.visible_to(member)
    assert not {foreign, account} & set(Deed.objects.visible_to(member))
    assert {mine, foreign, account} <= set(Deed.objects.visible_to(admin_user))
    assert not Deed.objects.visible_to(anna)


def test_it_outlives_actor_subject_and_organisation(charger, anna, member):
    with acting(anna, via=Via.ADMIN):
        deed = noted(charger)
    organisation = charger.organisation
    charger.delete()
    assert deed in Deed.objects.visible_to(member)
    anna.delete()
    organisation.delete()
    deed.refresh_from_db()
    assert (deed.actor, deed.actor_name) == (None, "anna")
    assert (deed.subject_name, deed.charger_name) == ("CP-1", "CP-1")
    assert (deed.organisation, deed.organisation_name) == (None, "Ours")


@pytest.mark.parametrize(
    "act",
    [
        lambda deed: deed.save(),
        lambda deed: deed.delete(),
        lambda deed: Deed.objects.update(words="x"),
        lambda deed: Deed.objects.filter(pk=deed.pk).delete(),
        lambda deed: Deed.objects.bulk_update([deed], ["words"]),
        lambda deed: Deed.objects.update_or_create(pk=deed.pk, defaults={"words": "x"}),
        lambda deed: Deed.objects.bulk_create(
            [deed], update_conflicts=True, update_fields=["words"], unique_fields=["id"]
        ),
        lambda deed: Deed(pk=deed.pk, words="x", via="admin", verb="did").save(),
    ],
    ids=[
        *("save", "delete", "update", "delete_rows"),
        *("bulk_update", "update_or_create", "upsert", "other_row"),
    ],
)
def test_it_is_only_ever_added(act, charger):
    deed = noted(charger)
    deed.words = "x"
    with pytest.raises(Exception) as refused:  # noqa: PT011  # ours, or the database's own
        act(deed)
    assert type(refused.value).__name__ in ("Unalterable", "IntegrityError")


@pytest.mark.parametrize("act", ["save", "delete"])
def test_the_error_says_what_to_do(act, charger):
    deed = noted(charger)
    with pytest.raises(Unalterable, match=r"add another deed|retention calls drop"):
        getattr(deed, act)()
    assert Deed.objects.get(pk=deed.pk).words == "Looked at it."


def test_retention_drops_what_is_old_a_part_at_a_time(charger):
    Deed.objects.all().drop()
    now = timezone.now()
    for days in (0, 800, 900, 1000):
        Deed.objects.create(at=now - timedelta(days=days), via="admin", verb="did", words=str(days))
    old = Deed.objects.filter(at__lt=now - timedelta(days=730))
    assert [old.drop(most=2), old.drop(most=2), old.drop(most=2)] == [2, 1, 0]
    assert [deed.words for deed in Deed.objects.all()] == ["0"]
