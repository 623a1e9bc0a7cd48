"""A process of the proxy without its sessions and sockets: the tap, the audience, the layer, and a log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.apps import apps
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.mailbox import Mailbox
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.core.rows import MessageRow
from routing.links import DialTarget
from routing.live import audience as installed
from routing.live.audience import Audience
from routing.live.source import Source
from routing.models import Message, Route
from routing.models.traffic import number_at
from routing.watching import Watching

CARD = "DEADBEEF1234"
PATIENCE_S = 20


class Process:
    """One process of the proxy, as far as the live view sees it. ``here``: chargers with a session in it."""

    def __init__(self, name: str, layer: Any, *, alone: bool = True) -> None:
        self.name = name
        self.watching = Watching(asyncio.get_running_loop(), name)
        self.mailbox = Mailbox(name, layer)
        self.here: set[int] = set()
        self.flushed = 0
        self.source = Source(
            self.watching, self.mailbox, name, flush=self._flush, serves=lambda charger: charger in self.here
        )
        self.audience = Audience(name, self.mailbox, self.source, alone=alone)

    async def _flush(self) -> None:
        self.flushed += 1

    def store(self, row: MessageRow, targets: dict[int, DialTarget] | None = None) -> None:
        """What a session does with a row; the database is the test's own business."""
        if self.watching.on:
            self.watching.saw(row.charger, targets or {}, [row])


@pytest.fixture
async def process():
    """The one process that there is."""
    process = Process("here", InMemoryChannelLayer())
    process.mailbox.start()
    installed.install(process.audience)
    yield process
    installed.install(None)
    await process.mailbox.stop()


class World:
    """Two organisations with a charger each, and a backoffice that all share."""

    def __init__(self) -> None:
        ContentType.objects.clear_cache()  # the database was emptied of them, too
        for app in ("chargers", "backoffices", "routing"):
            create_permissions(apps.get_app_config(app), verbosity=0)
        self.began = timezone.now() - timedelta(minutes=5)
        self.ours, self.theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Zebra"))
        self.charger = Charger.objects.create(identity="CP-1", organisation=self.ours)
        self.foreign = Charger.objects.create(identity="Zebra-1", organisation=self.theirs)
        self.backoffice = Backoffice.objects.create(name="Energy", url="ws://energy.example/")
        self.routes = [
            Route.objects.create(charger=charger, backoffice=self.backoffice, role="control")
            for charger in (self.charger, self.foreign)
        ]

    def target(self, number: int = 0) -> dict[int, DialTarget]:
        """The routes of a charger as its session has them."""
        route = self.routes[number]
        return {
            route.pk: DialTarget(
                route=route.pk, charger=route.charger_id, backoffice="Energy", url="ws://x/", username="x"
            )
        }

    def user(self, role: str = "installer", **fields: Any) -> User:
        """A member of our organisation with every permission there is."""
        user = User.objects.create_user(f"{role}-{User.objects.count()}", **fields)
        user.user_permissions.set(Permission.objects.all())
        Membership.objects.create(user=user, organisation=self.ours, role=role)
        return user

    def session(self, user: User) -> str:
        """The key of a session in which the user is logged in."""
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.create()
        return str(store.session_key)

    def row(self, number: int, *, charger: Charger | None = None, **fields: Any) -> MessageRow:
        """The ``number``-th row of a charger, with a card in it."""
        at = self.began + timedelta(milliseconds=number)
        given: dict[str, Any] = {
            "route": None, "direction": "up", "action": "Authorize", "message_id": f"m{number}",
            "text": f'[2,"m{number}","Authorize",{{"idTag":"{CARD}"}}]', "answer": f'[3,"m{number}",{{}}]',
            "outcome": "answered", "error_code": "", "rule": "", "latency_ms": 1.0, "transaction": None,
            "connector_id": None, "size": 60, "id_tag": CARD,
        }  # fmt: skip
        key = (charger or self.charger).pk
        return MessageRow(charger=key, at=at, **{"exchange": number_at(at), **given, **fields})

    def keep(self, *rows: MessageRow) -> None:
        """Rows as the writer stores them."""
        names = {"charger": "charger_id", "route": "route_id", "transaction": "transaction_id"}
        Message.objects.bulk_create(
            Message(**{names.get(n, n): getattr(row, n) for n in MessageRow.__struct_fields__})
            for row in rows
        )


@pytest.fixture
async def world(database):
    return await database.orm(World)
