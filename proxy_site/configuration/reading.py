"""From a YAML document to what shall be: entries with checked values, each with its place."""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import models

from accounts.kept import LEAST_DAYS, MOST_DAYS
from accounts.models import Organisation
from backoffices.models import MOST_AT_ONCE, Backoffice
from chargers.models import Charger
from proxy_site.configuration.document import Document, Item, Place
from routing.core.masking import masked
from routing.core.options import ChargerOptions, RouteOptions
from routing.core.snapshot import OCPP_VERSIONS
from routing.models import Card, PermissionPreset, Route
from routing.validation import (
    Problem,
    did_you_mean,
    option_problems,
    permission_problems,
    role_problem,
    shown,
)

SECTIONS = {
    "organisations": False,
    "presets": False,
    "backoffices": False,
    "default_routes": False,
    "cards": False,
    "chargers": False,
}
KEPT = tuple(f"keep_{kind}_days" for kind in LEAST_DAYS)
ORGANISATION = {"name": True, **dict.fromkeys(KEPT, False)}
PRESET = {"name": True, "organisation": True, "role": True, "permissions": False}
CARD = {
    "id_tag": True,
    "organisation": True,
    "label": False,
    "group": False,
    "expires_at": False,
    "blocked": False,
}
BACKOFFICE = {
    "name": True,
    "organisation": False,
    "url": True,
    "username": False,
    "password": False,
    "ocpp_versions": False,
    "catch_up": False,
    "enabled": False,
}
CHARGER = {
    "identity": True,
    "organisation": False,
    "label": False,
    "enabled": False,
    "password": False,
    "options": False,
    "routes": False,
}
CATCH_UP: int = Backoffice._meta.get_field("catch_up").default
DEFAULT_ROUTE = {"backoffice": True, "role": True, "permissions": False, "options": False}
ROUTE = {**DEFAULT_ROUTE, "preset": False, "identity": False, "enabled": False}


@dataclass(frozen=True, repr=False)
class Secret:
    """A password as the file gives it. Never shown."""

    text: str
    is_hex: bool = False

    def as_bytes(self) -> bytes:
        """What is sent to a backoffice: the decoded bytes, or UTF-8."""
        return binascii.unhexlify(self.text) if self.is_hex else self.text.encode()


@dataclass
class Entry:
    """One organisation, preset, backoffice, card, charger or route.

    ``key``: its name, identity, or (of routes) the name of the backoffice; of presets and cards that with
    the organisation's. ``shown_as``: what errors call it, where not by its key. ``values``: by the names of
    the model's fields, organisations by name; what the file leaves out has its default.
    ``has_password`` tells a password of null from one that is not mentioned.
    """

    place: Place
    key: str
    values: dict[str, Any]
    places: dict[str, Place]
    has_password: bool = False
    password: Secret | None = None
    routes: list[Entry] = field(default_factory=list)
    shown_as: str = ""


@dataclass
class Wanted:
    """What a file asks for. ``default_routes`` is None where the file does not mention them."""

    organisations: dict[str, Entry]
    presets: dict[str, Entry]
    backoffices: dict[str, Entry]
    default_routes: dict[str, Entry] | None
    cards: dict[str, Entry]
    chargers: dict[str, Entry]

    def names_nothing(self) -> bool:
        sections = (self.organisations, self.presets, self.backoffices, self.default_routes, self.cards)
        return not (any(sections) or self.chargers)


def read(name: str, content: bytes | str) -> tuple[Document, Wanted]:
    """Everything the file asks for; faults are in the document. Raises Refused for what is not YAML."""
    document = Document(name, content)
    return document, _Reader(document).wanted()


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document

    def wanted(self) -> Wanted:
        root = self.document.root
        sections: dict[str, Item] = {}
        if root is not None:
            sections = self.document.mapping(Item(root, Place(root.start_mark.line + 1, "")), SECTIONS)
        defaults = sections.get("default_routes")
        return Wanted(
            organisations=self._entries(sections.get("organisations"), self._organisation),
            presets=self._entries(sections.get("presets"), self._preset),
            backoffices=self._entries(sections.get("backoffices"), self._backoffice),
            default_routes=None if defaults is None else self._routes(defaults, self._default_route),
            cards=self._entries(sections.get("cards"), self._card),
            chargers=self._entries(sections.get("chargers"), self._charger),
        )

    def _entries(self, section: Item | None, read_one: Callable[[Item], Entry]) -> dict[str, Entry]:
        """Entries by key; a key that stands twice is a fault."""
        entries: dict[str, Entry] = {}
        for item in self.document.items(section) if section else []:
            entry = read_one(item)
            if first := entries.get(entry.key):
                name = shown(entry.shown_as or entry.key)
                sentence = f"{name} stands here twice, first in line {first.place.line}"
                self.document.fault(entry.place, sentence)
            if entry.key:
                entries.setdefault(entry.key, entry)
        return entries

    def _routes(self, section: Item | None, read_one: Callable[[Item], Entry]) -> dict[str, Entry]:
        entries = self._entries(section, read_one)
        billing = [
            e for e in entries.values() if e.values["role"] == "billing" and e.values.get("enabled", True)
        ]
        for entry in billing[1:]:
            sentence = f"there is a billing route already, to {billing[0].key}; only one can be"
            self.document.fault(entry.places.get("role", entry.place), sentence)
        return entries

    def _organisation(self, item: Item) -> Entry:
        row = self.document.mapping(item, ORGANISATION)
        name = self._text(row, "name", Organisation)
        return self._entry(item, row, name, {"name": name, **{key: self._days(row, key) for key in KEPT}})

    def _preset(self, item: Item) -> Entry:
        row = self.document.mapping(item, PRESET)
        name, organisation = self._text(row, "name", PermissionPreset), self._reference(row, "organisation")
        if "organisation" in row and organisation is None:
            self.document.fault(row["organisation"].place, "a preset belongs to an organisation; name one")
        values = {
            "name": name,
            "organisation": organisation,
            "role": self._role(row.get("role")),
            "permissions": self._checked(row, "permissions", permission_problems),
        }
        return self._entry(item, row, preset_key(name, organisation), values)

    def _backoffice(self, item: Item) -> Entry:
        row = self.document.mapping(item, BACKOFFICE)
        name = self._text(row, "name", Backoffice)
        values = {
            "name": name,
            "organisation": self._reference(row, "organisation"),
            "url": self._text(row, "url", Backoffice),
            "username": self._text(row, "username", Backoffice) or None,
            "ocpp_versions": self._versions(row.get("ocpp_versions")),
            "catch_up": self._catch_up(row.get("catch_up")),
            "enabled": self._enabled(row),
        }
        return self._entry(item, row, name, values)

    def _card(self, item: Item) -> Entry:
        row = self.document.mapping(item, CARD)
        id_tag, organisation = self._text(row, "id_tag", Card), self._reference(row, "organisation")
        if "organisation" in row and organisation is None:
            self.document.fault(row["organisation"].place, "a card belongs to an organisation; name one")
        values = {
            "id_tag": id_tag,
            "organisation": organisation,
            "label": self._text(row, "label", Card),
            "group": self._text(row, "group", Card),
            "expires_at": self._moment(row.get("expires_at")),
            "blocked": self.document.flag(row["blocked"]) if "blocked" in row else False,
        }
        key = card_key(id_tag, organisation) if id_tag and organisation else ""
        entry = self._entry(item, row, key, values)
        entry.shown_as = masked(id_tag)
        return entry

    def _charger(self, item: Item) -> Entry:
        row = self.document.mapping(item, CHARGER)
        identity = self._text(row, "identity", Charger)
        values = {
            "identity": identity,
            "organisation": self._reference(row, "organisation"),
            "label": self._text(row, "label", Charger),
            "enabled": self._enabled(row),
            "options": self._options(row, ChargerOptions),
        }
        entry = self._entry(item, row, identity, values)
        entry.routes = list(self._routes(row.get("routes"), self._route).values())
        return entry

    def _default_route(self, item: Item) -> Entry:
        return self._any_route(item, self.document.mapping(item, DEFAULT_ROUTE))

    def _route(self, item: Item) -> Entry:
        row = self.document.mapping(item, ROUTE)
        entry = self._any_route(item, row)
        entry.values["preset"] = self._reference(row, "preset")
        entry.values["alias"] = self._text(row, "identity", Route, "alias")
        entry.values["enabled"] = self._enabled(row)
        return entry

    def _any_route(self, item: Item, row: dict[str, Item]) -> Entry:
        values = {
            "role": self._role(row.get("role")),
            "permissions": self._checked(row, "permissions", permission_problems),
            "options": self._options(row, RouteOptions),
        }
        return self._entry(item, row, self._reference(row, "backoffice") or "", values)

    def _entry(self, item: Item, row: dict[str, Item], key: str, values: dict[str, Any]) -> Entry:
        places = {name: value.place for name, value in row.items()}
        entry = Entry(item.place, key, values, places)
        if "password" in row:
            entry.has_password = True
            entry.password = self._password(row["password"])
        return entry

    def _text(
        self, row: dict[str, Item], key: str, model: type[models.Model], name: str | None = None
    ) -> str:
        """Text that fits the model's field; "" where it is absent, null or faulty."""
        if key not in row:
            return ""
        faults = len(self.document.faults)
        text = self.document.text(row[key]) or ""
        if len(self.document.faults) > faults:
            return ""
        column: Any = model._meta.get_field(name or key)
        try:
            column.clean(text, None)
        except ValidationError as error:
            for message in error.messages:
                self.document.fault(row[key].place, message[:1].lower() + message[1:])
        return text

    def _reference(self, row: dict[str, Item], key: str) -> str | None:
        return self.document.text(row[key]) if key in row else None

    def _enabled(self, row: dict[str, Item]) -> bool:
        return self.document.flag(row["enabled"]) if "enabled" in row else True

    def _moment(self, item: Item | None) -> datetime | None:
        """Date and time with a zone; None for null."""
        text = self.document.text(item) if item else None
        if item is None or text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            expected = "expected date and time with a zone, like 2027-01-01T00:00:00Z"
            self.document.fault(item.place, f"{shown(text)} is not a moment; {expected}")
            return None
        return moment

    def _role(self, item: Item | None) -> str:
        role = self.document.text(item) if item else None
        if item and (problem := role_problem(role)):
            self.document.fault(item.place, problem)
        return role or ""

    def _versions(self, item: Item | None) -> list[str]:
        versions = []
        for one in self.document.items(item) if item else []:
            version = self.document.text(one)
            if version in OCPP_VERSIONS:
                versions.append(version)
            else:
                expected = ", ".join(OCPP_VERSIONS)
                self.document.fault(one.place, f"{shown(version)} is not an OCPP version ({expected})")
        return versions

    def _days(self, row: dict[str, Item], key: str) -> int | None:
        """For how many days something is kept; None as the settings say."""
        value = self.document.plain(row[key]) if key in row else None
        least = LEAST_DAYS[key.removeprefix("keep_").removesuffix("_days")]
        if value is None or (type(value) is int and least <= value <= MOST_DAYS):
            return value
        expected = f"expected days from {least} to {MOST_DAYS}, or nothing for those of the settings"
        self.document.fault(row[key].place, f"{shown(value)} is no number of days to keep; {expected}")
        return None

    def _catch_up(self, item: Item | None) -> int:
        """How many messages that have waited a backoffice is sent at once."""
        value = CATCH_UP if item is None else self.document.plain(item)
        if type(value) is int and 1 <= value <= MOST_AT_ONCE:
            return value
        if item is not None:
            expected = f"a whole number from 1 to {MOST_AT_ONCE}; leave the key out for {CATCH_UP}"
            self.document.fault(item.place, f"{shown(value)} is not {expected}")
        return CATCH_UP

    def _options(self, row: dict[str, Item], kind: type[msgspec.Struct]) -> dict[str, Any]:
        return self._checked(row, "options", lambda values: option_problems(values, kind))

    def _checked(
        self, row: dict[str, Item], key: str, problems: Callable[[object], Iterable[Problem]]
    ) -> dict[str, Any]:
        """A mapping of names that the core knows, a fault for each that it does not."""
        item = row.get(key)
        values = {} if item is None else self.document.plain(item)
        if item is None or values is None:
            return {}
        found = list(problems(values))
        for problem in found:
            self.document.fault(self.document.place_in(item, problem.key), problem.sentence)
        return {} if found else values

    def _password(self, item: Item) -> Secret | None:
        """null: none; ``env:NAME``: from the environment; ``hex:...``: bytes in hexadecimal; or text."""
        text = self.document.text(item)
        if text is None:
            return None
        if text.startswith("env:"):
            name = text.removeprefix("env:")
            text = os.environ.get(name, "")
            if not text:
                self.document.fault(item.place, f"the environment variable {shown(name)} is not set or empty")
                return None
        secret = Secret(text.removeprefix("hex:"), is_hex=text.startswith("hex:"))
        try:
            if not secret.as_bytes():
                self.document.fault(item.place, "the password is empty; write null for none")
        except ValueError:
            self.document.fault(
                item.place, "what follows hex: is not hexadecimal; expected pairs of 0-9 and a-f"
            )
        return secret


def card_key(id_tag: str, organisation: str) -> str:
    """How a card is told from all others: capitals and small letters are the same."""
    return f"{id_tag.upper()} ({organisation})"


def preset_key(name: str, organisation: str | None) -> str:
    """How a preset is told from those of other organisations, also to people; "" without a name."""
    return f"{name} ({organisation})" if name and organisation else ""


def unknown_references(
    wanted: Wanted, *, organisations: set[str], backoffices: set[str]
) -> Iterator[tuple[Place, str]]:
    """Names that neither the file nor (as given) the database has, with their places."""
    organisations = organisations | set(wanted.organisations)
    backoffices = backoffices | set(wanted.backoffices)
    owned = (wanted.presets, wanted.backoffices, wanted.cards, wanted.chargers)
    for entry in (entry for section in owned for entry in section.values()):
        name = entry.values["organisation"]
        if name is not None and name not in organisations:
            yield entry.places["organisation"], _unknown(name, "organisation", organisations)
    charger_routes = [route for charger in wanted.chargers.values() for route in charger.routes]
    for route in [*(wanted.default_routes or {}).values(), *charger_routes]:
        if route.key not in backoffices:
            yield route.places["backoffice"], _unknown(route.key, "backoffice", backoffices)


def _unknown(name: str, kind: str, known: set[str]) -> str:
    hint = did_you_mean(name, sorted(known)) or f"; add it under {kind}s"
    return f"there is no {kind} {shown(name)}{hint}"
