"""The tabs of a charger's page: who opens them, and who does what there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpResponse

from accounts.models import Membership, Organisation, User
from chargers import pages
from chargers.models import Charger
from chargers.tabs.all import TABS
from chargers.tabs.tab import Tab

pytestmark = pytest.mark.django_db


def done(request: Any, charger: Charger) -> HttpResponse:
    return HttpResponse(f"done to {charger.identity}")


PROBE = Tab(
    slug="overview", title="Probe", template="admin/chargers/charger/overview.html",
    context=lambda request, charger: {}, pieces={"piece": done}, actions={"act": done},
)  # fmt: skip


@pytest.fixture
def charger() -> Charger:
    return Charger.objects.create(
        identity="CP-1", organisation=Organisation.objects.create(name="Ours"), label="Garage"
    )


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TABS", (PROBE,))


def member(client: Any, role: str, organisation: Any) -> Any:
    user = User.objects.create_user(role, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client.force_login(user)
    return client


def address(charger: Charger, what: str) -> str:
    return f"/admin/chargers/charger/{charger.pk}/overview/{what}"


def test_each_tab_is_one_click_away(admin_client: Any, charger: Charger) -> None:
    content = admin_client.get(address(charger, "")).content.decode()
    for tab in TABS:
        assert pages.address_of(tab, charger) in content
        assert admin_client.get(pages.address_of(tab, charger)).status_code == 200
    assert content.count('aria-current="page"') == 1


def test_the_form_is_a_tab_too(admin_client: Any, charger: Charger) -> None:
    content = admin_client.get(f"/admin/chargers/charger/{charger.pk}/change/").content.decode()
    assert 'aria-current="page">Settings' in content


@pytest.mark.usefixtures("probe")
def test_what_is_done_is_posted(admin_client: Any, charger: Charger) -> None:
    assert admin_client.get(address(charger, "do/act/")).status_code == 405
    assert admin_client.post(address(charger, "do/act/")).content == b"done to CP-1"
    assert admin_client.get(address(charger, "piece/")).content == b"done to CP-1"
    assert admin_client.post(address(charger, "do/other/")).status_code == 404


@pytest.mark.usefixtures("probe")
def test_a_foreign_installer_finds_nothing(client: Any, charger: Charger) -> None:
    member(client, "installer", Organisation.objects.create(name="Theirs"))
    for what in ("", "piece/"):
        assert client.get(address(charger, what)).status_code == 404
    assert client.post(address(charger, "do/act/")).status_code == 404


@pytest.mark.usefixtures("probe")
def test_who_only_reads_does_nothing(client: Any, charger: Charger) -> None:
    member(client, "read_only", charger.organisation)
    assert client.get(address(charger, "")).status_code == 200
    assert client.post(address(charger, "do/act/")).status_code == 403
