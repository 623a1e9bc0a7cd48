"""What one user may see of a charger or a backoffice: the same rule for the page, the poll and the socket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import QuerySet

from accounts.querysets import OwnedQuerySet, sees_all
from routing.core.rows import MessageRow
from routing.live.rows import Seen, as_json, recent
from routing.models import Message, Route
from routing.watching import Kind, Subject

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

MODELS = {"charger": "chargers.Charger", "backoffice": "backoffices.Backoffice"}


def model_of(kind: Kind) -> type[models.Model]:
    """The model whose rows can be watched as this kind: routing may not import the edges."""
    return apps.get_model(MODELS[kind])


def may_look(user: User, kind: Kind) -> bool:
    """Whether the user opens pages of this kind and of messages in the admin."""
    if not (user.is_active and user.has_access):
        return False
    model = MODELS[kind].lower().split(".")
    may_open = any(user.has_perm(f"{model[0]}.{verb}_{model[1]}") for verb in ("view", "change"))
    return may_open and user.has_perm("routing.view_message")


class Sight:
    """What ``user`` sees of a subject. All methods use the ORM; none is called on the loop.

    ``row``: the subject. ``title``: what it is called. ``pk``: its primary key.
    """

    def __init__(self, user: User, kind: Kind, row: Any, *, cards: bool = True) -> None:
        self.user = user
        self.kind = kind
        self.row = row
        self._cards = cards
        self.pk: int = row.pk
        self.title = str(row)
        self.subject = Subject(kind, str(row.pk) if kind == "charger" else row.name)
        self._chargers: dict[int, Seen | None] = {}
        self._routes: dict[int, str] = {}

    def stored(self, after: int | None = None) -> tuple[list[MessageRow], bool]:
        """Rows of the database: see ``routing.live.rows.recent``."""
        return recent(self.subject, self._messages(), after)

    def _messages(self) -> QuerySet[Message]:
        messages = Message.objects.visible_to(self.user)
        if self.kind == "charger":
            return messages.filter(charger=self.pk)
        routes = Route.objects.visible_to(self.user).filter(backoffice=self.pk)
        return messages.filter(route__in=routes.values("pk"))

    def shown(self, rows: Iterable[MessageRow]) -> list[dict[str, Any]]:
        """Those of the rows that the user may see, as their browser gets them. Asks for what is not known."""
        rows = list(rows)
        if not self.knows(rows):
            self._learn(rows)
        return [
            as_json(row, seen, self._routes)
            for row in rows
            if (seen := self._chargers.get(row.charger)) is not None and row.exchange >= seen.since
        ]

    def knows(self, rows: Iterable[MessageRow]) -> bool:
        """Whether ``shown`` asks nobody about these rows."""
        return all(
            row.charger in self._chargers and (row.route is None or row.route in self._routes) for row in rows
        )

    def _learn(self, rows: Iterable[MessageRow]) -> None:
        chargers = {row.charger for row in rows} - self._chargers.keys()
        if chargers:
            self._chargers |= dict.fromkeys(chargers) | seen_by(self.user, chargers, cards=self._cards)
        routes = {row.route for row in rows if row.route is not None} - self._routes.keys()
        if routes:
            names = Route.objects.filter(pk__in=routes).values_list("pk", "backoffice__name")
            self._routes |= {key: f"removed ({key})" for key in routes} | dict(names)


def seen_by(user: User, chargers: Iterable[int], *, cards: bool = True) -> dict[int, Seen]:
    """Those of the chargers that the user sees. Cards are shown as in the admin, without ``cards`` never."""
    rows: OwnedQuerySet[Any] = model_of("charger")._default_manager.filter(pk__in=chargers)  # type: ignore[assignment] # a manager of ours
    readable = set(rows.with_cards_for(user).values_list("pk", flat=True))
    visible = rows.visible_to(user).values_list("pk", "identity", "owned_from")
    return {
        key: Seen(identity, cards and key in readable, 0 if sees_all(user) else since)
        for key, identity, since in visible
    }


def look(user: User | AnonymousUser, kind: Kind, pk: int | UUID, *, cards: bool = True) -> Sight | None:
    """What the user sees of a subject, by its primary key or ``uuid``; None where they may not, which looks
    as if there were none. ``cards``: whether they may be shown at all."""
    if not user.is_authenticated or not may_look(user, kind):
        return None
    rows: OwnedQuerySet[Any] = model_of(kind)._default_manager.filter(
        **{"uuid" if isinstance(pk, UUID) else "pk": pk}
    )  # type: ignore[assignment] # as above
    row = rows.visible_to(user).first()
    return None if row is None else Sight(user, kind, row, cards=cards)
