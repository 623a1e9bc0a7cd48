"""Who guesses passwords waits."""

from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.utils import timezone

from accounts.models import User

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


@pytest.fixture
def anna():
    return User.objects.create_user("anna", password="right")


def attempt(client: Any, password: str, address: str = "10.0.0.1", name: str = "anna") -> int:
    answer = client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)
    return int(answer.status_code)


def lock(client: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        last = attempt(client, "wrong")
    assert last == 429


@pytest.mark.usefixtures("anna")
def test_after_ten_failures_the_right_password_does_not_help_either(client):
    answers = [attempt(client, "wrong") for _ in range(10)]
    assert answers == [200] * 9 + [429]
    answer = client.post(LOGIN, {"username": "anna", "password": "right"}, REMOTE_ADDR="10.0.0.1")
    assert answer.status_code == 429
    assert "For 15 minutes nobody logs in with this name from here." in answer.content.decode()
    assert answer["Retry-After"] == "900"


@pytest.mark.usefixtures("anna")
def test_nobody_locks_out_others(client):
    lock(client)
    assert attempt(client, "right", address="10.0.0.2") == 302
    client.logout()
    User.objects.create_user("bert", password="right")
    assert attempt(client, "right", name="bert") == 302


@pytest.mark.usefixtures("anna")
def test_it_ends_by_itself(client):
    lock(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    assert attempt(client, "right") == 302


def test_a_superuser_unlocks(client, admin_client, anna):
    lock(client)
    form = {"action": "unlock", "_selected_action": anna.pk}
    assert admin_client.post("/admin/accounts/user/", form).status_code == 302
    assert attempt(client, "right") == 302


def test_what_was_typed_in_place_of_a_name_is_stored_nowhere(client):
    attempt(client, "wrong", name="zebra-secret")
    assert "zebra" not in str(list(AccessAttempt.objects.values()))
