"""API tokens in the admin: shown once, one's own, revoked."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from accounts.tokens import ApiToken, issue, revoke

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/apitoken/"


@pytest.fixture
def ours() -> Organisation:
    return Organisation.objects.create(name="Ours")


def person(organisation: Organisation, name: str = "ann") -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role="installer")
    return user


def made(client: Any, **more: Any) -> Any:
    said = {"name": "Home", "scopes": ["chargers:read"], "lasts": "30", "networks": "", "organisation": ""}
    return client.post(f"{LIST}add/", said | more)


def text_of(answer: Any) -> str:
    return str(answer.content.decode()).partition('id="secret" class="p-mono">')[2].partition("<")[0]


def test_a_token_is_shown_once_and_works(client: Any, ours: Organisation) -> None:
    client.force_login(person(ours))
    answer = made(client)
    assert answer.status_code == 200, answer.content[-3000:]
    assert "no-store" in answer.headers["Cache-Control"]
    text = text_of(answer)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert api.get("/api/v1/me/").json()["token"]["name"] == "Home"
    for page in (LIST, f"{LIST}{ApiToken.objects.get().pk}/change/", "/admin/accounts/deed/"):
        assert text not in client.get(page).content.decode()
    assert text not in str(list(Deed.objects.values()))
    assert Deed.objects.filter(words__contains='API token "Home"').exists()


@pytest.mark.parametrize(
    "wrong", [{"scopes": ["all"]}, {"networks": "home"}, {"name": ""}, {"lasts": "5"}], ids=str
)
def test_what_is_wrong_makes_no_token(client: Any, ours: Organisation, wrong: dict[str, Any]) -> None:
    client.force_login(person(ours))
    assert made(client, **wrong).status_code == 200
    assert not ApiToken.objects.exists()


def test_a_token_is_its_owners_alone(client: Any, ours: Organisation) -> None:
    token, _ = issue(person(ours), "Zebra", ["chargers:read"])
    client.force_login(person(ours, "bob"))
    assert "Zebra" not in client.get(LIST).content.decode()
    for page in ("change", "delete", "history"):
        assert client.get(f"{LIST}{token.pk}/{page}/").status_code == 404
    assert client.post(f"{LIST}{token.pk}/delete/", {"post": "yes"}).status_code == 404
    assert ApiToken.objects.exists()


def test_a_revoked_token_is_refused(client: Any, ours: Organisation) -> None:
    user = person(ours)
    token, text = issue(user, "Home", ["chargers:read"])
    client.force_login(user)
    client.post(f"{LIST}{token.pk}/delete/", {"post": "yes"})
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert api.get("/api/v1/me/").status_code == 401
    assert Deed.objects.filter(words__contains="Revoked").exists()


def test_it_narrows_to_an_organisation_that_one_sees(client: Any, ours: Organisation) -> None:
    theirs = Organisation.objects.create(name="Theirs")
    client.force_login(person(ours))
    made(client, organisation=str(theirs.pk))
    assert not ApiToken.objects.exists()
    made(client, organisation=str(ours.pk))
    assert ApiToken.objects.get().organisation == ours


def test_neither_a_token_nor_its_end_is_without_its_deed(
    ours: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = person(ours)
    token, _ = issue(user, "Home", ["chargers:read"])
    before = Deed.objects.count()

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("accounts.tokens.did", fails)
        with pytest.raises(RuntimeError):
            issue(user, "Other", ["chargers:read"])
    monkeypatch.setattr(ApiToken, "delete", fails)
    with pytest.raises(RuntimeError):
        revoke(token, by=user)
    assert list(ApiToken.objects.values_list("name", flat=True)) == ["Home"]
    assert Deed.objects.count() == before


@pytest.mark.parametrize(
    ("address", "is_accepted"),
    [("192.0.2.7", True), ("::ffff:192.0.2.7", True), ("::ffff:198.51.100.7", False), ("", False)],
)
def test_a_network_is_the_same_seen_through_ipv6(address: str, is_accepted: bool) -> None:
    assert ApiToken(allowed_networks=["192.0.2.0/24"]).accepts(address) is is_accepted
