"""People and programs that ask the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts.models import Membership, Organisation, User
from accounts.tokens import SCOPES, issue


@pytest.fixture(autouse=True)
def no_throttle() -> None:
    """Every test begins with nothing asked."""
    cache.clear()


@pytest.fixture
def ours(db: None) -> Organisation:
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def theirs(db: None) -> Organisation:
    return Organisation.objects.create(name="Theirs")


def member(organisation: Organisation, role: str = "installer", name: str = "") -> User:
    user = User.objects.create_user(name or f"{role} of {organisation}", is_staff=True)
    Membership.objects.create(user=user, organisation=organisation, role=role)
    return user


def program(user: User, *scopes: str, **more: Any) -> APIClient:
    """A client with a token of this person: every scope where none is named."""
    _, text = issue(user, "test", list(scopes or SCOPES), **more)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@pytest.fixture
def installer(ours: Organisation) -> User:
    return member(ours)


@pytest.fixture
def client(installer: User) -> APIClient:
    return program(installer)


@pytest.fixture
def foreign(theirs: Organisation) -> APIClient:
    return program(member(theirs))


Make = Callable[[Organisation, int], Any]
