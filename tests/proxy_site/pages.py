"""Every address of the admin, the forms on its pages, and what is in the database."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urljoin

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.urls import get_resolver
from django.urls.resolvers import RegexPattern

from accounts import people_admin
from chargers.models import Charger
from chargers.tabs.all import TABS
from routing.models import Command, WebhookDelivery
from routing.models.traffic import number_at
from tests.proxy_site.test_admin_access import NOW

OWN_TABS = [tab for tab in TABS if tab.context is not None]
NAMES: dict[tuple[str, bool], list[str]] = {
    ("chargers.charger", True): sorted({name for tab in OWN_TABS for name in tab.actions}),
    ("chargers.charger", False): sorted({name for tab in OWN_TABS for name in tab.pieces}),
    ("accounts.organisation", True): [*people_admin.DEEDS, "invite", "resend"],
}
"""What ``<slug:name>`` may be below a model's address; True: after ``do/``."""

Fields = dict[str, str]


class Form(NamedTuple):
    """A form that a page posts, filled in so that it would change something."""

    address: str
    fields: Fields


def addresses(world: Any) -> list[str]:
    """Every address below ``/admin/``, with what is in the world filled in."""
    found = []
    for route, names, is_regex in _patterns(get_resolver().url_patterns):
        if not route.startswith("admin/"):
            continue
        text = re.sub(r"\^|\$$", "", route.replace("\\Z", "")) if is_regex else route
        values = [_values(name, route, world) for name in names]
        for chosen in itertools.product(*values):
            address = text
            for name, value in zip(names, chosen, strict=True):
                pattern = rf"\(\?P<{name}>.*?\)(?=[$/]|$)" if is_regex else rf"<(\w+:)?{name}>"
                address = re.sub(pattern, str(value), address, count=1)
            found.append(f"/{address}")
    return list(dict.fromkeys(found))


def _patterns(rows: Iterable[Any], before: str = "") -> Iterator[tuple[str, list[str], bool]]:
    for row in rows:
        route = before + str(row.pattern)
        if hasattr(row, "url_patterns"):
            yield from _patterns(row.url_patterns, route)
        else:
            is_regex = isinstance(row.pattern, RegexPattern)
            names = row.pattern.regex.groupindex if is_regex else row.pattern.converters
            inherited = re.findall(r"<(?:\w+:)?(\w+)>", before)
            yield route, [*inherited, *names], is_regex


def _values(name: str, route: str, world: Any) -> list[Any]:
    """What to put in the place of a parameter."""
    model = model_at(route)
    if name in ("object_id", "pk", "id"):
        row = world.by_model.get(model or Charger)
        return [row.pk] if row else pytest.fail(f"world() of test_admin_access has no row for {route}")
    if name == "name":
        known = NAMES.get((model._meta.label_lower if model else "", "/do/" in route))
        return known or pytest.fail(f"add what <{name}> may be in {route} to NAMES of {__name__}")
    values: Mapping[str, Callable[[], list[Any]]] = {
        "tab:slug": lambda: [tab.slug for tab in OWN_TABS],
        "charger": lambda: [world.charger.pk],
        "exchange": lambda: [number_at(NOW)],
        "group": lambda: [world.by_model[Command].group],
        "delivery": lambda: [world.by_model[WebhookDelivery].pk],
        "content_type_id": lambda: [ContentType.objects.get_for_model(Charger).pk],
        "app_label": lambda: ["accounts", "chargers", "backoffices", "routing"],
        "url": lambda: ["nothing/"],
    }
    wanted = f"tab:{name}" if f"<tab:{name}>" in route else name
    if wanted not in values:
        pytest.fail(f"add what <{wanted}> of {route} may be to _values of {__name__}")
    return values[wanted]()


def model_at(route: str) -> type[models.Model] | None:
    """The model whose admin an address belongs to."""
    parts = route.strip("/").split("/")
    try:
        return apps.get_model(parts[1], parts[2])
    except (IndexError, LookupError):
        return None


# -- forms --------------------------------------------------------------------------------------------

TEXTS = ("text", "search", "email", "url", "number", "date", "time", "datetime-local", "textarea")


class FormReader(HTMLParser):
    """Reads the forms with ``method=post`` of a page. ``given``: values for fields by their names."""

    def __init__(self, address: str, given: Fields) -> None:
        super().__init__()
        self.address, self.given = address, given
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = self._area = ""
        self._ids: dict[str, Form] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._begin(said)
        form = self._ids.get(said.get("form", "")) or self._form
        if form is None:
            return
        if tag in ("input", "button") and said.get("name"):
            self._field(form, said, said.get("type", "text" if tag == "input" else "submit"))
        elif tag == "select" and said.get("name"):
            self._select = said["name"]
            form.fields.setdefault(self._select, self._known(self._select))
        elif tag == "option" and self._select and said.get("value"):
            if "selected" in said or not form.fields.get(self._select):
                form.fields[self._select] = said["value"]
        elif tag == "textarea" and said.get("name"):
            self._area = said["name"]
            form.fields[self._area] = ""

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._area:
            self._form.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def _begin(self, said: Fields) -> None:
        self._form = None
        if said.get("method", "").lower() == "post":
            self._form = Form(urljoin(self.address, said.get("action") or self.address), {})
            self.forms.append(self._form)
            self._ids[said.get("id", "-")] = self._form

    def _field(self, form: Form, said: Fields, kind: str) -> None:
        name, value = said["name"], said.get("value", "")
        if kind == "checkbox":
            if ("checked" in said) is name.endswith(("_selected_action", "DELETE")):
                form.fields[name] = value or "on"  # the other way round
        elif kind == "radio":
            if "checked" in said or name not in form.fields:
                form.fields[name] = value
        elif kind == "submit":
            form.fields.setdefault(name, value)
        elif kind in TEXTS and not name.endswith("_FORMS"):
            other = f"{value}1" if value and kind != "number" and name[-2:] not in ("_0", "_1") else value
            form.fields[name] = self._known(name) or other
        else:
            form.fields[name] = value

    def _known(self, name: str) -> str:
        return self.given.get(name.rpartition("-")[2], "")


def forms_of(address: str, html: str, given: Fields) -> list[Form]:
    """The forms that a page posts."""
    reader = FormReader(address, given)
    reader.feed(html)
    return reader.forms


# -- the database -------------------------------------------------------------------------------------

Rows = dict[type[models.Model], dict[Any, dict[str, Any]]]


def everything_stored() -> Rows:
    """All rows of all tables but sessions, as they are stored, without when somebody was last seen."""
    return {
        model: _rows(model)
        for model in apps.get_models(include_auto_created=True)
        if model is not Session and model._meta.managed and not model._meta.proxy
    }


def _rows(model: type[models.Model]) -> dict[Any, dict[str, Any]]:
    fields = [field for field in model._meta.concrete_fields if field.name != "last_login"]
    names = [field.column or "" for field in fields]
    with connection.cursor() as cursor:
        columns = ", ".join(connection.ops.quote_name(name) for name in names)
        cursor.execute(f"SELECT {columns} FROM {connection.ops.quote_name(model._meta.db_table)}")
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {row[model._meta.pk.column or ""]: row for row in rows}


class Difference(NamedTuple):
    """Of two states: rows that are new, and in words those that were changed or are gone."""

    new: list[tuple[type[models.Model], dict[str, Any]]]
    touched: list[str]


def difference(before: Rows, after: Rows) -> Difference:
    new, touched = [], []
    for model, rows in after.items():
        new += [(model, row) for pk, row in rows.items() if pk not in before[model]]
        for pk, row in before[model].items():
            if pk not in rows:
                touched.append(f"{model._meta.label} {pk} is gone")
            elif rows[pk] != row:
                fields = sorted(name for name in row if row[name] != rows[pk][name])
                touched.append(f"{model._meta.label} {pk}: {', '.join(fields)}")
    return Difference(new, touched)


def points_at(model: type[models.Model], row: Mapping[str, Any], rows: Rows) -> bool:
    """Whether a row refers to one of these."""
    return any(
        isinstance(field, models.ForeignKey) and row.get(field.column) in rows.get(field.related_model, {})
        for field in model._meta.concrete_fields
    )
