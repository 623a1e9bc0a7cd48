"""Organisations with chargers, and messages of theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Message, Route
from routing.models.traffic import number_at

SECRET = "Zebra"


class Log:
    """Messages at times before now; what a test does not say is as for a Heartbeat that was answered."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.offices = {
            name: Backoffice.objects.create(name=name, url="ws://127.0.0.1/")
            for name in ("billing", "energy")
        }

    def organisation(self, name: str) -> Organisation:
        return Organisation.objects.get_or_create(name=name)[0]

    def user(self, *organisations: str, role: str = "installer", name: str = "", **fields: Any) -> User:
        user = User.objects.create_user(name or "-".join((*organisations, role)), is_staff=True, **fields)
        for one in organisations:
            self.organisation(one).memberships.create(user=user, role=role)
        return user

    def charger(self, identity: str, organisation: str = "ours") -> Charger:
        charger = Charger.objects.create(identity=identity, organisation=self.organisation(organisation))
        for role, office in (("billing", "billing"), ("control", "energy")):
            Route.objects.create(charger=charger, backoffice=self.offices[office], role=role)
        return charger

    def route(self, charger: Charger, office: str) -> Route:
        return Route.objects.get(charger=charger, backoffice=self.offices[office])

    def row(self, charger: Any, ago: float = 0, **fields: Any) -> Message:
        """A row of the exchange that began ``ago`` seconds before now."""
        began = self.now - timedelta(seconds=ago)
        given: dict[str, Any] = {
            "charger_id": getattr(charger, "pk", charger), "at": began, "exchange": number_at(began),
            "direction": "up", "action": "Heartbeat", "message_id": f"m{ago}",
            "text": f'[2,"m{ago}","Heartbeat",{{}}]', "answer": f'[3,"m{ago}",{{}}]', "outcome": "answered",
            "rule": "proxy: the time", "latency_ms": 1.5,
        }  # fmt: skip
        return Message.objects.create(**(given | fields))

    def copy(self, charger: Charger, ago: float, office: str = "billing", **fields: Any) -> Message:
        return self.row(
            charger, ago, **({"route": self.route(charger, office), "text": "", "rule": ""} | fields)
        )


Maker = Callable[[], Log]
