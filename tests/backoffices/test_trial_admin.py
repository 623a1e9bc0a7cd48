"""The test of a backoffice in the admin: who may make it, of what, and what it never does."""

import asyncio
import json
import threading
from contextlib import contextmanager, suppress

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve
from websockets.typing import Subprotocol

from accounts.models import Membership, Organisation, User
from backoffices import trial_admin
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import ChargerSession, Route, RouteState
from tests.backoffices.dialling import backoffice as async_backoffice
from tests.backoffices.dialling import stay

pytestmark = pytest.mark.django_db

TRIAL = reverse("admin:backoffices_backoffice_trial")
LINES = {"accept": trial_admin.LINES}


@pytest.fixture(autouse=True)
def nobody_has_tried():
    cache.clear()


@pytest.fixture
def dialled(monkeypatch):
    """What would be dialled; nothing is."""
    seen = []

    async def note(wanted):
        seen.append(wanted)
        return []

    monkeypatch.setattr(trial_admin, "trial", note)
    return seen


@pytest.fixture
def ours():
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def office(ours):
    return Backoffice.objects.create(
        name="energy", organisation=ours, url="wss://energy.example/ocpp", password=b"stored-secret"
    )


@pytest.fixture
def route(ours, office):
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    return Route.objects.create(charger=charger, backoffice=office, role="control", alias="EMS-1")


def login(client, role, organisation):
    user = User.objects.create_user(f"{role}-{organisation}", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client.force_login(user)
    return client


@pytest.fixture
def installer(client, ours):
    return login(client, "installer", ours)


def of(**keys):
    return TRIAL + "?" + "&".join(f"{name}={row.pk}" for name, row in keys.items())


def text(response):
    return response.content.decode()


# -- who ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "own", "status"),
    [
        ("installer", True, 200),
        ("read_only", True, 403),
        ("installer", False, 404),
        ("read_only", False, 404),
    ],
    ids=["installer", "read-only member", "foreign installer", "foreign read-only member"],
)
@pytest.mark.parametrize("what", ["route", "backoffice"])
def test_who_may_test(what, role, own, status, client, ours, office, route, dialled):
    theirs = Organisation.objects.create(name="Theirs")
    login(client, role, ours if own else theirs)
    address = of(route=route) if what == "route" else of(backoffice=office)
    form = {} if what == "route" else {"url": office.url}
    assert client.post(address, form).status_code == status
    assert len(dialled) == (status == 200)


def test_who_belongs_to_nobody_tests_nothing(client, ours, dialled):
    login(client, "installer", ours)
    User.objects.get().user_permissions.clear()
    User.objects.get().memberships.all().delete()
    assert client.post(TRIAL, {"url": "ws://x/"}).status_code == 403
    assert dialled == []


def test_a_read_only_member_tests_no_new_one(client, ours, dialled):
    login(client, "read_only", ours)
    assert client.post(TRIAL, {"url": "wss://x/"}).status_code == 403
    assert dialled == []


def test_nobody_tests_without_logging_in(client, dialled):
    assert client.post(TRIAL, {"url": "ws://x/"}).status_code == 302
    assert dialled == []


def test_looking_dials_nothing(installer, office, route, dialled):
    assert installer.get(TRIAL).status_code == 405
    assert installer.get(of(backoffice=office)).status_code == 405
    assert installer.get(of(route=route)).status_code == 200
    assert dialled == []


def test_a_forged_request_dials_nothing(ours, office, dialled):
    client = login(Client(enforce_csrf_checks=True), "installer", ours)
    assert client.post(of(backoffice=office), {"url": office.url}).status_code == 403
    assert dialled == []


def test_a_shared_backoffice_is_not_tested_by_its_form(installer, dialled):
    shared = Backoffice.objects.create(name="shared", url="wss://hidden.example/", password=b"x")
    assert installer.post(of(backoffice=shared), {"url": shared.url}).status_code == 403
    assert dialled == []


def test_a_route_to_a_shared_one_is_tested_without_telling_where_it_is(installer, route, dialled):
    Backoffice.objects.update(organisation=None)
    page = installer.post(of(route=route))
    assert dialled[0].discreet
    assert "energy.example" not in text(page)


@pytest.mark.parametrize("key", ["x", "0", "999999999999999999999", "-1", "²"])
def test_there_is_no_such_route(key, installer, dialled):
    assert installer.post(f"{TRIAL}?route={key}").status_code == 404


# -- of what --------------------------------------------------------------------------------------------


def test_a_route_is_tried_as_it_dials(installer, route, dialled):
    installer.post(of(route=route))
    (wanted,) = dialled
    assert wanted.url == "wss://energy.example/ocpp/EMS-1"
    assert (wanted.username, wanted.password, wanted.discreet) == ("EMS-1", b"stored-secret", False)


def test_a_route_offers_what_its_charger_speaks(installer, route, dialled):
    ChargerSession.objects.create(charger=route.charger, online=True, ocpp_version="2.0.1")
    installer.post(of(route=route))
    assert dialled[0].versions == ("2.0.1",)


def test_a_password_that_the_backoffice_has_set_comes_first(installer, route, dialled):
    route.password = b"its own"
    route.save()
    installer.post(of(route=route))
    assert dialled[0].password == b"its own"


def test_what_is_typed_is_tried_and_not_saved(installer, office, dialled):
    form = {
        "url": "wss://other.example/{identity}",
        "username": "me",
        "new_password": "00ff",
        "password_is_hex": "on",
        "ocpp_versions": ["1.6", "2.1"],
        "trial_identity": "CP 7",
    }
    installer.post(of(backoffice=office), form)
    (wanted,) = dialled
    assert wanted.url == "wss://other.example/CP%207"
    assert (wanted.username, wanted.password, wanted.versions) == ("me", b"\x00\xff", ("1.6", "2.1"))
    office.refresh_from_db()
    assert (office.url, office.password) == ("wss://energy.example/ocpp", b"stored-secret")


@pytest.mark.parametrize(
    ("form", "password"),
    [
        ({}, b"stored-secret"),
        ({"url": "wss://ENERGY.example:443/another/path"}, b"stored-secret"),
        ({"remove_password": "on"}, None),
        ({"remove_password": "on", "url": "wss://evil.example/"}, None),
        ({"new_password": "typed", "url": "wss://evil.example/"}, b"typed"),
    ],
    ids=["same server", "same server written otherwise", "none", "none elsewhere", "typed elsewhere"],
)
def test_an_empty_password_is_the_stored_one(form, password, installer, office, dialled):
    installer.post(of(backoffice=office), {"url": office.url} | form)
    assert dialled[0].password == password


@pytest.mark.parametrize(
    "url",
    ["wss://evil.example/", "wss://energy.example:8443/", "ws://energy.example:443/", "ws://energy.example/"],
)
def test_a_stored_password_goes_to_no_other_server(url, installer, office, dialled):
    page = text(installer.post(of(backoffice=office), {"url": url}))
    assert dialled == []
    assert "sent to the stored server only" in page
    assert "stored-secret" not in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"url": "http://x/"}, "is not a WebSocket address"),
        ({"url": "ws://user:pw@x/"}, "contains credentials"),
        ({"url": "ws://{host}/"}, "replace {host}"),
        ({"url": "ws://x/", "ocpp_versions": "9"}, "is not an OCPP version"),
        ({"url": "ws://x/", "new_password": "xyz", "password_is_hex": "on"}, "not hexadecimal"),
        ({}, "is not a WebSocket address"),
    ],
    ids=["http", "credentials", "left open", "version", "hex", "empty"],
)
def test_what_can_not_be_dialled_is_said(form, words, installer, dialled):
    assert words in text(installer.post(TRIAL, form))
    assert dialled == []


# -- links that are up ----------------------------------------------------------------------------------


@pytest.fixture
def joined(route):
    ChargerSession.objects.create(charger=route.charger, online=True, ocpp_version="1.6", runtime="")
    RouteState.objects.create(route=route, state="connected", since=timezone.now())
    return route


def test_a_live_link_is_not_pushed_out_unasked(installer, joined, dialled):
    assert "is connected as EMS-1 now" in text(installer.post(of(route=joined)))
    assert dialled == []
    installer.post(of(route=joined), {"dial_anyway": "on"})
    assert len(dialled) == 1


def test_nor_by_the_form(installer, office, joined, dialled):
    form = {"url": office.url, "trial_identity": "EMS-1"}
    told = installer.post(of(backoffice=office), form, headers=LINES)
    notice = json.loads(b"".join(told.streaming_content))
    assert (notice["kind"], notice["may_confirm"]) == ("notice", True)
    assert dialled == []
    installer.post(of(backoffice=office), form | {"trial_identity": "another"})
    installer.post(of(backoffice=office), form | {"dial_anyway": "on"})
    assert len(dialled) == 2


def test_it_is_not_told_whether_a_foreign_charger_is_connected(client, office, joined, dialled):
    login(client, "installer", Organisation.objects.create(name="Theirs"))
    client.post(TRIAL, {"url": office.url, "trial_identity": "EMS-1"})
    assert len(dialled) == 1


# -- how often ------------------------------------------------------------------------------------------


def test_the_proxy_is_no_scanner(installer, admin_client, dialled):
    pages = [installer.post(TRIAL, {"url": f"ws://x:{port}/"}) for port in range(1, 13)]
    assert len(dialled) == trial_admin.A_MINUTE
    assert "wait one" in text(pages[-1])
    admin_client.post(TRIAL, {"url": "ws://x/"})
    assert len(dialled) == trial_admin.A_MINUTE + 1


# -- for real -------------------------------------------------------------------------------------------


@contextmanager
def backoffice_in_thread():
    def wait(connection):
        with suppress(ConnectionClosed):
            connection.recv()

    with serve(wait, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


def test_without_a_script_there_is_a_page(installer, settings):
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = True
    with backoffice_in_thread() as port:
        page = text(installer.post(TRIAL, {"url": f"ws://127.0.0.1:{port}/", "new_password": "pass-word-1"}))
    assert "All is well" in page
    assert "It chose OCPP 1.6" in page
    assert "pass-word-1" not in page
    assert not Backoffice.objects.exists()


def test_a_private_address_is_refused_where_that_is_the_policy(installer, settings):
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = False
    page = text(installer.post(TRIAL, {"url": "ws://169.254.169.254/latest/"}))
    assert "not a public address" in page
    assert "It does not work yet." in page


@pytest.mark.django_db(transaction=True)
async def test_a_script_gets_each_step_as_it_comes(async_client, ours, settings):
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = True
    user = await User.objects.acreate_superuser("root", "", "")
    await async_client.aforce_login(user)
    async with async_backoffice(stay) as port, asyncio.timeout(20):
        answer = await async_client.post(TRIAL, {"url": f"ws://127.0.0.1:{port}/"}, headers=LINES)
        assert answer.streaming
        steps = [json.loads(line) async for line in answer.streaming_content]
    assert [step["name"] for step in steps] == ["dns", "tcp", "tls", "http", "subprotocol"]
    assert [step["outcome"] for step in steps] == ["ok", "ok", "skipped", "ok", "ok"]
    assert answer["Content-Type"] == trial_admin.LINES
    assert "no-store" in answer["Cache-Control"]


def test_the_forms_have_the_button(installer, office):
    for address in ("add/?catalogue=other", f"{office.pk}/change/"):
        page = text(installer.get(f"/admin/backoffices/backoffice/{address}"))
        assert 'id="trial-button"' in page
        assert "stored-secret" not in page


def test_who_may_not_change_it_has_no_button(client, ours, office):
    login(client, "read_only", ours)
    page = text(client.get(f"/admin/backoffices/backoffice/{office.pk}/change/"))
    assert 'id="trial-button"' not in page
