"""Every page of the admin, as a superuser and as an installer of another organisation.

New models are covered without anyone remembering: a registered model that the world below has no
row of fails the test.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from accounts.deeds import Deed
from accounts.models import Location, Membership, Organisation, User
from accounts.tokens import ApiToken, issue
from backoffices.models import Backoffice, CatalogueEntry
from chargers.models import Charger, Connector, RefusedAttempt
from routing.models import (
    Alarm,
    Card,
    ChargerSession,
    Command,
    ConfigChange,
    ConfigurationKey,
    DefaultRoute,
    Delivery,
    Event,
    FirmwareEvent,
    FirmwareFile,
    GuardOverride,
    Identifier,
    LatestValue,
    Message,
    PermissionPreset,
    Reading,
    Route,
    RouteState,
    RouteTransaction,
    RuntimeProcess,
    SettingsPreset,
    Transaction,
    Upkeep,
    Upload,
    Webhook,
    WebhookDelivery,
)
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "Zebra"
"""Stands in every name, address and text of the other organisation."""


def equipment(name: str, organisation: Organisation, charger: Charger, connector_id: int = 1) -> list[Any]:
    """What a charger has told of itself and was told, and the files and presets for it."""
    return [
        Reading.objects.create(charger=charger, connector_id=connector_id, at=NOW, power_w=7400),
        ConfigurationKey.objects.create(charger=charger, variable=name, value=name, seen_at=NOW),
        FirmwareEvent.objects.create(charger=charger, at=NOW, kind="firmware", status=name),
        Command.objects.create(
            charger=charger, verb="", action="Reset", ocpp_version="1.6", payload={"type": name},
            command_class="maintenance", deadline=NOW, via="admin", actor_name=name, words=name,
            exchange=number_at(NOW),
        ),
        Upload.objects.create(charger=charger, token_hash=name, expires=NOW, name=name, received_at=NOW),
        FirmwareFile.objects.create(organisation=organisation, name=name, sha256=name),
        SettingsPreset.objects.create(organisation=organisation, name=name, values={name: name}),
    ]  # fmt: skip


def condition(name: str, charger: Charger, route: Route) -> list[Any]:
    """How a charger and its route are now."""
    return [
        LatestValue.objects.create(charger=charger, kind="boot", key=name, payload=name, at=NOW),
        ChargerSession.objects.create(charger=charger, online=True, remote_address=name, connected_at=NOW),
        RouteState.objects.create(route=route, state="connected", since=NOW, last_error=name),
        GuardOverride.objects.create(route=route, until=NOW, reason=name, by=name),
        Alarm.objects.create(charger=charger, kind=name, text=name, raised=NOW),
    ]


def world(name: str) -> SimpleNamespace:
    """An organisation with one row of every model; ``name`` is in all of their texts."""
    organisation = Organisation.objects.create(name=f"{name} GmbH")
    user = User.objects.create_user(f"{name}-user")
    charger = Charger.objects.create(
        identity=f"{name}-CP", organisation=organisation, label=f"{name} label", password_hashes=["text:hash"]
    )
    backoffice = Backoffice.objects.create(
        name=f"{name} energy",
        organisation=organisation,
        url=f"ws://{name}/",
        username=name,
        password=b"topsecret",
    )
    preset = PermissionPreset.objects.create(organisation=organisation, name=f"{name} preset", role="control")
    route = Route.objects.create(
        charger=charger, backoffice=backoffice, role="control", alias=f"{name}-alias", preset=preset
    )
    transaction = Transaction.objects.create(
        charger=charger, ocpp_version="1.6", id_tag=f"{name}-card", charger_transaction_id=name, owner=route
    )
    webhook = Webhook.objects.create(
        label=f"{name} hook", organisation=organisation, url=f"https://{name}.example/", secret=b"whsec_x"
    )
    event = Event.objects.create(
        type="charger.booted", at=NOW, organisation=organisation, charger=charger, key=name, data={"n": name}
    )
    rows: list[Any] = [
        *(webhook, event, WebhookDelivery.objects.create(webhook=webhook, event=event, response=name)),
        *(organisation, user, charger, backoffice, preset, route, transaction),
        Group.objects.create(name=f"{name} group"),
        Location.objects.create(organisation=organisation, name=f"{name} yard", address=name),
        Membership.objects.create(user=user, organisation=organisation, role="installer"),
        issue(user, f"{name} token", ["chargers:read"])[0],
        Connector.objects.create(charger=charger, connector_id=1, status=name, updated_at=NOW),
        RefusedAttempt.objects.create(identity=name, cause="unknown_identity", first_at=NOW, last_at=NOW),
        CatalogueEntry.objects.create(
            name=f"{name} operator", organisation=organisation, url_template=f"wss://{name}.example/"
        ),
        DefaultRoute.objects.create(backoffice=backoffice, role="control"),
        Card.objects.create(organisation=organisation, id_tag=f"{name}-card", label=name, group=name),
        transaction.route_transactions.create(route=route, route_transaction_id=name, state="known"),
        Message.objects.create(
            charger=charger, route=route, at=NOW, exchange=number_at(NOW), direction="up", action=name,
            message_id=name, text=name, answer=name, outcome="answered", rule=name,
        ),
        charger.deliveries.create(route=route, seq=1, exchange=1, at=NOW, action=name, payload=name),
        *condition(name, charger, route),
        charger.identifiers.create(
            route=route, kind="request", charger_identifier=name, route_identifier=name, created=NOW
        ),
        *equipment(name, organisation, charger),
        RuntimeProcess.objects.create(id=name, beat_at=NOW),
        Upkeep.objects.create(step=name, tried_at=NOW),
        ConfigChange.objects.latest("id"),
        Deed.objects.filter(charger_id=charger.pk).latest("id"),
    ]  # fmt: skip
    return SimpleNamespace(user=user, charger=charger, by_model={type(row): row for row in rows})


@pytest.fixture(scope="module")
def worlds(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, SimpleNamespace]]:
    """Made once: making them takes longer than most tests. What a test changes in them is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = {name: world(name) for name in (SECRET, "Ours")}
        made["Ours"].user.is_staff = True
        made["Ours"].user.save()
        made["Ours"].user.user_permissions.set(Permission.objects.all())
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def theirs(worlds):
    return worlds[SECRET]


@pytest.fixture
def ours(worlds):
    return worlds["Ours"]


@pytest.fixture
def installer(client, ours):
    client.force_login(ours.user)
    return client


MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def everything(model):
    """The list of a model, that of messages without its window of time."""
    return address(model, "changelist") + ("?window=any" if model is Message else "")


def rows_of(response):
    """The rows of a list; the explorer shows exchanges in their place."""
    if "cl" in response.context:
        return list(response.context["cl"].result_list)
    return [
        Message.objects.get(charger=x.charger, exchange=x.number) for x in response.context["page"].exchanges
    ]


with_rows = pytest.mark.parametrize(
    "model", [model for model in MODELS if model is not Message], ids=lambda model: model._meta.label
)
"""Models with a page for each row; messages have one for each exchange (tests/routing/explorer)."""


@with_rows
def test_a_superuser_opens_every_page(model, admin_client, theirs):
    row = theirs.by_model[model]
    row_pages = [address(model, page, row.pk) for page in ("change", "delete", "history")]
    for url in [address(model, "changelist"), address(model, "add"), *row_pages]:
        response = admin_client.get(url)
        kept = _read_only(model) or model in KEPT
        expected = (200, 403) if kept and url.endswith(("/add/", "/delete/")) else (200,)
        assert response.status_code in expected, url


@each_model
def test_a_superuser_finds_the_row_in_its_list(model, admin_client, theirs):
    response = admin_client.get(everything(model))
    assert theirs.by_model[model] in rows_of(response)


def _read_only(model):
    request: Any = SimpleNamespace(user=User(is_superuser=True))
    return not admin.site._registry[model].has_add_permission(request)


@with_rows
@pytest.mark.parametrize(("page", "method"), [("change", "get"), ("delete", "post")])  # all: test_everybody
def test_an_installer_opens_no_row_of_another_organisation(model, page, method, installer, theirs):
    row = theirs.by_model[model]
    response = getattr(installer, method)(
        address(model, page, row.pk), {"post": "yes"} if method == "post" else {}
    )
    assert response.status_code in (403, 404)
    assert type(row).objects.filter(pk=row.pk).exists()


KEPT = {GuardOverride}
"""What is given and taken back, but never removed."""

OWN = {Charger, Backoffice, Route, Connector, Transaction, RouteTransaction, Message, Delivery}
OWN |= {Deed, ApiToken, Location, CatalogueEntry, Reading, ConfigurationKey, FirmwareEvent}
OWN |= {Command, Upload, FirmwareFile, SettingsPreset, Event, Webhook, WebhookDelivery}
OWN |= {Identifier, Alarm, Card, GuardOverride, LatestValue, ChargerSession, RouteState, PermissionPreset}


@with_rows
def test_an_installer_opens_the_rows_of_their_own_organisation(model, installer, ours, theirs):
    response = installer.get(address(model, "change", ours.by_model[model].pk))
    assert (response.status_code == 200) is (model in OWN)
    assert SECRET not in response.content.decode()


@each_model
def test_without_an_organisation_there_is_nothing_to_see(model, client, ours, theirs):
    Membership.objects.filter(user=ours.user).delete()
    Backoffice.objects.create(name=f"{SECRET} shared", url="ws://shared/")
    client.force_login(ours.user)
    response = client.get(everything(model))
    assert response.status_code in (200, 403)
    if (
        response.status_code == 200 and model is not ApiToken
    ):  # a token is its person's, and sees nothing then
        assert not rows_of(response)
        assert SECRET not in response.content.decode()


@pytest.mark.parametrize(
    ("source", "field", "model"),
    [("route", "charger", Charger), ("route", "backoffice", Backoffice)],
)
def test_what_a_field_suggests_is_scoped(source, field, model, installer, ours, theirs):
    query = {"app_label": "routing", "model_name": source, "field_name": field, "term": ""}
    results = installer.get(reverse("admin:autocomplete"), query).json()["results"]
    assert [result["id"] for result in results] == [str(ours.by_model[model].pk)]


def test_an_installer_points_at_no_charger_of_another_organisation(installer, ours, theirs):
    backoffice = Backoffice.objects.create(name="shared", url="ws://shared/")
    form = {"charger": theirs.charger.pk, "backoffice": backoffice.pk, "role": "observe", "enabled": "on"}
    response = installer.post(address(Route, "add"), form | {"permissions": "{}", "options": "{}"})
    assert response.status_code == 200
    assert "charger" in response.context["adminform"].form.errors
    form["charger"] = ours.charger.pk
    assert (
        installer.post(address(Route, "add"), form | {"permissions": "{}", "options": "{}"}).status_code
        == 302
    )


@pytest.mark.parametrize("end", ["charger", "backoffice"])
def test_a_route_is_not_led_elsewhere_with_what_it_holds(end, installer, ours):
    """The password that a backoffice has set (or the shared one before it) would be told to another one."""
    route = ours.by_model[Route]
    other = {
        "charger": Charger.objects.create(identity="other", organisation=ours.charger.organisation),
        "backoffice": Backoffice.objects.create(
            name="mine", organisation=ours.charger.organisation, url="ws://mine/"
        ),
    }
    form = {"charger": route.charger_id, "backoffice": route.backoffice_id, "role": route.role}
    form |= {"permissions": "{}", "options": "{}", "alias": route.alias, "preset": route.preset_id}
    assert installer.post(address(Route, "change", route.pk), form | {end: other[end].pk}).status_code == 302
    stored = Route.objects.get(pk=route.pk)
    assert (stored.charger_id, stored.backoffice_id) == (route.charger_id, route.backoffice_id)
    setattr(stored, end, other[end])
    with pytest.raises(ValidationError, match="a route keeps its charger and its backoffice"):
        stored.full_clean()


@pytest.mark.parametrize("action", ["switch_off", "delete_selected"])
def test_an_action_on_rows_of_another_organisation_does_nothing(action, installer, theirs):
    route = theirs.by_model[Route]
    installer.post(
        address(Route, "changelist"), {"action": action, "_selected_action": route.pk, "post": "yes"}
    )
    assert Route.objects.get(pk=route.pk).enabled


def test_a_reader_changes_nothing(installer, ours):
    Membership.objects.filter(user=ours.user).update(role="read_only")
    charger = ours.charger
    assert installer.get(address(Charger, "change", charger.pk)).status_code == 200
    assert installer.post(address(Charger, "change", charger.pk), {"identity": "x"}).status_code == 403
    assert installer.post(address(Charger, "delete", charger.pk), {"post": "yes"}).status_code == 403
    route = ours.by_model[Route]
    installer.post(address(Route, "changelist"), {"action": "switch_off", "_selected_action": route.pk})
    assert Route.objects.get(pk=route.pk).enabled


def test_a_shared_backoffice_shows_neither_address_nor_user_name(installer, ours):
    shared = Backoffice.objects.create(name="shared", url="ws://quagga-address/", username="quagga-user")
    response = installer.get(address(Backoffice, "change", shared.pk))
    assert response.status_code == 200
    assert "quagga" not in response.content.decode()
    listed = installer.get(address(Backoffice, "changelist")).content.decode()
    assert "shared" in listed
    assert "quagga" not in listed
    assert installer.post(address(Backoffice, "change", shared.pk), {"name": "mine"}).status_code == 403


def test_how_fast_a_backoffice_catches_up_is_for_its_organisation_to_say(installer, ours, theirs):
    mine, foreign = ours.by_model[Backoffice], theirs.by_model[Backoffice]
    shared = Backoffice.objects.create(name="shared", url="ws://shared/")
    answers = {
        row.pk: installer.post(
            address(Backoffice, "change", row.pk),
            {"name": row.name, "url": row.url, "enabled": "on", "catch_up": "3"}
            | {"organisation": row.organisation_id or ""},
        )
        for row in (mine, foreign, shared)
    }
    assert answers[mine.pk].status_code == 302
    assert {answers[row.pk].status_code for row in (foreign, shared)} <= {403, 404}
    told = dict(Backoffice.objects.values_list("pk", "catch_up"))
    assert told == {mine.pk: 3, foreign.pk: 20, shared.pk: 20}
    assert "catch_up" not in installer.get(address(Backoffice, "change", shared.pk)).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "password_hashes__contains=text",
        "password__contains=v1",
        "password=x",
        "previous_password__contains=v1",
    ],
)
def test_nobody_searches_for_secrets(query, installer, ours):
    for model in (Charger, Backoffice, Route):
        response = installer.get(address(model, "changelist") + "?" + query)
        assert response.status_code in (302, 400)


GUESSES = [
    (Delivery, "payload__contains=S"),
    (LatestValue, "key__startswith=S"),
    (LatestValue, "payload__regex=^S"),
    (Transaction, "id_tag__startswith=S"),
    (Transaction, "start_payload__contains=S"),
    (Card, "id_tag__startswith=S"),
    (Card, "group__gt=S"),
    (Backoffice, "url__startswith=ws"),
    (Backoffice, "username__startswith=S"),
    (Route, "backoffice__url__startswith=ws"),
]


@pytest.mark.parametrize(("model", "query"), GUESSES, ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_not_shown_is_not_guessed_piece_by_piece(model, query, installer, ours):
    Membership.objects.filter(user=ours.user).update(role="read_only")
    assert installer.get(f"{address(model, 'changelist')}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Message, "charger=Ours-CP&window=any&outcome=well"),
        (Card, "blocked__exact=0&organisation__id__exact=1"),
        (Transaction, "closed__isempty=1"),
        (Route, "role__exact=control&state=down"),
    ],
)
def test_the_filters_of_a_page_work(model, query, installer, ours):
    assert installer.get(f"{address(model, 'changelist')}?{query}").status_code == 200
