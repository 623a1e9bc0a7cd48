"""Our charger, connected, and somebody else's; and people of ours."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from chargers.models import Charger
from routing.models import ChargerSession


class World:
    """Two organisations with a charger each, of OCPP 1.6, both connected."""

    def __init__(self) -> None:
        self.ours, self.theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Zebra"))
        self.charger = self.connected("CP-1", self.ours)
        self.foreign = self.connected("Zebra-1", self.theirs)

    def connected(self, identity: str, organisation: Organisation, *, online: bool = True) -> Charger:
        charger = Charger.objects.create(identity=identity, organisation=organisation)
        ChargerSession.objects.create(
            charger=charger, online=online, connected_at=timezone.now(), ocpp_version="1.6"
        )
        return charger

    def speaks(self, version: str) -> None:
        ChargerSession.objects.update(ocpp_version=version)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def member(client: Client, world: World) -> Any:
    """Logs somebody of ours in, in a role."""

    def member(role: str = "installer") -> Client:
        user = User.objects.create_user(role, is_staff=True)
        Membership.objects.create(user=user, organisation=world.ours, role=role)
        client.force_login(user)
        return client

    return member
