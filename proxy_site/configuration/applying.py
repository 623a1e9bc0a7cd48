"""Make the database what a file asks for, in one transaction, and say in words what changed.

A row that the file names is described by it wholly: what the file leaves out has its default. Only
passwords and the list of routes are left alone where the file does not mention them. Rows that it
does not name stay, unless they shall be pruned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from django.db import models, transaction

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.credentials import hash_password, is_current
from chargers.models import Charger
from proxy_site.configuration.cards import apply_cards
from proxy_site.configuration.document import Document, Fault, Place, Refused
from proxy_site.configuration.presets import preset_faults
from proxy_site.configuration.reading import (
    Entry,
    Secret,
    Wanted,
    preset_key,
    read,
    unknown_references,
)
from routing.core.snapshot import Role
from routing.fields import Unreadable
from routing.models import DefaultRoute, Delivery, PermissionPreset, Route


def apply(name: str, content: bytes | str, *, prune: bool = False, dry_run: bool = False) -> list[str]:
    """Apply a file and return what changed, a sentence each; nothing is written with ``dry_run``.

    ``name`` stands for the file in errors. Raises Refused with every fault, and then has written
    nothing.
    """
    document, wanted = read(name, content)
    if prune and wanted.names_nothing():
        document.fault(Place(1, ""), "the file names nothing; --prune would remove everything")
    with transaction.atomic():
        changes = _Application(document, wanted, prune=prune).run()
        if dry_run:
            transaction.set_rollback(True)
    return changes


class _Application:
    """One run: reads what is there, writes what differs."""

    def __init__(self, document: Document, wanted: Wanted, *, prune: bool) -> None:
        self.document = document
        self.wanted = wanted
        self.prune = prune
        self.changes: list[str] = []
        self.organisations = {row.name: row for row in Organisation.objects.all()}
        self.presets = {
            preset_key(row.name, row.organisation.name): row
            for row in PermissionPreset.objects.select_related("organisation")
        }
        self.backoffices = {row.name: row for row in Backoffice.objects.all()}
        self.chargers = {row.identity: row for row in Charger.objects.all()}
        self.routes: dict[tuple[str, str], Route] = {
            (row.charger.identity, row.backoffice.name): row
            for row in Route.objects.select_related("charger", "backoffice", "preset__organisation")
        }

    def run(self) -> list[str]:
        self._check()
        self._organisations()
        self._presets()
        self.changes += apply_cards(self.wanted.cards, self.organisations, prune=self.prune)
        self._backoffices()
        self._remove_routes()
        self._chargers()
        self._routes()
        self._default_routes()
        self._remove_rows()
        return self.changes

    def _check(self) -> None:
        """Everything that can be wrong, before anything is written."""
        kept = not self.prune
        unknown = unknown_references(
            self.wanted,
            organisations=set(self.organisations) if kept else set(),
            backoffices=set(self.backoffices) if kept else set(),
        )
        faults = [*self.document.faults, *(Fault(place, sentence) for place, sentence in unknown)]
        faults += self._billing_twice() + self._identities_twice()
        faults += preset_faults(self.wanted, self.presets, self.routes, prune=self.prune)
        if faults:
            raise Refused(self.document.name, faults)

    def _billing_twice(self) -> list[Fault]:
        """Billing routes of the file that meet one of the database that stays."""
        faults = []
        for charger in self.wanted.chargers.values():
            named = {route.key for route in charger.routes}
            stays = [
                backoffice
                for (identity, backoffice), row in self.routes.items()
                if identity == charger.key and backoffice not in named and not self.prune and _is_billing(row)
            ]
            for route in charger.routes:
                if stays and route.values["role"] == Role.BILLING.value and route.values["enabled"]:
                    sentence = (
                        f"charger {charger.key} has an enabled billing route already, to {stays[0]}; "
                        "name that one with enabled: false or another role, or use --prune"
                    )
                    faults.append(Fault(route.places["role"], sentence))
        return faults

    def _identities_twice(self) -> list[Fault]:
        """Routes of the file whose identity toward the backoffice another charger has."""
        used: dict[tuple[str, str], str] = {}
        named = {(c.key, route.key): route for c in self.wanted.chargers.values() for route in c.routes}
        if not self.prune:
            for (identity, backoffice), row in self.routes.items():
                if (identity, backoffice) not in named:
                    used[backoffice, row.alias or identity] = identity
        faults = []
        for (identity, backoffice), route in named.items():
            alias = route.values["alias"] or identity
            other = used.setdefault((backoffice, alias), identity)
            if other != identity:
                sentence = (
                    f'route {backoffice} of {identity}: identity "{alias}" is already used '
                    f"toward {backoffice} by {other}; choose another alias"
                )
                faults.append(Fault(route.places.get("identity", route.place), sentence))
        return faults

    def _organisations(self) -> None:
        for name, entry in self.wanted.organisations.items():
            if name in self.organisations:
                self._change(self.organisations[name], f"organisation {name}", entry.values, [])
                continue
            self.organisations[name] = Organisation.objects.create(**entry.values)
            self.changes.append(f"create organisation {name}")

    def _presets(self) -> None:
        for entry in self.wanted.presets.values():
            row = self.presets.get(entry.key)
            values = self._with_organisation(entry)
            if row is not None:
                self._change(row, f"preset {entry.key}", values, [])
                continue
            self.presets[entry.key] = PermissionPreset.objects.create(**values)
            self.changes.append(f"create preset {entry.key} ({entry.values['role']})")

    def _backoffices(self) -> None:
        for entry in self.wanted.backoffices.values():
            row = self.backoffices.get(entry.key)
            values = self._with_organisation(entry)
            if row is None:
                row = self.backoffices[entry.key] = Backoffice(**values)
                row.password = entry.password.as_bytes() if entry.password else None
                row.save()
                self.changes.append(f"create backoffice {entry.key}")
                continue
            password = [] if _same_password(row, entry) else [_password_change(entry.password)]
            if password:
                row.password = entry.password.as_bytes() if entry.password else None
            self._change(row, f"backoffice {entry.key}", values, password)

    def _chargers(self) -> None:
        created = []
        for entry in self.wanted.chargers.values():
            row = self.chargers.get(entry.key)
            values = self._with_organisation(entry)
            if row is None:
                row = self.chargers[entry.key] = Charger(**values, password_hashes=_hashes(entry))
                created.append(row)
                self.changes.append(f"create charger {entry.key}")
                continue
            password = [] if _same_hashes(row, entry) else [_password_change(entry.password)]
            if password:
                row.password_hashes = _hashes(entry)
            self._change(row, f"charger {entry.key}", values, password)
        Charger.objects.bulk_create(created)

    def _routes(self) -> None:
        """Whoever stops being the billing route does so before another one becomes it."""
        named = [(c.key, route) for c in self.wanted.chargers.values() for route in c.routes]
        named.sort(
            key=lambda pair: pair[1].values["enabled"] and pair[1].values["role"] == Role.BILLING.value
        )
        created = []
        for identity, entry in named:
            row = self.routes.get((identity, entry.key))
            charger, backoffice = self.chargers[identity], self.backoffices[entry.key]
            values = self._with_preset(entry, charger)
            if row is not None:
                self._change(row, f"route {identity} to {entry.key}", values, [])
                continue
            created.append(Route(charger=charger, backoffice=backoffice, **values))
            self.changes.append(f"create route {identity} to {entry.key} ({entry.values['role']})")
        Route.objects.bulk_create(created)

    def _default_routes(self) -> None:
        """Replaced as a whole where the file mentions them."""
        wanted = self.wanted.default_routes
        if wanted is None and not self.prune:
            return
        there = {row.backoffice.name: row for row in DefaultRoute.objects.select_related("backoffice")}
        for name in sorted(set(there) - set(wanted or {})):
            there[name].delete()
            self.changes.append(f"remove default route to {name}")
        entries = sorted((wanted or {}).values(), key=lambda e: e.values["role"] == Role.BILLING.value)
        for entry in entries:
            row = there.get(entry.key)
            if row is not None:
                self._change(row, f"default route to {entry.key}", entry.values, [])
            else:
                DefaultRoute.objects.create(backoffice=self.backoffices[entry.key], **entry.values)
                self.changes.append(f"create default route to {entry.key} ({entry.values['role']})")

    def _remove_routes(self) -> None:
        """Routes that the file does not name, before others take their place."""
        named = {(c.key, route.key) for c in self.wanted.chargers.values() for route in c.routes}
        for identity, backoffice in sorted(set(self.routes) - named if self.prune else ()):
            row = self.routes[identity, backoffice]
            owed = _owed(Delivery.objects.filter(route=row))
            row.delete()
            self.changes.append(f"remove route {identity} to {backoffice}{owed}")

    def _remove_rows(self) -> None:
        if not self.prune:
            return
        self._remove("charger", self.chargers, self.wanted.chargers)
        self._remove("backoffice", self.backoffices, self.wanted.backoffices)
        self._remove("preset", self.presets, self.wanted.presets)
        self._remove("organisation", self.organisations, self.wanted.organisations)

    def _remove(self, kind: str, there: dict[str, Any], named: Iterable[str]) -> None:
        for name in sorted(set(there) - set(named)):
            there[name].delete()
            self.changes.append(f"remove {kind} {name}")

    def _with_organisation(self, entry: Entry) -> dict[str, Any]:
        name = entry.values["organisation"]
        return entry.values | {"organisation": self.organisations[name] if name is not None else None}

    def _with_preset(self, entry: Entry, charger: Charger) -> dict[str, Any]:
        name = entry.values["preset"]
        key = preset_key(name, charger.organisation.name) if name and charger.organisation else ""
        return entry.values | {"preset": self.presets[key] if key else None}

    def _change(self, row: models.Model, subject: str, values: dict[str, Any], also: list[str]) -> None:
        """Save ``row`` if any of its fields differs; ``also`` says what was changed in it before."""
        differing = {name: value for name, value in values.items() if getattr(row, name) != value}
        words = [
            f"{_KEYS.get(name, name)} from {_shown(getattr(row, name))} to {_shown(value)}"
            for name, value in differing.items()
        ]
        if words + also:
            for name, value in differing.items():
                setattr(row, name, value)
            row.save()
            self.changes.append(f"change {subject}: {', '.join(words + also)}")


_KEYS = {"alias": "identity"}
"""Keys of the file whose field has another name."""


def _is_billing(route: Route) -> bool:
    return route.enabled and route.role == Role.BILLING.value


def _owed(deliveries: models.QuerySet[Delivery]) -> str:
    count = deliveries.count()
    return f", with undelivered messages: {count}" if count else ""


def _shown(value: object) -> str:
    if value in ("", None):
        return "none"
    if isinstance(value, models.Model):
        return str(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _password_change(password: Secret | None) -> str:
    return "password removed" if password is None else "password set"


def _same_password(row: Backoffice, entry: Entry) -> bool:
    if not entry.has_password:
        return True
    try:
        stored = row.password
    except Unreadable:
        return False
    return stored == (entry.password.as_bytes() if entry.password else None)


def _same_hashes(row: Charger, entry: Entry) -> bool:
    if not entry.has_password:
        return True
    if entry.password is None:
        return not row.password_hashes
    return is_current(row.identity, entry.password.text, row.password_hashes, is_hex=entry.password.is_hex)


def _hashes(entry: Entry) -> list[str]:
    if entry.password is None:
        return []
    return hash_password(entry.key, entry.password.text, is_hex=entry.password.is_hex)
