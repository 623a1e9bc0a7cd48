"""The configuration as YAML: what ``apply`` takes without a change, and nothing secret."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent
from typing import Any

import yaml

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from proxy_site.configuration.reading import CATCH_UP, KEPT
from routing.models import Card, DefaultRoute, PermissionPreset, Route

NOT_EXPORTED = "# password: one is set; it is never exported, and apply leaves it alone"


def export() -> str:
    """All organisations, backoffices, default routes and chargers, as YAML."""
    chargers = Charger.objects.select_related("organisation").prefetch_related(
        "routes__backoffice", "routes__preset"
    )
    sections = [
        _section("organisations", (_organisation(row) for row in Organisation.objects.all())),
        _section(
            "presets", (_preset(row) for row in PermissionPreset.objects.select_related("organisation"))
        ),
        _section("backoffices", (_backoffice(b) for b in Backoffice.objects.select_related("organisation"))),
        _section(
            "default_routes",
            (_dump(_any_route(row)) for row in DefaultRoute.objects.select_related("backoffice")),
        ),
        _section("cards", (_card(row) for row in Card.objects.select_related("organisation"))),
        _section("chargers", (_charger(charger) for charger in chargers)),
    ]
    return "".join(sections) or "# nothing is configured\n"


def _section(name: str, entries: Iterable[str]) -> str:
    items = ["  - " + indent(entry, "    ").lstrip() for entry in entries]
    return f"{name}:\n{''.join(items)}" if items else ""


def _organisation(row: Organisation) -> str:
    return _dump(_but_defaults({"name": row.name, **{key: getattr(row, key) for key in KEPT}}))


def _preset(row: PermissionPreset) -> str:
    values = {"name": row.name, "organisation": row.organisation.name, "role": row.role}
    return _dump(_but_defaults({**values, "permissions": row.permissions}))


def _card(row: Card) -> str:
    """In full, for the file is the operator's own."""
    expires_at = row.expires_at.isoformat() if row.expires_at else None
    values = {"id_tag": row.id_tag, "organisation": row.organisation.name, "label": row.label}
    return _dump(
        _but_defaults(
            {**values, "group": row.group, "expires_at": expires_at, "blocked": row.blocked or None}
        )
    )


def _backoffice(row: Backoffice) -> str:
    values = {
        "name": row.name,
        "organisation": row.organisation.name if row.organisation else None,
        "url": row.url,
        "username": row.username,
        "ocpp_versions": row.ocpp_versions,
        "catch_up": None if row.catch_up == CATCH_UP else row.catch_up,
        "enabled": row.enabled,
    }
    return _dump(_but_defaults(values)) + _password(row.has_password)


def _charger(row: Charger) -> str:
    values = {
        "identity": row.identity,
        "organisation": row.organisation.name if row.organisation else None,
        "label": row.label,
        "enabled": row.enabled,
        "options": row.options,
    }
    routes = [_route(route) for route in sorted(row.routes.all(), key=lambda route: route.pk)]
    text = _dump(_but_defaults(values)) + _password(bool(row.password_hashes))
    return text + (_dump({"routes": routes}) if routes else "")


def _route(row: Route) -> dict[str, Any]:
    preset = row.preset.name if row.preset else None
    return _but_defaults({**_any_route(row), "preset": preset, "identity": row.alias, "enabled": row.enabled})


def _any_route(row: Route | DefaultRoute) -> dict[str, Any]:
    values = {"backoffice": row.backoffice.name, "role": row.role}
    return _but_defaults({**values, "permissions": row.permissions, "options": row.options})


def _but_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Without what ``apply`` assumes anyway: nothing, and enabled."""
    return {
        name: value
        for name, value in values.items()
        if value not in (None, "", [], {}) and not (name == "enabled" and value)
    }


def _password(is_set: bool) -> str:
    return f"{NOT_EXPORTED}\n" if is_set else "password: null\n"


def _dump(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000)
