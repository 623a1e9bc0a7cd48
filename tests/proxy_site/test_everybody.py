"""A walk through the whole admin as people who may not: nothing leaks, nothing changes.

Addresses come from the resolver and forms from the pages as a superuser sees them, so that what is new is
walked without anyone remembering. A parameter that is not known here fails the test with what to add.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection, models, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts import people
from accounts.deeds import Deed
from accounts.models import User
from accounts.tokens import ApiToken
from backoffices.models import Backoffice
from chargers import transfers
from chargers.events import sight as badges
from routing.live import sight as live
from routing.models import Command
from tests.proxy_site.pages import (
    Form,
    Rows,
    addresses,
    difference,
    everything_stored,
    forms_of,
    points_at,
)
from tests.proxy_site.test_admin_access import SECRET, world

pytestmark = pytest.mark.django_db

ROLES = ("foreign installer", "reader", "expired owner", "expired owner who reads elsewhere")

ITSELF = ("/admin/logout/", "/admin/password_change/", "/admin/login/", "/i18n/setlang/")
"""What people do to their own session and password alone."""

LOOKS = (reverse("admin:routing_message_export"), reverse("admin:chargers_charger_export"))
"""GET of these gives a file away, which is recorded; nothing else is changed."""

OWN_TOKEN = reverse("admin:accounts_apitoken_add")
"""Who reads an organisation makes themselves a token for it, which may no more than they."""

LOOKING = ("export_chosen",)
"""And these actions."""


class Stage:
    """Two organisations, somebody of each role, and what a superuser finds at each address.

    Made once, for making all pages takes longer than all tests. ``wrote``: what opening them has changed.
    """

    def __init__(self) -> None:
        self.theirs, self.ours = with_people(SECRET), with_people("Ours")
        self.root = logged_in(self.theirs.superuser)
        self.users = {role: self._someone(role) for role in ROLES}
        self.forms: list[Form] = []
        self.wrote: list[str] = []
        self._open_all()

    def _someone(self, role: str) -> User:
        """A user of a role: what they are here, and were there."""
        user = User.objects.create_user(role)
        gone, here, there = timezone.now() - timedelta(days=1), self.ours.charger, self.theirs.charger
        if role.startswith("expired"):
            there.organisation.memberships.create(user=user, role="owner", ends_at=gone)
        if role == "reader":
            there.organisation.memberships.create(user=user, role="read_only")
        if role == "expired owner who reads elsewhere":
            here.organisation.memberships.create(user=user, role="read_only")
        if role == "foreign installer":
            here.organisation.memberships.create(user=user, role="installer")
        return user

    def _open_all(self) -> None:
        """As a superuser, who sees everything; collects forms."""
        known, before = given(self.theirs), everything_stored()
        for address in addresses(self.theirs):
            with connection.execute_wrapper(writes := Writes()):
                response = self.root.get(address)
            assert response.status_code < 500, address
            if writes.any:
                new, touched = difference(before, everything_stored())
                if address.startswith(LOOKS):
                    new = [(model, row) for model, row in new if model is not Deed]
                self.wrote += [f"{address}: {said}" for said in (*new, *touched)]
                before = everything_stored()
            if "html" in response.get("Content-Type", ""):
                self.forms += forms_of(address, response.content.decode(), known)
        for address in addresses(self.theirs):
            self.forms.append(Form(address, known | {"post": "yes", "confirmed": "1", "code": "AAAA"}))
        self.forms += _actions(self.theirs)
        unlike = {(form.address, tuple(sorted(form.fields.items()))): form for form in self.forms}
        self.forms = [form for form in unlike.values() if not form.address.startswith(ITSELF)]


def with_people(name: str) -> SimpleNamespace:
    """A world in which an invitation and an offer are open, and a command is one of several."""
    found = world(name)
    found.by_model[Command].group = uuid4()
    found.by_model[Command].save()
    found.superuser = User.objects.create_superuser(f"{name}-superuser")
    found.invitation, _token = people.invite(
        found.superuser, found.charger.organisation, email=f"{name}@example.org", role="owner"
    )
    found.offer, _code = transfers.offer(found.superuser, found.charger, email=f"{name}@example.org")
    return found


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stage]:
    logging.disable(logging.ERROR)  # each page that is refused has a traceback to tell
    with django_db_blocker.unblock(), transaction.atomic():
        yield Stage()
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)


def logged_in(user: User, **how: Any) -> Client:
    client = Client(**how)
    client.force_login(user)
    return client


def given(world: Any) -> dict[str, str]:
    """What fields of forms may point at, by their names."""
    names = {model._meta.model_name or "": str(row.pk) for model, row in world.by_model.items()}
    more = {
        "member": names["membership"],
        "invitation": str(world.invitation.pk),
        "enabled": "0",
        "lasts": "none",
        "email": "x@example.org",
        "name": "Other",
        "identity": "Other",
        "permissions": "{}",
        "options": "{}",
    }
    return names | more


def to_get(world: Any) -> list[str]:
    """Every address, also as pages link to them."""
    plain = addresses(world)
    known = given(world)
    query = "&".join(f"{name}={known[name]}" for name in ("charger", "route", "backoffice", "organisation"))
    query += f"&ids={world.charger.pk}&window=any"
    asked = [f"{address}?{query}" for address in plain if not _is_a_row(address)]
    return [*plain, *asked, *_suggestions()]


def _is_a_row(address: str) -> bool:
    return address.rstrip("/").endswith(("change", "delete", "history"))


def _suggestions() -> Iterator[str]:
    """What each field of each form could suggest."""
    for model in admin.site._registry:
        for field in model._meta.get_fields():
            remote: Any = field.related_model
            if (
                isinstance(field, models.ForeignKey | models.ManyToManyField)
                and remote in admin.site._registry
            ):
                label = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                yield f"{reverse('admin:autocomplete')}?{label}&field_name={field.name}&term="


def _actions(world: Any) -> Iterator[Form]:
    for model, page in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for name in page.get_actions(_request()):
            row = {"_selected_action": str(world.by_model[model].pk)}
            yield Form(address, {"action": name, "post": "yes", "select_across": "0", **row})


def _request() -> Any:
    """One of a superuser."""
    request: Any = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    return request


def text_of(response: Any) -> str:
    """All that a response says but the address that was asked for."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    text = f"{response.headers} {body.decode(errors='replace')}"
    return text.replace(response.request["PATH_INFO"], "")


class Writes:
    """Notes whether a statement has written something; sessions do not count."""

    def __init__(self) -> None:
        self.any = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        writes = sql.lstrip("( ").upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"))
        self.any |= writes and "django_session" not in sql
        return execute(sql, params, many, context)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "reader"])
def test_nothing_of_another_organisation_is_told(role: str, stage: Stage) -> None:
    client = logged_in(stage.users[role])
    wrong = []
    for address in to_get(stage.theirs):
        response = client.get(address)
        if response.status_code >= 500 or SECRET in text_of(response):
            wrong.append(f"{address} answers {response.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "expired owner"])
def test_what_somebody_posts_changes_nothing_of_others(role: str, stage: Stage) -> None:
    """And nothing at all, if they only read."""
    client, before, wrong = logged_in(stage.users[role]), everything_stored(), []
    for form in stage.forms:
        for said in _done(client, form, before, role, rows_of(stage.theirs)):
            wrong.append(f"POST {form.address} {form.fields}: {said}")
    assert not wrong, "\n".join(wrong)


def _done(client: Client, form: Form, before: Rows, role: str, foreign: Rows) -> Iterator[str]:
    """What a POST has done that it may not, in words. It is undone."""
    with transaction.atomic():
        with connection.execute_wrapper(writes := Writes()):
            response = client.post(form.address, form.fields)
        if response.status_code >= 500 or (role != "reader" and SECRET in text_of(response)):
            yield f"answers {response.status_code}"
        if writes.any:
            new, touched = difference(before, everything_stored())
            yield from touched
            for model, row in new:
                if model is Deed and form.fields.get("action") in LOOKING:
                    continue
                if role == "reader" and form.address == OWN_TOKEN and model in (Deed, ApiToken):
                    continue
                mine = role == "foreign installer" and not points_at(model, row, foreign)
                if not mine or SECRET in str(row):
                    yield f"new {model._meta.label} {row}"
        transaction.set_rollback(writes.any)


def rows_of(world: Any) -> Rows:
    """The keys of a world's own rows."""
    return {model: {row.pk: {}} for model, row in world.by_model.items()}


def test_the_same_would_change_something_if_one_may(stage: Stage) -> None:
    """Otherwise the test before this one would hold for any proxy."""
    before, silent = everything_stored(), dict.fromkeys(_changeable(stage), "")
    for form in stage.forms:
        if form.address in silent:
            with transaction.atomic():
                response = stage.root.post(form.address, form.fields)
                if difference(before, everything_stored()) != ([], []):
                    del silent[form.address]
                else:
                    silent[form.address] += _errors(response)
                transaction.set_rollback(True)
    assert not silent, "\n".join(map(str, silent.items()))


def _changeable(stage: Stage) -> Iterator[str]:
    """The pages on which a superuser changes a row."""
    request = _request()
    for model, page in admin.site._registry.items():
        row = stage.theirs.by_model[model]
        if model is not Group and page.has_change_permission(request, row):  # its permissions are no text
            yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])


def _errors(response: Any) -> str:
    context = response.context or {}
    return str(context["adminform"].errors) if "adminform" in context else str(response)


def test_no_address_changes_anything_when_it_is_opened(stage: Stage) -> None:
    assert not stage.wrote, "\n".join(stage.wrote)


def test_no_address_takes_a_post_from_another_page(stage: Stage) -> None:
    client = logged_in(stage.theirs.superuser, enforce_csrf_checks=True)
    every = [*addresses(stage.theirs), *ITSELF]
    answers = {address: client.post(address, {"post": "yes"}).status_code for address in every}
    assert {address: code for address, code in answers.items() if code != 403} == {}


@pytest.mark.parametrize("role", ROLES)
def test_no_socket_shows_what_belongs_to_others(role: str, stage: Stage) -> None:
    user: Any = User.objects.get(pk=stage.users[role].pk)
    sees = {"reader": {stage.theirs.charger.pk}, "expired owner": set()}.get(role, {stage.ours.charger.pk})
    keys = [stage.ours.charger.pk, stage.theirs.charger.pk]
    assert (badges.visible(user, keys) or frozenset()) == sees
    for there in (stage.ours, stage.theirs):
        looks = [live.look(user, "charger", there.charger.pk)]
        looks.append(live.look(user, "backoffice", there.by_model[Backoffice].pk))
        assert [look is not None for look in looks] == [there.charger.pk in sees] * 2
