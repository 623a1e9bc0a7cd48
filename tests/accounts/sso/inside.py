"""What happens with PROXY_SSO on; test_sso.py runs this in a process of its own."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver

from accounts import people
from accounts.models import Deed, Invitation, Membership, Organisation, User
from tests.accounts.sso import issuer as issuers

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
CODE = "/accounts/factors/authenticate/"
SET_UP = "/accounts/factors/totp/activate/"
PASSWORD = "right and long"


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    cache.clear()


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", email="anna@example.org", password=PASSWORD)


@pytest.fixture
def issuer(settings: Any) -> Any:
    with issuers.running() as found:
        app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
        app["settings"]["server_url"] = found.url
        yield found


def codes(secret: str) -> list[str]:
    """The codes that are right now; each of them works once."""
    return [format_hotp_value(hotp_value(secret, one)) for one in yield_hotp_counters_from_time()]


def log_in(client: Any, password: str = PASSWORD, target: str = "/admin/") -> Any:
    return client.post(f"{LOGIN}?next={target}", {"username": "anna", "password": password, "next": target})


def set_up(client: Any) -> tuple[str, str]:
    """Give whoever is logged in a second factor; its secret, and a page with the recovery codes."""
    secret = client.get(SET_UP).context["form"].secret
    answer = client.post(SET_UP, {"code": codes(secret)[1]}, follow=True)
    assert answer.redirect_chain == [("/accounts/factors/recovery-codes/", 302)]
    return secret, answer.content.decode()


def is_in(client: Any) -> bool:
    return bool(client.get("/admin/").status_code == 200)


# -- the second factor --------------------------------------------------------------------------------


def test_without_a_second_factor_a_login_is_as_ever(client, anna):
    answer = log_in(client, target="/admin/help/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/help/")
    assert is_in(client)
    assert client.session["_auth_user_backend"] == "django.contrib.auth.backends.ModelBackend"


def test_a_wrong_password_is_told_on_the_admin_s_page(client, anna):
    answer = log_in(client, "wrong")
    assert answer.status_code == 200
    assert "admin/login.html" in [one.name for one in answer.templates]
    assert not is_in(client)


def test_with_one_nothing_is_reached_before_the_code(client, anna):
    log_in(client)
    secret, _ = set_up(client)
    client.logout()
    answer = log_in(client, target="/admin/help/")
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    for path in ("/admin/", "/admin/help/", "/admin/chargers/charger/", "/accounts/factors/", SET_UP):
        assert client.get(path).status_code == 302, path
    assert client.get("/api/v1/me/").status_code == 401
    assert client.post(CODE, {"code": "000000"}).status_code == 200
    assert not is_in(client)
    answer = client.post(CODE, {"code": codes(secret)[2]})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/help/")
    assert is_in(client)


def test_a_recovery_code_lets_in_once(client, anna):
    log_in(client)
    _, page = set_up(client)
    first = re.findall(r"<li><code>(\w+)</code>", page)[0]
    for is_let_in in (True, False):
        client.logout()
        log_in(client)
        client.post(CODE, {"code": first})
        assert is_in(client) is is_let_in


def test_recovery_codes_are_shown_once(client, anna):
    log_in(client)
    _, page = set_up(client)
    assert len(re.findall(r"<li><code>(\w+)</code>", page)) == 10
    again = client.get("/accounts/factors/recovery-codes/").content.decode()
    assert "10 recovery codes are left." in again
    assert not re.findall(r"<li><code>", again)


def test_a_code_counts_once(client, anna):
    log_in(client)
    secret, _ = set_up(client)
    client.logout()
    log_in(client)
    code = codes(secret)[2]
    client.post(CODE, {"code": code})
    assert is_in(client)
    client.logout()
    log_in(client)
    client.post(CODE, {"code": code})
    assert not is_in(client)


def test_wrong_codes_lock_out_and_then_the_right_one_does_not_help(client, anna):
    log_in(client)
    secret, _ = set_up(client)
    client.logout()
    log_in(client)
    answers = [client.post(CODE, {"code": "000000"}).status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert answers == [200] * 9 + [429]
    cache.clear()  # what allauth counts itself is not meant here
    answer = client.post(CODE, {"code": codes(secret)[2]})
    assert answer.status_code == 429
    assert "For 15 minutes nobody logs in with this name from here." in answer.content.decode()
    assert not is_in(client)
    assert log_in(client).status_code == 429
    assert Deed.objects.filter(verb=Deed.Verb.LOGIN_FAILED, words="Failed to log in.").count() >= 10


def test_codes_of_one_person_are_few_wherever_they_come_from(client, anna):
    log_in(client)
    set_up(client)
    clients = [Client(REMOTE_ADDR=f"10.0.0.{number}") for number in range(3)]
    for one in clients:
        log_in(one)
    pages = [clients[turn % 3].post(CODE, {"code": "000000"}).content.decode() for turn in range(12)]
    assert "Incorrect code" in pages[0]
    assert "Incorrect code" not in pages[11]


def test_the_secret_is_encrypted_where_it_is_stored(client, anna):
    log_in(client)
    secret, page = set_up(client)
    first = re.findall(r"<li><code>(\w+)</code>", page)[0]
    rows = str(list(Authenticator.objects.values("data")))
    assert secret not in rows
    assert first not in rows


def test_the_history_tells_of_it(client, anna, django_capture_on_commit_callbacks):
    log_in(client)
    with django_capture_on_commit_callbacks(execute=True):
        set_up(client)
    assert client.post("/accounts/factors/totp/deactivate/").status_code == 302
    told = list(Deed.objects.filter(actor=anna).order_by("id").values_list("words", flat=True))
    assert told[-2:] == ["Set up a second factor.", "Removed the second factor."]


def test_later_the_password_is_asked_for_again(client, anna, monkeypatch):
    log_in(client)
    monkeypatch.setattr("accounts.sso.adapters.FRESH_S", -1)
    answer = client.get(SET_UP)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/again/")
    assert client.get(answer["Location"]).status_code == 200
    assert client.post(answer["Location"], {"password": "wrong"}).status_code == 200
    assert client.post(answer["Location"], {"password": PASSWORD})["Location"] == SET_UP


def test_a_superuser_helps_who_has_lost_it(client, admin_client, anna):
    log_in(client)
    set_up(client)
    form = {"action": "forget_factor", "_selected_action": anna.pk}
    assert admin_client.post("/admin/accounts/user/", form).status_code == 302
    assert not Authenticator.objects.exists()
    client.logout()
    assert log_in(client)["Location"] == "/admin/"


@pytest.mark.parametrize("role", ["operator", "installer", "read_only"])
def test_nobody_else_takes_it_away(client, anna, role):
    log_in(client)
    set_up(client)
    other, energy = User.objects.create_user("bert"), Organisation.objects.create(name="Energy")
    for user in (anna, other):
        Membership.objects.create(user=user, organisation=energy, role=role)
    stranger = Client()
    stranger.force_login(other)
    form = {"action": "forget_factor", "_selected_action": anna.pk}
    assert stranger.post("/admin/accounts/user/", form).status_code in (403, 404)
    assert stranger.post("/accounts/factors/totp/deactivate/").status_code == 404
    assert stranger.get("/accounts/factors/recovery-codes/").status_code == 404
    assert Authenticator.objects.filter(user=anna).count() == 2


@pytest.mark.parametrize("path", ["/admin/", "/admin/chargers/charger/", "/accounts/again/"])
def test_required_it_comes_first(client, anna, required, path):
    log_in(client)
    answer = client.get(path)
    if path.startswith("/admin/"):
        assert (answer.status_code, answer["Location"]) == (302, SET_UP)
    else:
        assert answer.status_code == 200
    assert client.get("/api/v1/me/").status_code == 403
    set_up(client)
    assert client.get("/api/v1/me/").status_code == 200
    assert is_in(client)


@pytest.fixture
def required(settings: Any) -> None:
    settings.PROXY_MFA_REQUIRED = True


# -- what there is, and what not ----------------------------------------------------------------------


def test_nothing_else_of_the_package_can_be_reached():
    found = {one.name for one in reached(get_resolver("accounts.sso.urls").url_patterns)}
    assert found == {
        *("account_login", "account_inactive", "account_reauthenticate", "socialaccount_login_cancelled"),
        *("openid_connect_login", "openid_connect_callback"),
        *("mfa_index", "mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"),
        *("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"),
    }
    assert not [model for model in admin.site._registry if model.__module__.startswith("allauth")]


def reached(patterns: Any) -> Any:
    for one in patterns:
        yield from reached(one.url_patterns) if hasattr(one, "url_patterns") else [one]


@pytest.mark.parametrize("path", ["signup/", "email/", "password/reset/", "3rdparty/", "social/signup/"])
def test_pages_of_the_package_that_we_do_not_want(client, path):
    assert client.get(f"/accounts/{path}").status_code == 404


def test_its_login_page_is_the_admin_s(client):
    assert (
        client.get("/accounts/login/?next=/admin/help/")["Location"]
        == "/admin/login/?next=%2Fadmin%2Fhelp%2F"
    )


# -- directories --------------------------------------------------------------------------------------


def enter(client: Any, issuer: Any, query: str = "process=login", **claims: Any) -> Any:
    """Go to the directory and come back as whom it says."""
    issuer.claims = {"sub": "17", **claims}
    there = client.get(f"/accounts/oidc/directory/login/?{query}")
    assert there.status_code == 302
    asked = parse_qs(urlsplit(there["Location"]).query)
    assert there["Location"].startswith(f"{issuer.url}/authorize?")
    assert asked["code_challenge_method"] == ["S256"]
    state = asked["state"][0]
    return client.get("/accounts/oidc/directory/login/callback/", {"code": "c", "state": state})


def test_the_login_page_offers_it_and_keeps_the_target(client):
    page = client.get(f"{LOGIN}?next=/admin/help/").content.decode()
    assert "Log in with Example Energy" in page
    assert 'href="/accounts/oidc/directory/login/?process=login&amp;next=%2Fadmin%2Fhelp%2F"' in page
    assert "not-to-be-seen" not in page


def test_it_enters_who_is_known_by_the_address_and_then_by_the_login(client, anna, issuer):
    answer = enter(
        client, issuer, "process=login&next=/admin/help/", email="Anna@example.org", email_verified=True
    )
    assert (answer.status_code, answer["Location"]) == (302, "/admin/help/")
    assert is_in(client)
    assert issuer.asked[0]["client_secret"] == "not-to-be-seen"
    assert User.objects.count() == 1
    client.logout()
    User.objects.update(email="")
    enter(client, issuer, email="other@example.org", email_verified=True)
    assert is_in(client)
    assert SocialAccount.objects.get().extra_data == {}


@pytest.mark.parametrize(
    "target", ["https://evil.example.org/", "//evil.example.org", "/\\\\evil.example.org"]
)
def test_it_leads_nowhere_else(client, anna, issuer, target, settings):
    settings.ALLOWED_HOSTS = ["*"]
    query = urlencode({"process": "login", "next": target})
    answer = enter(client, issuer, query, email="anna@example.org", email_verified=True)
    assert answer["Location"] == "/admin/"
    client.logout()
    anna.set_password(PASSWORD)
    anna.save()
    assert log_in(client, target=target)["Location"] == "/admin/"


@pytest.mark.parametrize(
    ("change", "claims"),
    [
        ({}, {"email": "stranger@example.org", "email_verified": True}),
        ({}, {"email": "anna@example.org", "email_verified": False}),
        ({}, {"email": "anna@example.org"}),
        ({}, {}),
        ({"is_active": False}, {"email": "anna@example.org", "email_verified": True}),
    ],
    ids=["stranger", "not verified", "nothing said of it", "no address", "deactivated"],
)
def test_it_enters_nobody_else(client, anna, issuer, change, claims):
    User.objects.update(**change)
    answer = enter(client, issuer, **claims)
    assert answer.status_code == 403
    assert "You have no access here" in answer.content.decode()
    assert not is_in(client)
    assert (User.objects.count(), SocialAccount.objects.count()) == (1, 0)


def test_one_address_of_two_people_is_nobody_s(client, anna, issuer):
    User.objects.create_user("bert", email="ANNA@example.org")
    assert enter(client, issuer, email="anna@example.org", email_verified=True).status_code == 403


def test_who_is_deactivated_later_does_not_enter_either(client, anna, issuer):
    enter(client, issuer, email="anna@example.org", email_verified=True)
    client.logout()
    User.objects.update(is_active=False)
    assert enter(client, issuer).status_code == 403
    assert not is_in(client)


def test_an_address_can_be_trusted_without_the_word(client, anna, issuer, settings):
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["trust_email"] = True
    assert enter(client, issuer, email="anna@example.org")["Location"] == "/admin/"


def test_the_second_factor_is_asked_for_here_too(client, anna, issuer):
    log_in(client)
    secret, _ = set_up(client)
    client.logout()
    answer = enter(client, issuer, email="anna@example.org", email_verified=True)
    assert answer["Location"] == CODE
    assert not is_in(client)
    client.post(CODE, {"code": codes(secret)[2]})
    assert is_in(client)


@pytest.fixture
def energy(admin_user: Any) -> Organisation:
    return Organisation.objects.create(name="Energy")


def test_an_invitation_is_accepted_by_the_login(client, admin_user, energy, issuer):
    people.invite(admin_user, energy, email="new@example.org", role="installer")
    claims = {"given_name": "New", "family_name": "Person", "preferred_username": "admin"}
    answer = enter(client, issuer, email="new@example.org", email_verified=True, **claims)
    assert answer.status_code == 302
    member = Membership.objects.get(organisation=energy)
    assert (member.role, member.user.username, member.user.called) == ("installer", "admin-2", "New Person")
    assert not member.user.has_usable_password()
    assert Invitation.objects.get().accepted_by == member.user
    assert is_in(client)


def test_an_invitation_whose_giver_left_lets_nobody_in(client, admin_user, energy, issuer):
    people.invite(admin_user, energy, email="new@example.org", role="installer")
    User.objects.filter(pk=admin_user.pk).update(is_active=False)
    assert enter(client, issuer, email="new@example.org", email_verified=True).status_code == 403
    assert User.objects.count() == 1


def test_the_password_of_whoever_made_the_account_ends(client, anna, issuer):
    mine = Client()
    log_in(mine)
    enter(client, issuer, email="anna@example.org", email_verified=True)
    anna.refresh_from_db()
    assert not anna.has_usable_password()
    assert not is_in(mine)
    told = Deed.objects.values_list("words", flat=True)
    assert "The password ended with the first login by a directory." in told
    assert "Linked to a login of Example Energy." in told


def test_a_superuser_keeps_the_password(client, issuer):
    User.objects.create_superuser("root", email="root@example.org", password=PASSWORD)
    enter(client, issuer, email="root@example.org", email_verified=True)
    assert User.objects.get().has_usable_password()


def test_nobody_links_a_login_by_themselves(client, anna, issuer):
    log_in(client)
    answer = enter(client, issuer, "process=connect", email="x@example.org", email_verified=True)
    assert answer["Location"] == "/accounts/factors/"
    assert not SocialAccount.objects.exists()


def test_an_answer_nobody_asked_for_enters_nobody(client, anna, issuer):
    answer = client.get("/accounts/oidc/directory/login/callback/", {"code": "c", "state": "made-up"})
    assert answer.status_code == 401
    assert "You are not logged in" in answer.content.decode()


def test_a_directory_that_does_not_answer(client, settings):
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = (
        "http://127.0.0.1:9"
    )
    answer = client.get("/accounts/oidc/directory/login/?process=login")
    assert answer.status_code == 502
    assert "You are not logged in" in answer.content.decode()


def test_a_directory_that_there_is_not(client):
    assert client.get("/accounts/oidc/other/login/").status_code == 404
