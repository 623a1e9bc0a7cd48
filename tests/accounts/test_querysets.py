from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return User.objects.create_user("installer")


@pytest.fixture
def organisations():
    """Ours, theirs, and a charger and a backoffice of each, besides those of nobody."""
    made = [Organisation.objects.create(name=name) for name in ("ours", "theirs")]
    for owner in [*made, None]:
        name = owner.name if owner else "nobody"
        Charger.objects.create(identity=name, organisation=owner)
        Backoffice.objects.create(name=name, organisation=owner, url="ws://x/")
    return made


def names(rows):
    return {str(row) for row in rows}


@pytest.mark.parametrize(
    ("role", "changeable"),
    [("operator", {"ours"}), ("owner", {"ours"}), ("installer", {"ours"}), ("read_only", set())],
)
def test_a_member_sees_their_organisation_and_changes_it_unless_reading_only(
    user, organisations, role, changeable
):
    organisations[0].memberships.create(user=user, role=role)
    for model in (Charger, Organisation):
        assert names(model.objects.visible_to(user)) == {"ours"}
        assert names(model.objects.changeable_by(user)) == changeable
    assert names(Backoffice.objects.visible_to(user)) == {"ours", "nobody"}
    assert names(Backoffice.objects.changeable_by(user)) == changeable
    assert names(Backoffice.objects.selectable_by(user)) == {"ours", "nobody"}


@pytest.mark.parametrize(("hours", "seen"), [(1, {"ours"}), (-1, set())], ids=["before", "after"])
@pytest.mark.parametrize("role", Membership.Role.values)
def test_a_membership_gives_nothing_after_its_end(user, organisations, role, hours, seen):
    ends_at = timezone.now() + timedelta(hours=hours)
    organisations[0].memberships.create(user=user, role=role, ends_at=ends_at)
    assert names(Charger.objects.visible_to(user)) == seen
    assert names(Backoffice.objects.visible_to(user)) == (seen and seen | {"nobody"})
    assert names(Charger.objects.changeable_by(user)) == (set() if role == "read_only" else seen)


def test_without_a_membership_there_is_nothing_not_even_what_is_shared(user, organisations):
    for model in (Charger, Backoffice, Organisation):
        assert not model.objects.visible_to(user).exists()


def test_a_superuser_sees_everything(admin_user, organisations):
    assert names(Charger.objects.visible_to(admin_user)) == {"ours", "theirs", "nobody"}


def test_nobody_who_is_not_logged_in_or_not_active_sees_anything(admin_user, organisations):
    admin_user.is_active = False
    for stranger in (AnonymousUser(), admin_user):
        assert not Charger.objects.visible_to(stranger).exists()


def test_members_of_other_organisations_do_not_multiply_rows(user, organisations):
    for organisation in organisations:
        organisation.memberships.create(user=user, role="installer")
        organisation.memberships.create(user=User.objects.create_user(organisation.name), role="operator")
    assert Charger.objects.visible_to(user).count() == 2
