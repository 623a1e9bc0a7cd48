"""The wizard, the copy card, claims and unknown chargers: what they do, and for whom."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.credentials import matches
from chargers.models import Charger, Claim, RefusedAttempt
from chargers.onboarding import claims
from chargers.onboarding.cards import as_hex
from chargers.onboarding.forms import TWO_TAPS, NewCharger
from routing.models import DefaultRoute

pytestmark = pytest.mark.django_db

LIST = "/admin/chargers/charger/"
NEW = {"identity": "CP-1", "label": "Garage", "password": "generated"}


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "limits", claims.Limits())


@pytest.fixture
def ours() -> Organisation:
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def theirs() -> Organisation:
    return Organisation.objects.create(name="Theirs")


def member(organisation: Organisation, role: str = "installer") -> Client:
    user = User.objects.create_user(f"{role} of {organisation}", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client = Client()
    client.force_login(user)
    return client


def on_card(page: str, key: str) -> str:
    return page.partition(f'<code id="q-{key}">')[2].partition("</code>")[0]


# The wizard and its card


def test_a_charger_is_made_and_its_password_shown_once(admin_client: Client, ours: Organisation) -> None:
    made = admin_client.post(f"{LIST}new/", NEW | {"organisation": ours.pk, "brand": "alfen"})
    charger = Charger.objects.get()
    assert (charger.identity, charger.label, charger.organisation) == ("CP-1", "Garage", ours)
    assert made.status_code == 302
    page = admin_client.get(made["location"])
    assert "no-store" in page["Cache-Control"]
    content = page.content.decode()
    password = on_card(content, "password")
    assert 16 <= len(password) <= 20
    assert on_card(content, "password_hex") == as_hex(password)
    assert on_card(content, "url") == "ws://testserver/ocpp/CP-1"
    assert on_card(content, "base") == "ws://testserver/ocpp/"
    assert (on_card(content, "host"), on_card(content, "port")) == ("testserver", "80")
    assert "Alfen" in content
    assert "<svg viewBox" in content
    for sent in (password.encode(), as_hex(password).encode()):
        assert matches("CP-1", sent, charger.password_hashes)
    again = admin_client.get(made["location"], follow=True)
    assert again.redirect_chain
    assert password not in again.content.decode()


def test_the_password_is_kept_nowhere(admin_client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = admin_client.post(f"{LIST}new/", NEW)
        between = [row.get_decoded() for row in Session.objects.all()]
        content = admin_client.get(made["location"]).content.decode()
    password = on_card(content, "password")
    after = [row.get_decoded() for row in Session.objects.all()]
    deeds = [json.dumps([d.before, d.after, d.words, d.subject_name]) for d in Deed.objects.all()]
    for place in (
        between,
        after,
        deeds,
        caplog.text,
        made["location"],
        Charger.objects.get().password_hashes,
    ):
        assert password not in str(place)
        assert as_hex(password) not in str(place)
    assert not any("shown_once" in session for session in after)


def test_a_password_that_waits_too_long_is_not_shown(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = admin_client.post(f"{LIST}new/", NEW)
    monkeypatch.setattr("chargers.onboarding.once.LASTS_S", -1)
    assert admin_client.get(made["location"]).status_code == 302


def test_a_second_tap_leads_to_the_password_too(ours: Organisation) -> None:
    installer = member(ours)
    first, second = (installer.post(f"{LIST}new/", NEW | {"brand": "alfen"}) for _ in range(2))
    assert (second.status_code, second["location"]) == (302, first["location"])
    assert on_card(installer.get(second["location"]).content.decode(), "password")
    Charger.objects.update(created_at=timezone.now() - TWO_TAPS)
    late = installer.post(f"{LIST}new/", NEW)
    assert "You have a charger “CP-1” already." in late.content.decode()


def test_of_two_at_the_same_moment_one_is_made(
    ours: Organisation, theirs: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installer, is_valid = member(ours), NewCharger.is_valid

    def overtaken_by(organisation: Organisation) -> Callable[[NewCharger], bool]:
        def checked_then_overtaken(form: NewCharger) -> bool:
            found = is_valid(form)
            Charger.objects.create(identity=form.cleaned_data["identity"], organisation=organisation)
            return found

        return checked_then_overtaken

    monkeypatch.setattr(NewCharger, "is_valid", overtaken_by(ours))
    made = installer.post(f"{LIST}new/", NEW)
    charger = Charger.objects.get()
    assert (made.status_code, made["location"]) == (302, f"{LIST}{charger.pk}/setup/card/")
    monkeypatch.setattr(NewCharger, "is_valid", overtaken_by(theirs))
    refused = installer.post(f"{LIST}new/", NEW | {"identity": "CP-2"}).content.decode()
    assert "This identity is taken." in refused
    assert Charger.objects.count() == 2


def test_without_a_password_the_card_says_so_in_red(admin_client: Client) -> None:
    made = admin_client.post(f"{LIST}new/", NEW | {"password": "none"})
    assert Charger.objects.get().password_hashes == []
    assert "p-note is-bad" in admin_client.get(made["location"]).content.decode()


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"identity": ""}, "identity", "required"),
        ({"identity": "a/b"}, "identity", "slash"),
        ({"identity": "mine"}, "identity", "already"),
        ({"identity": "foreign"}, "identity", "claim code"),
        ({"password": "short"}, "password", "valid choice"),
    ],
)
def test_what_is_wrong_is_said(
    ours: Organisation, theirs: Organisation, form: dict[str, str], field: str, words: str
) -> None:
    Charger.objects.create(identity="MINE", organisation=ours)
    Charger.objects.create(identity="foreign", organisation=theirs)
    answer = member(ours).post(f"{LIST}new/", NEW | form)
    assert answer.status_code == 200
    assert words in str(answer.context["form"].errors[field])
    assert Charger.objects.count() == 2


def test_a_member_of_one_organisation_is_not_asked_which(ours: Organisation, theirs: Organisation) -> None:
    member(ours).post(f"{LIST}new/", NEW | {"organisation": theirs.pk})
    assert Charger.objects.get().organisation == ours


def test_a_member_of_two_chooses_among_theirs(ours: Organisation, theirs: Organisation) -> None:
    client = member(ours)
    user = User.objects.get()
    Membership.objects.create(
        user=user, organisation=Organisation.objects.create(name="Two"), role="operator"
    )
    assert client.post(f"{LIST}new/", NEW | {"organisation": theirs.pk}).status_code == 200
    assert client.post(f"{LIST}new/", NEW).status_code == 200
    assert not Charger.objects.exists()
    client.post(f"{LIST}new/", NEW | {"organisation": ours.pk})
    assert Charger.objects.get().organisation == ours


@pytest.mark.parametrize("page", ["new", "claim", "import"])
def test_who_only_reads_adds_nothing(ours: Organisation, page: str) -> None:
    client = member(ours, "read_only")
    assert client.get(f"{LIST}{page}/").status_code == 403
    assert client.post(f"{LIST}{page}/", NEW).status_code == 403
    assert not Charger.objects.exists()


def test_the_public_address_of_the_settings_wins(admin_client: Client, settings: Any) -> None:
    settings.PROXY_PUBLIC_URL = "wss://chargers.example.org:8443/x"
    made = admin_client.post(f"{LIST}new/", NEW | {"identity": "a b"})
    content = admin_client.get(made["location"]).content.decode()
    assert on_card(content, "url") == "wss://chargers.example.org:8443/x/ocpp/a%20b"
    assert on_card(content, "port") == "8443"
    assert "2 (TLS and password)" in content


def test_the_list_leads_to_the_wizard(admin_client: Client) -> None:
    assert f"{LIST}new/" in admin_client.get(LIST).content.decode()


# Set-up


@pytest.fixture
def charger(ours: Organisation) -> Charger:
    return Charger.objects.create(identity="CP-9", organisation=ours)


def setup(charger: Charger, what: str = "") -> str:
    return f"{LIST}{charger.pk}/setup/{what}"


def rotated(client: Client, charger: Charger, **form: str) -> str:
    answer = client.post(setup(charger, "do/rotate/"), form)
    charger.refresh_from_db()
    return on_card(client.get(answer["location"]).content.decode(), "password")


def test_a_new_password_ends_the_old_one(ours: Organisation, charger: Charger) -> None:
    client = member(ours)
    first, second = rotated(client, charger), rotated(client, charger)
    assert not matches("CP-9", first.encode(), charger.password_hashes)
    assert matches("CP-9", second.encode(), charger.password_hashes)
    assert "new password" in Deed.objects.latest("id").words


def test_the_old_password_works_until_it_is_ended(ours: Organisation, charger: Charger) -> None:
    client = member(ours)
    oldest, old = rotated(client, charger), rotated(client, charger, keep="1")
    assert matches("CP-9", oldest.encode(), charger.password_hashes)
    new = rotated(client, charger, keep="1")
    accepted = {p for p in (oldest, old, new) if matches("CP-9", p.encode(), charger.password_hashes)}
    assert accepted == {old, new}
    assert "End the old password" in client.get(setup(charger)).content.decode()
    client.post(setup(charger, "do/end-old/"))
    charger.refresh_from_db()
    assert not matches("CP-9", old.encode(), charger.password_hashes)
    assert matches("CP-9", as_hex(new).encode(), charger.password_hashes)


def test_the_steps_are_fetched(ours: Organisation, charger: Charger) -> None:
    found = member(ours).get(setup(charger, "state/")).json()
    assert found["done"] is False
    assert [step["state"] for step in found["steps"]] == ["waiting"] * 9


def test_a_foreign_installer_finds_no_set_up(theirs: Organisation, charger: Charger) -> None:
    client = member(theirs)
    for what in ("", "state/", "card/"):
        assert client.get(setup(charger, what)).status_code == 404
    for what in ("do/rotate/", "do/end-old/"):
        assert client.post(setup(charger, what)).status_code == 404
    charger.refresh_from_db()
    assert charger.password_hashes == []


def test_who_only_reads_rotates_nothing(ours: Organisation, charger: Charger) -> None:
    client = member(ours, "read_only")
    page = client.get(setup(charger))
    assert page.status_code == 200
    assert "do/rotate/" not in page.content.decode()
    assert client.post(setup(charger, "do/rotate/")).status_code == 403
    assert client.get(setup(charger, "do/rotate/")).status_code == 405


# Claims


@pytest.fixture
def code(charger: Charger) -> str:
    return claims.offer(charger)


def test_a_charger_is_claimed_with_its_code_once(theirs: Organisation, charger: Charger, code: str) -> None:
    client = member(theirs)
    answer = client.post(f"{LIST}claim/", {"identity": "CP-9", "code": f" {code.lower()} "})
    assert answer.status_code == 302
    charger.refresh_from_db()
    assert charger.organisation == theirs
    assert not Claim.objects.exists()
    assert "Claimed charger CP-9" in "".join(Deed.objects.values_list("words", flat=True))
    assert client.post(f"{LIST}claim/", {"identity": "CP-9", "code": code}).status_code == 200


def test_unknown_identity_and_wrong_code_get_the_same_answer(
    theirs: Organisation, charger: Charger, code: str
) -> None:
    client = member(theirs)
    said = []
    for identity, tried in (("CP-9", "AAAA-AAAA-AAAA"), ("nobody", code), ("CP-9", "-")):
        answer = client.post(f"{LIST}claim/", {"identity": identity, "code": tried})
        said.append((answer.status_code, str(answer.context["form"].errors)))
    assert len(set(said)) == 1
    charger.refresh_from_db()
    assert charger.organisation != theirs


def test_a_charger_without_a_code_can_not_be_claimed(theirs: Organisation, charger: Charger) -> None:
    answer = member(theirs).post(f"{LIST}claim/", {"identity": "CP-9", "code": "0" * 12})
    assert "No charger" in str(answer.context["form"].errors)


def test_who_guesses_is_stopped(theirs: Organisation, charger: Charger, code: str) -> None:
    client = member(theirs)
    for number in range(10):
        client.post(f"{LIST}claim/", {"identity": f"x{number}", "code": "WRONG"})
    answer = client.post(f"{LIST}claim/", {"identity": "CP-9", "code": code})
    assert "Too many" in str(answer.context["form"].errors)
    charger.refresh_from_db()
    assert charger.organisation != theirs


def test_the_code_is_stored_as_a_hash_that_no_deed_tells(charger: Charger, code: str) -> None:
    stored = Claim.objects.get().code_hash
    assert code not in stored
    told = str(list(Deed.objects.values_list("before", "after", "words")))
    assert code not in told
    assert stored not in told


# Unknown chargers and refused attempts


def refused(identity: str, cause: str = "unknown_identity", **values: Any) -> RefusedAttempt:
    now = timezone.now()
    return RefusedAttempt.objects.create(identity=identity, cause=cause, first_at=now, last_at=now, **values)


def test_unknown_chargers_are_grouped_and_taken_in(admin_client: Client, ours: Organisation) -> None:
    refused("new-1", remote_address="10.0.0.1", count=3)
    refused("new-1", remote_address="10.0.0.2", count=4)
    refused("other", "wrong_password")
    Charger.objects.create(identity="known")
    refused("known")
    DefaultRoute.objects.create(backoffice=Backoffice.objects.create(name="b", url="ws://b/"), role="control")
    (stranger,) = admin_client.get(f"{LIST}inbox/").context["strangers"]
    assert (stranger.identity, stranger.count, stranger.addresses) == ("new-1", 7, 2)
    admin_client.post(f"{LIST}inbox/adopt/", {"identity": "new-1", "organisation": ours.pk})
    charger = Charger.objects.get(identity="new-1")
    assert (charger.organisation, charger.routes.get().role) == (ours, "control")
    assert admin_client.get(f"{LIST}inbox/").context["strangers"] == []


def test_the_inbox_is_for_superusers(ours: Organisation) -> None:
    refused("new-1")
    client = member(ours, "operator")
    assert client.get(f"{LIST}inbox/").status_code == 404
    assert client.post(f"{LIST}inbox/adopt/", {"identity": "new-1"}).status_code == 404
    assert not Charger.objects.exists()


def test_taking_in_is_posted(admin_client: Client) -> None:
    assert admin_client.get(f"{LIST}inbox/adopt/?identity=new-1").status_code == 405


def test_members_see_attempts_in_the_name_of_their_chargers(
    ours: Organisation, theirs: Organisation, charger: Charger
) -> None:
    for identity in ("CP-9", "cp-9", "CP_9", "CP-99", "", "else"):
        refused(identity)
    page = "/admin/chargers/refusedattempt/"
    seen = member(ours, "read_only").get(page)
    assert {row.identity for row in seen.context["cl"].result_list} == {"CP-9", "cp-9"}
    assert setup(charger) in seen.content.decode()
    assert "Add this charger" not in seen.content.decode()
    assert member(theirs).get(page).context["cl"].result_list == []


def test_superusers_see_all_attempts_with_a_way_to_add(admin_client: Client) -> None:
    refused("a&b")
    page = admin_client.get("/admin/chargers/refusedattempt/").content.decode()
    assert f"{LIST}new/?identity=a%26b" in page
    assert 'value="a&amp;b"' in admin_client.get(f"{LIST}new/?identity=a%26b").content.decode()


@pytest.mark.parametrize("page", ["/admin/chargers/refusedattempt/", f"{LIST}inbox/"])
def test_lists_of_refusals_cost_as_many_queries_for_ten_as_for_one(admin_client: Client, page: str) -> None:
    refused("n-0")
    admin_client.get(page)
    with CaptureQueriesContext(connection) as one:
        admin_client.get(page)
    for number in range(1, 10):
        refused(f"n-{number}")
        Charger.objects.create(identity=f"known-{number}")
        refused(f"known-{number}", "wrong_password")
    with CaptureQueriesContext(connection) as ten:
        admin_client.get(page)
    assert len(ten) == len(one)
