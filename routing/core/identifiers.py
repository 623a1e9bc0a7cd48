"""Numbers and names that backoffices give to things: one table that says whose is what (ocpp-semantics 3).

Every identifier is kept as text, an integer as its digits: ``"17"``. A mapping joins the id on the
charger's socket with the id that one route uses; a route never sees any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from routing.core.actions import Kind
from routing.core.frames import quote
from routing.core.payloads import INT32_MAX, integer, text
from routing.core.rows import IdentifierRow

REMEMBERED = timedelta(hours=24)
"""How long a closed mapping still routes late reports, and its charger id is given to nobody else."""

REMEMBERED_FOR_DELIVERY = timedelta(days=30)
"""The same for what stands in messages of sessions: as long as those wait for a backoffice."""

IN_SESSIONS = frozenset({Kind.RESERVATION, Kind.REMOTE_START})

NAMES = frozenset({Kind.DER})
"""Kinds whose ids are strings; all others are integers."""

FROM_ONE = frozenset({Kind.REQUEST})
"""Kinds that are mapped for everybody, Billing included, from 1 on: any two backoffices begin at 1.
Each CALL gets a number of its own, also where a backoffice repeats one before its reports are through."""

UNSAID = IN_SESSIONS | FROM_ONE
"""Kinds of which a charger often does not say that they are over: a report that never comes, a reservation
that expires (1.6), a car that does not. They are taken for over after ``REMEMBERED_FOR_DELIVERY``."""

MOST = 1000
"""So many things of one kind and route are known at once; beyond, the oldest go, closed ones first."""

SWEEP = timedelta(minutes=10)
"""How often is looked for what need not be remembered any more."""

LONGEST_NAME = 36
"""OCPP 2.1: an identifier that is a string has at most 36 characters."""


def identifier(kind: Kind, token: str) -> str | None:
    """An identifier as the maps keep it, from its raw JSON token; None where the token is none.

    Numbers are read leniently (``"17"`` and ``17.0`` mean 17): whoever reads them so must not be
    taken past the map by them.
    """
    raw = msgspec.Raw(token.encode("utf-8", "surrogatepass"))
    if kind in NAMES:
        name = text(raw, LONGEST_NAME + 1)
        return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None
    number = integer(raw)
    return None if number is None else str(number)


def raw_token(kind: Kind, value: str) -> str:
    """An identifier as raw JSON."""
    return quote(value) if kind in NAMES else value


class Mapping:
    """One identifier of one route. ``closed`` is None while the thing exists. ``is_again``: the route had a
    thing of this id before, and what is still on its way may be about that one."""

    __slots__ = ("charger_id", "closed", "created", "is_again", "kind", "route", "route_id")

    def __init__(self, kind: Kind, charger_id: str, route: int, route_id: str, created: datetime) -> None:
        self.kind = kind
        self.charger_id = charger_id
        self.route = route
        self.route_id = route_id
        self.created = created
        self.closed: datetime | None = None
        self.is_again = False

    @property
    def is_open(self) -> bool:
        """Whether what it names still exists."""
        return self.closed is None

    def token(self) -> str:
        """The charger's id as raw JSON."""
        return raw_token(self.kind, self.charger_id)

    def route_token(self) -> str:
        """The route's id as raw JSON."""
        return raw_token(self.kind, self.route_id)


class Identifiers:
    """All mappings of a charger that still matter: open ones, and closed ones as long as remembered."""

    def __init__(self, charger: int, new_name: Callable[[], str]) -> None:
        self._charger = charger
        self._new_name = new_name
        self._by_charger: dict[tuple[Kind, str], list[Mapping]] = {}
        self._by_route: dict[tuple[Kind, int], dict[str, Mapping]] = {}
        self._history: dict[tuple[Kind, int], dict[str, Mapping]] = {}
        self._given_up: list[Mapping] = []
        self._last_request = 0
        self._swept: datetime | None = None
        self._changed = False

    def take_changed(self) -> bool:
        """Whether any mapping was to be stored since this was asked last."""
        changed, self._changed = self._changed, False
        return changed

    def take_given_up(self) -> list[Mapping]:
        """What was closed here since this was asked last, for its age or want of room: to be stored."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def restore(self, rows: Iterable[IdentifierRow]) -> None:
        """Take over what the database knows, oldest first."""
        for row in rows:
            mapping = Mapping(
                Kind(row.kind), row.charger_identifier, row.route, row.route_identifier, row.created
            )
            mapping.closed = row.closed
            self._keep(mapping)

    def named(self, kind: Kind, route: int, route_id: str) -> Mapping | None:
        """The open mapping of what a route calls ``route_id``; None: it never made such a thing."""
        mapping = self._by_route.get((kind, route), {}).get(route_id)
        return mapping if mapping is not None and mapping.is_open else None

    def meant(self, kind: Kind, route: int, route_id: str) -> Mapping | None:
        """What a route means by ``route_id``: what it has open, else what it had not long ago.

        The charger may still have a thing that is closed here: its answer to a CALL was lost.
        """
        mapping = self._by_route.get((kind, route), {}).get(route_id)
        if mapping is None or mapping.is_open or self.of(kind, route, mapping.charger_id) is mapping:
            return mapping
        return None

    def holders(self, kind: Kind, charger_id: str) -> list[Mapping]:
        """Who knows this id of the charger: the open mappings, else those closed not long ago."""
        known = self._by_charger.get((kind, charger_id))
        if not known:
            return []
        return [m for m in known if m.is_open] or known[-1:]

    def of(self, kind: Kind, route: int, charger_id: str) -> Mapping | None:
        """How a route calls an id of the charger, None where that is not its own."""
        return next((m for m in self.holders(kind, charger_id) if m.route == route), None)

    def own(self, kind: Kind, route: int) -> list[Mapping]:
        """What a route has open of one kind, oldest first."""
        return [m for m in self._by_route.get((kind, route), {}).values() if m.is_open]

    def others_have(self, kind: Kind, route: int) -> bool:
        """Whether another route than this one has anything open of a kind."""
        others = (named for (k, r), named in self._by_route.items() if k is kind and r != route)
        return any(mapping.is_open for named in others for mapping in named.values())

    def is_free(self, kind: Kind, charger_id: str) -> bool:
        """Whether nobody holds this id of the charger, nor has until not long ago."""
        return not self._by_charger.get((kind, charger_id))

    def open(self, kind: Kind, route: int, route_id: str, utc: datetime, *, keep: bool, band: int) -> Mapping:
        """Map a route's id to one of the charger, the same as before where it is or was mapped already
        (but for requests: ``FROM_ONE``).

        ``keep``: the id passes unchanged if it is free (Billing); else it gets the lowest free one from
        ``band`` on, and names get a new name. Source: ocpp-semantics 3, rules 1 to 3.
        """
        self._forget_old(utc)
        known = None if kind in FROM_ONE else self.meant(kind, route, route_id)
        if known is not None and known.is_open:
            return known
        if known is not None:
            return self.assign(kind, known.charger_id, route, route_id, utc)
        if keep and kind not in FROM_ONE and self.is_free(kind, route_id) and _fits(kind, route_id):
            charger_id = route_id
        elif kind in NAMES:
            charger_id = self._new_name()
        else:
            charger_id = self._lowest_free(kind, self._last_request + 1 if kind in FROM_ONE else band)
        return self.assign(kind, charger_id, route, route_id, utc)

    def assign(self, kind: Kind, charger_id: str, route: int, route_id: str, utc: datetime) -> Mapping:
        """Map an id that the charger itself has chosen (monitors), or that is known otherwise."""
        mapping = Mapping(kind, charger_id, route, route_id, utc)
        self._keep(mapping)
        return mapping

    def forget(self, mapping: Mapping) -> None:
        """Know nothing of a mapping any more: the charger never got to know it."""
        known = self._by_charger.get((mapping.kind, mapping.charger_id), [])
        if mapping in known:
            known.remove(mapping)
        if not known:
            self._by_charger.pop((mapping.kind, mapping.charger_id), None)
        self._forget_name(mapping)
        history = self._history.get((mapping.kind, mapping.route), {})
        if history.get(mapping.charger_id) is mapping:
            del history[mapping.charger_id]
        if mapping.kind in FROM_ONE and mapping.charger_id == str(self._last_request):
            self._last_request -= 1

    def row(self, mapping: Mapping) -> IdentifierRow:
        """The stored form of a mapping."""
        self._changed = True
        return IdentifierRow(
            charger=self._charger,
            kind=mapping.kind.value,
            charger_identifier=mapping.charger_id,
            route=mapping.route,
            route_identifier=mapping.route_id,
            created=mapping.created,
            closed=mapping.closed,
        )

    def _keep(self, mapping: Mapping) -> None:
        known = self._by_charger.setdefault((mapping.kind, mapping.charger_id), [])
        for older in [m for m in known if m.route == mapping.route]:
            known.remove(older)
            self._forget_name(older)
            mapping.is_again = True
        known.append(mapping)
        if self._given_up:  # what is said of its number now is about this one
            self._given_up = [m for m in self._given_up if not _is_same_row(m, mapping)]
        named = self._by_route.setdefault((mapping.kind, mapping.route), {})
        named.pop(mapping.route_id, None)
        named[mapping.route_id] = mapping
        if mapping.kind in FROM_ONE and mapping.charger_id.isdecimal():
            self._last_request = max(self._last_request, int(mapping.charger_id)) % INT32_MAX
        self._limit(mapping)

    def _limit(self, newest: Mapping) -> None:
        """Forget the oldest thing of a route that has too many, so that nobody fills the memory."""
        history = self._history.setdefault((newest.kind, newest.route), {})
        history.pop(newest.charger_id, None)
        history[newest.charger_id] = newest
        if len(history) > MOST:
            old = next((m for m in history.values() if not m.is_open), None) or next(iter(history.values()))
            if old.is_open:
                self._give_up(old, newest.created)
            self.forget(old)

    def _give_up(self, mapping: Mapping, utc: datetime) -> None:
        mapping.closed = utc
        self._given_up.append(mapping)

    def _forget_name(self, mapping: Mapping) -> None:
        named = self._by_route.get((mapping.kind, mapping.route), {})
        if named.get(mapping.route_id) is mapping:
            del named[mapping.route_id]

    def _lowest_free(self, kind: Kind, first: int) -> str:
        number = first
        while not self.is_free(kind, str(number)):
            number = number + 1 if number < INT32_MAX else 1
        return str(number)

    def _forget_old(self, utc: datetime) -> None:
        if self._swept is not None and abs(utc - self._swept) < SWEEP:
            return
        self._swept = utc
        for mapping in [m for history in self._history.values() for m in history.values()]:
            if mapping.closed is not None and utc - mapping.closed >= remembered(mapping.kind):
                self.forget(mapping)
            elif (
                mapping.is_open
                and mapping.kind in UNSAID
                and utc - mapping.created >= REMEMBERED_FOR_DELIVERY
            ):
                self._give_up(mapping, utc)


def _is_same_row(one: Mapping, other: Mapping) -> bool:
    return (one.kind, one.charger_id, one.route) == (other.kind, other.charger_id, other.route)


def remembered(kind: Kind) -> timedelta:
    """How long a closed mapping of this kind is remembered."""
    return REMEMBERED_FOR_DELIVERY if kind in IN_SESSIONS else REMEMBERED


def _fits(kind: Kind, value: str) -> bool:
    """Whether an id can stand on a charger's socket as it is."""
    return kind in NAMES or 0 <= int(value) <= INT32_MAX
