"""Who may let whom in, for how long: services, the page of an organisation, the page of an invitation."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import people
from accounts.deeds import Deed
from accounts.models import Invitation, Membership, Organisation, User
from accounts.rights import RANKS

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-zebra-0123"
NEW = {"username": "bert", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def ours():
    return Organisation.objects.create(name="Ours")


def member(organisation: Organisation, role: str, name: str = "", **fields: Any) -> Membership:
    name = name or f"{role}-of-{organisation}"
    user = User.objects.create_user(name, email=f"{name}@example.org")
    return organisation.memberships.create(user=user, role=role, **fields)


def days(number: int) -> Any:
    return timezone.now() + timedelta(days=number)


def page(organisation: Organisation, *rest: str) -> str:
    return f"/admin/accounts/organisation/{organisation.pk}/people/{''.join(rest)}"


# -- services


@pytest.mark.parametrize("given", RANKS)
@pytest.mark.parametrize("giver", RANKS)
def test_nobody_gives_a_role_above_their_own(ours, giver, given):
    actor = member(ours, giver).user
    may = giver in ("owner", "operator") and RANKS[given] <= RANKS[giver]
    if may:
        assert people.invite(actor, ours, email="x@example.org", role=given)[0].role == given
    else:
        with pytest.raises(people.Refused):
            people.invite(actor, ours, email="x@example.org", role=given)
    assert Invitation.objects.exists() is may


@pytest.mark.parametrize("touched", RANKS)
@pytest.mark.parametrize("actor", RANKS)
def test_nobody_touches_a_role_above_their_own(ours, actor, touched):
    member(ours, "operator", "keeper")
    acting, other = member(ours, actor, "actor").user, member(ours, touched, "other")
    may = actor in ("owner", "operator") and RANKS[touched] <= RANKS[actor]
    for deed in (
        lambda: people.set_end(acting, other, timezone.now()),
        lambda: people.set_role(acting, other, "read_only"),
    ):
        if may:
            deed()
        else:
            with pytest.raises(people.Refused):
                deed()
    other.refresh_from_db()
    assert (other.role, other.is_live) == (("read_only", False) if may else (touched, True))


def test_the_last_who_looks_after_an_organisation_stays(ours):
    owner = member(ours, "owner")
    member(ours, "operator", "temporary", ends_at=days(3))
    for deed in (
        lambda: people.set_end(owner.user, owner, timezone.now()),
        lambda: people.set_role(owner.user, owner, "read_only"),
    ):
        with pytest.raises(people.Refused, match="last one"):
            deed()
    member(ours, "owner", "another")
    people.set_end(owner.user, owner, timezone.now())
    assert not Membership.objects.get(pk=owner.pk).is_live


def test_nobody_extends_their_own_access_or_gives_more_than_it(ours):
    member(ours, "operator", "keeper")
    own = member(ours, "operator", "temporary", ends_at=days(3))
    installer = member(ours, "installer", ends_at=days(1))
    for membership, ends_at in ((own, days(90)), (installer, None), (installer, days(4))):
        with pytest.raises(people.Refused):
            people.set_end(own.user, membership, ends_at)
    with pytest.raises(people.Refused):
        people.invite(own.user, ours, email="x@example.org", role="owner")
    people.set_end(own.user, installer, days(2))


def test_a_manager_elsewhere_manages_nothing_here(ours):
    stranger = member(Organisation.objects.create(name="Theirs"), "operator").user
    own = member(ours, "installer")
    with pytest.raises(people.Refused):
        people.set_end(stranger, own, timezone.now())
    with pytest.raises(people.Refused):
        people.invite(stranger, ours, email="x@example.org", role="read_only")


def test_an_invitation_of_who_may_not_invite_any_more_is_worth_nothing(ours):
    member(ours, "operator", "keeper")
    owner = member(ours, "owner")
    invitation, token = people.invite(owner.user, ours, email="x@example.org", role="owner")
    Membership.objects.filter(pk=owner.pk).update(ends_at=timezone.now())
    with pytest.raises(people.Refused):
        people.accept(invitation, User.objects.create_user("new"))
    assert people.invitation_of(token) is not None


@pytest.mark.parametrize(
    ("had", "ended", "becomes"),
    [
        ("installer", False, "owner"),
        ("operator", False, "operator"),
        ("operator", True, "owner"),
    ],
)
def test_who_is_a_member_already_loses_nothing_by_joining(ours, had, ended, becomes):
    actor = member(ours, "operator", "keeper").user
    old = member(ours, had, "old", ends_at=timezone.now() if ended else None)
    invitation, _ = people.invite(actor, ours, email="x@example.org", role="owner")
    assert people.accept(invitation, old.user).role == becomes
    assert Membership.objects.get(pk=old.pk).is_live


def test_who_was_removed_meanwhile_is_not_touched(ours):
    actor, other = member(ours, "operator").user, member(ours, "installer")
    Membership.objects.filter(pk=other.pk).delete()
    with pytest.raises(people.Refused):
        people.set_role(actor, other, "read_only")


# -- the page of an invitation


@pytest.fixture
def invited(ours):
    """The address that an invitation leads to."""
    actor = member(ours, "owner").user
    ends_at = days(14)
    return (
        "/invitations/"
        + people.invite(actor, ours, email="bert@example.org", role="installer", ends_at=ends_at)[1]
        + "/"
    )


def test_a_new_person_joins_once(client, ours, invited):
    assert "You are invited as: Installer." in client.get(invited).content.decode()
    assert client.post(invited, NEW).status_code == 302
    bert = User.objects.get(username="bert")
    found = bert.memberships.get()
    assert (found.organisation, found.role, found.sees_cards) == (ours, "installer", False)
    assert found.ends_at is not None
    assert bert.email == "bert@example.org"
    assert not bert.is_staff
    assert client.get("/admin/chargers/charger/").status_code == 200
    client.logout()
    assert client.get(invited).status_code == 404
    assert client.post(invited, NEW | {"username": "carl"}).status_code == 404
    assert not User.objects.filter(username="carl").exists()


@pytest.mark.parametrize(
    "changes", [{"password1": "12345678", "password2": "12345678"}, {"username": "owner-of-Ours"}], ids=str
)
def test_what_djangos_checks_refuse_uses_up_nothing(client, invited, changes):
    assert client.post(invited, NEW | changes).status_code == 200
    assert client.post(invited, NEW).status_code == 302


def test_somebody_with_an_account_joins_with_it(client, ours, invited):
    anna = User.objects.create_user("anna", password=PASSWORD)
    log_in = f"/admin/login/?next={invited}"
    assert log_in in client.get(invited).content.decode()
    answer = client.post(log_in, {"username": "anna", "password": PASSWORD, "next": invited})
    assert answer["Location"] == invited
    assert "Join as anna" in client.get(invited).content.decode()
    assert not anna.memberships.exists()
    client.post(invited)
    assert anna.memberships.get().organisation == ours


@pytest.mark.parametrize("cause", ["expires", "revoked_at", "renewed", "unknown"])
def test_a_link_that_is_worth_nothing_says_the_same_whatever_the_cause(client, ours, invited, cause):
    row = Invitation.objects.get()
    if cause == "renewed":
        people.renew(User.objects.get(username="owner-of-Ours"), row)
    elif cause == "unknown":
        invited = "/invitations/x/"
    else:
        Invitation.objects.update(**{cause: timezone.now()})
    answer = client.get(invited)
    assert answer.status_code == 404
    assert "Ours" not in answer.content.decode()
    assert client.post(invited, NEW).status_code == 404


def test_the_link_and_the_address_stand_in_no_row_and_no_deed(ours, invited):
    token = invited.split("/")[2]
    stored = str(list(Invitation.objects.values())) + str(list(Deed.objects.values()))
    assert token not in stored
    assert "bert@example.org" not in str(list(Deed.objects.values()))


# -- the page of an organisation


def test_an_owner_invites_by_mail(client, settings, ours):
    settings.PROXY_MAIL = True
    client.force_login(member(ours, "owner").user)
    form = {"email": "bert@example.org", "role": "installer", "lasts": "14"}
    assert client.post(page(ours, "do/invite/"), form).status_code == 302
    (letter,) = mail.outbox
    assert letter.to == ["bert@example.org"]
    (path,) = re.findall(r"http://testserver(/invitations/\S+)", str(letter.body))
    client.logout()
    assert client.get(path).status_code == 200


def test_without_mail_the_link_is_shown_once(client, ours):
    client.force_login(member(ours, "owner").user)
    form = {"email": "bert@example.org", "role": "installer", "lasts": "none"}
    shown = client.post(page(ours, "do/invite/"), form).content.decode()
    (path,) = re.findall(r"http://testserver(/invitations/[^<\s]+)", shown)
    assert path not in client.get(page(ours)).content.decode()
    again = client.post(
        page(ours, "do/resend/"), {"invitation": Invitation.objects.get().pk}
    ).content.decode()
    assert path not in again
    client.logout()
    assert client.get(path).status_code == 404


class Away(BaseEmailBackend):
    """A mail server that can't be reached."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError


def test_where_the_mail_server_is_away_the_link_is_shown(client, settings, ours):
    settings.PROXY_MAIL, settings.EMAIL_BACKEND = True, f"{__name__}.Away"
    client.force_login(member(ours, "owner").user)
    form = {"email": "bert@example.org", "role": "installer", "lasts": "14"}
    assert "/invitations/" in client.post(page(ours, "do/invite/"), form).content.decode()


def test_an_owner_extends_ends_and_revokes(client, ours):
    client.force_login(member(ours, "owner").user)
    other = member(ours, "installer", ends_at=timezone.now())
    client.post(page(ours, "do/end/"), {"member": other.pk, "lasts": "90"})
    other.refresh_from_db()
    assert other.ends_at is not None
    assert timedelta(days=89) < other.ends_at - timezone.now() < timedelta(days=91)
    client.post(page(ours, "do/end/"), {"member": other.pk, "lasts": "now"})
    other.refresh_from_db()
    assert not other.is_live
    client.post(page(ours, "do/cards/"), {"member": other.pk, "sees": "no"})
    client.post(page(ours, "do/role/"), {"member": other.pk, "role": "read_only"})
    other.refresh_from_db()
    assert (other.role, other.sees_cards) == ("read_only", False)
    client.post(page(ours, "do/invite/"), {"email": "b@example.org", "role": "owner", "lasts": "14"})
    client.post(page(ours, "do/revoke/"), {"invitation": Invitation.objects.get().pk})
    assert not Invitation.objects.open().exists()
    assert Deed.objects.filter(organisation=ours, words__startswith="Revoked the invitation").exists()


@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_others_see_who_is_there_but_no_address_and_change_nothing(client, ours, role):
    owner = member(ours, "owner")
    own = member(ours, role, ends_at=days(3))
    people.invite(owner.user, ours, email="zebra@example.org", role="owner")
    client.force_login(own.user)
    shown = client.get(page(ours)).content.decode()
    assert "owner-of-Ours" in shown
    assert "owner-of-Ours@" not in shown  # the skin shows everybody their own
    assert "zebra@" not in shown
    invitation = Invitation.objects.get().pk
    for name, form in (
        ("end", {"member": own.pk, "lasts": "none"}),
        ("role", {"member": own.pk, "role": "operator"}),
        ("invite", {"email": "x@example.org", "role": role, "lasts": "14"}),
        ("resend", {"invitation": invitation}),
        ("revoke", {"invitation": invitation}),
    ):
        assert client.post(page(ours, f"do/{name}/"), form).status_code == 403
    history = client.get("/admin/accounts/deed/").content.decode()
    assert "owner-of-Ours@" not in history
    assert "zebra@" not in history


@pytest.mark.parametrize("role", RANKS)
def test_a_stranger_finds_no_organisation(client, ours, role):
    own = member(ours, "installer")
    client.force_login(member(Organisation.objects.create(name="Theirs"), role).user)
    assert client.get(page(ours)).status_code == 404
    assert client.post(page(ours, "do/end/"), {"member": own.pk, "lasts": "now"}).status_code == 404


def test_a_manager_reaches_nobody_of_another_organisation_through_their_own(client, ours):
    foreign = member(Organisation.objects.create(name="Theirs"), "installer")
    client.force_login(member(ours, "operator").user)
    for pk in (foreign.pk, "x", "9" * 30, ""):
        assert client.post(page(ours, "do/end/"), {"member": pk, "lasts": "now"}).status_code == 404
    assert client.get(page(ours, "do/end/")).status_code == 405
    foreign.refresh_from_db()
    assert foreign.is_live


def test_people_leads_to_the_only_organisation(client, ours):
    client.force_login(member(ours, "read_only").user)
    assert client.get("/admin/accounts/organisation/people/")["Location"] == page(ours)


def test_members_cost_a_fixed_number_of_queries(client, ours, django_assert_num_queries):

    client.force_login(member(ours, "owner").user)
    client.get(page(ours))
    with CaptureQueriesContext(connection) as few:
        client.get(page(ours))
    for number in range(9):
        member(ours, "installer", f"more-{number}")
    with django_assert_num_queries(len(few)):
        client.get(page(ours))
