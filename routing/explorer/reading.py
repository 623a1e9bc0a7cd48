"""A filter as the address of a page writes it; so a link can be kept and shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.querysets import sees_all
from routing.explorer.filters import Filter
from routing.explorer.folding import Key
from routing.explorer.search import SeenCharger, seen_charger

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

WINDOWS: dict[str, tuple[Any, timedelta | None]] = {
    "": (gettext_lazy("Last 24 hours"), None),
    "hour": (gettext_lazy("Last hour"), timedelta(hours=1)),
    "week": (gettext_lazy("Last 7 days"), timedelta(days=7)),
    "month": (gettext_lazy("Last 31 days"), timedelta(days=31)),
    "any": (gettext_lazy("Any time"), timedelta(days=400)),
}
GROUPS: dict[str, Any] = {
    "": gettext_lazy("Any"),
    "well": gettext_lazy("Went well"),
    "errors": gettext_lazy("Errors"),
    "blocked": gettext_lazy("Blocked"),
    "unanswered": gettext_lazy("No answer"),
}
DIRECTIONS: dict[str, Any] = {
    "": gettext_lazy("Anybody"),
    "up": gettext_lazy("The charger"),
    "down": gettext_lazy("A backoffice"),
}

LARGEST = 2**63 - 1
"""What a database takes as a number."""


class Unreadable(ValueError):
    """A value of a filter that can't be read; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A filter that was read. ``problem``: why nothing can be looked for, in a sentence; "" for none.

    ``charger``: that to which it is narrowed, None for none.
    """

    wanted: Filter
    charger: SeenCharger | None
    problem: str


def read_filter(user: User | AnonymousUser, given: Mapping[str, Any]) -> Reading:
    """The filter in the parameters of an address. A charger that the user may not see is none."""
    charger: SeenCharger | None = None
    try:
        _refuse_nul(given)
        charger, pk = _charger(user, given)
        wanted = replace(_filter(given), charger=pk)
    except Unreadable as error:
        return Reading(Filter(), charger, str(error))
    problem = wanted.problem(timezone.now())
    if not problem and wanted.text and charger is not None and not charger.sees_cards:
        problem = _("A text is looked for only by those who may see cards, which could be found with it.")
    return Reading(wanted, charger, problem)


def read_key(text: str) -> Key | None:
    """Where a page goes on (``number-charger``), None where that can't be read."""
    number, _, charger = text.partition("-")
    try:
        return _number(number, "page"), _number(charger, "page")
    except Unreadable:
        return None


def write_key(key: Key) -> str:
    return f"{key[0]}-{key[1]}"


def _refuse_nul(given: Mapping[str, Any]) -> None:
    """PostgreSQL has no text with this character, and says so loudly."""
    for name in given:
        if "\x00" in given[name]:
            raise Unreadable(f"{name[:40]}: has a character (NUL) that no message has.")


def _charger(user: User | AnonymousUser, given: Mapping[str, Any]) -> tuple[SeenCharger | None, int | None]:
    identity, key = given.get("charger", "").strip(), given.get("charger_id", "").strip()
    if identity:
        found = seen_charger(user, Q(identity=identity))
        if found is None:
            raise Unreadable(
                _('There is no charger "%(identity)s" that you may see.') % {"identity": identity[:80]}
            )
        return found, found.pk
    if not key:
        return None, None
    pk = _number(key, "charger")
    found = seen_charger(user, Q(pk=pk))
    if found is None and not sees_all(user):
        raise Unreadable(_("There is no charger %(number)s that you may see.") % {"number": pk})
    return found, pk


def _filter(given: Mapping[str, Any]) -> Filter:
    since, until = _moment(given, "from"), _moment(given, "to")
    ago = _choice(given, "window", WINDOWS)[1]
    if since is None and until is None and ago is not None:
        since = timezone.now() - ago
    _choice(given, "direction", DIRECTIONS)
    _choice(given, "outcome", GROUPS)
    direction: Any = given.get("direction", "")
    group: Any = given.get("outcome", "")
    return Filter(
        route=_optional(given, "route"),
        backoffice=_optional(given, "backoffice"),
        since=since,
        until=until,
        actions=tuple(filter(None, (name.strip() for name in given.get("action", "").split(",")))),
        direction=direction,
        group=group,
        error_code=given.get("error_code", "").strip(),
        message_id=given.get("message_id", "").strip(),
        card=given.get("card", "").strip(),
        transaction=_session(given),
        connector_id=_optional(given, "connector"),
        text=given.get("text", ""),
        routine=bool(given.get("routine")),
    )


def _choice(given: Mapping[str, Any], name: str, choices: Mapping[str, Any]) -> Any:
    value = given.get(name, "")
    if value not in choices:
        known = ", ".join(filter(None, choices))
        raise Unreadable(
            _('%(name)s: "%(value)s" is not one of %(known)s.')
            % {"name": name, "value": value[:40], "known": known}
        )
    return choices[value]


def _optional(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name, "").strip()
    return _number(value, name) if value else None


def _number(value: str, name: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 20 and int(value) <= LARGEST):
        raise Unreadable(_('%(name)s: "%(value)s" is not a number.') % {"name": name, "value": value[:40]})
    return int(value)


def _session(given: Mapping[str, Any]) -> UUID | None:
    value = given.get("transaction", "").strip()
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Unreadable(
            _('transaction: "%(value)s" is not the id of a session; copy it from the page of the session.')
            % {"value": value[:40]}
        ) from None


def _moment(given: Mapping[str, Any], name: str) -> datetime | None:
    value = given.get(name, "").strip()
    if not value:
        return None
    try:
        day = parse_date(value)
        found = datetime.combine(day, time()) if day else parse_datetime(value)
    except ValueError:
        found = None
    if found is None or not 1971 <= found.year <= 9000:
        raise Unreadable(
            _('%(name)s: "%(value)s" is not a time; write it as 2026-05-17 10:30 (UTC).')
            % {"name": name, "value": value[:40]}
        )
    return found.replace(tzinfo=UTC) if timezone.is_naive(found) else found
