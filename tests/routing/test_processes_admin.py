"""The page of the processes says in words what is wrong with which."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from routing.models import RuntimeProcess, Upkeep

pytestmark = pytest.mark.django_db

LIST = reverse("admin:routing_runtimeprocess_changelist")

REPORT: dict[str, Any] = {
    "version": "1.2.3", "role": "all", "host": "machine-7", "pid": 99,
    "started_at": "2030-01-02T03:04:05+00:00",
    "sessions": 14, "online": 12, "links": 26, "open_links": 24, "loop_lag_ms": 3.5,
    "frames": {"charger_received": 1001, "charger_sent": 1002, "backoffice_received": 1003},
    "writer": {"written": 5000, "waiting": 17, "dropped": 0, "refused": 0, "in_spool": 0, "of_tomorrow": 8},
    "database": {"away_since": None, "last_outage": None},
}  # fmt: skip


def process(name="alive", ago=timedelta(), **changes):
    report = {**REPORT, **changes}
    return RuntimeProcess.objects.create(id=name, beat_at=timezone.now() - ago, report=report)


def page(client, process):
    return client.get(reverse("admin:routing_runtimeprocess_change", args=[process.pk])).content.decode()


def is_well(text):
    """By the sign of the skin: a tick in green, a cross in red."""
    return "check_small" in text and "close_small" not in text


def test_a_process_that_is_well(admin_client):
    text = page(admin_client, process())
    assert is_well(text)
    for words in (
        "Runs.",
        "1.2.3, all, on machine-7 (99)",
        "12 connected, 14 in memory",
        "24 of 26 open",
        "5000 stored",
        "17 waiting in memory",
        "8 of tomorrow",
        "1003 from backoffices",
        "3.5 ms at most",
        "never since the start",
    ):
        assert words in text, words
    assert is_well(admin_client.get(LIST).content.decode())


def test_one_that_died_is_marked(admin_client):
    process(ago=timedelta(minutes=5))
    text = admin_client.get(LIST).content.decode()
    assert not is_well(text)
    assert "it died, or is cut off from the database" in text


@pytest.mark.parametrize(
    ("cause", "words"),
    [("dropped", "3 of the audit log lost"), ("refused", "3 lost: the database will never")],
)
def test_rows_that_are_lost_are_seen_at_once(admin_client, cause, words):
    process(writer={**REPORT["writer"], cause: 3})
    text = admin_client.get(LIST).content.decode()
    assert not is_well(text)
    assert words in text


def test_they_are_seen_after_the_end(admin_client):
    lost = {**REPORT["writer"], "dropped": 3}
    process(ago=timedelta(minutes=5), writer=lost, stopped_at="2030-01-02T03:04:05+00:00")
    text = admin_client.get(LIST).content.decode()
    assert "Stopped Jan. 2, 2030, 3:04 a.m., listed because it has lost rows." in text
    assert "3 of the audit log lost" in text


def test_what_waits_on_disk_is_told(admin_client):
    process(writer={**REPORT["writer"], "in_spool": 400})
    assert "17, and 400 on disk" in admin_client.get(LIST).content.decode()


def test_the_last_outage_is_told(admin_client):
    times = ["2030-01-02T03:04:05+00:00", "2030-01-02T03:09:00+00:00"]
    text = page(admin_client, process(database={"away_since": None, "last_outage": times}))
    assert "Jan. 2, 2030, 3:04 a.m. to Jan. 2, 2030, 3:09 a.m." in text


def test_one_of_another_version_has_a_page(admin_client):
    row = RuntimeProcess.objects.create(id="old", beat_at=timezone.now())
    assert "0 connected, 0 in memory" in page(admin_client, row)
    assert "unknown" in admin_client.get(LIST).content.decode()


def test_an_installer_does_not_enter(client):
    user = User.objects.create_user("installer", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client.force_login(user)
    row = process()
    assert client.get(LIST).status_code == 403
    assert client.get(reverse("admin:routing_runtimeprocess_change", args=[row.pk])).status_code in (403, 404)


# Upkeep

UPKEEP = reverse("admin:routing_upkeep_changelist")


def step(name="audit log", hours=0.5, **values):
    at = timezone.now() - timedelta(hours=hours)
    return Upkeep.objects.create(step=name, tried_at=at, **{"done_at": at, **values})


def test_an_upkeep_that_is_well(admin_client):
    step()
    text = admin_client.get(UPKEEP).content.decode()
    assert is_well(text)
    assert "none" in text
    assert "Upkeep, " not in admin_client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"error": "OperationalError: no lock"}, "tried again every hour: OperationalError: no lock"),
        ({"error": "x", "done_at": None}, "It failed"),
        ({"hours": 5}, "It has not run for hours"),
        ({"left": 7}, "7 rows of the audit log are dated more than three days ahead"),
    ],
)
def test_what_is_wrong_with_the_upkeep_is_said_here_and_with_the_processes(admin_client, values, words):
    row = step(**values)
    for url in (UPKEEP, reverse("admin:routing_upkeep_change", args=[row.pk]), LIST):
        assert words in admin_client.get(url).content.decode(), url
    assert not is_well(admin_client.get(UPKEEP).content.decode())
