"""Chargers that were told to connect elsewhere and do not come back, also after a restart."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backoffices.tasks import note_migrations
from chargers.models import Charger
from routing import memories
from routing.models import Alarm, ChargerSession, LatestValue, RuntimeProcess

pytestmark = pytest.mark.django_db

TOLD = "billing has sent ChangeConfiguration under an override"
LONG_AGO = timezone.now() - timedelta(minutes=11)


@pytest.fixture
def charger():
    charger = Charger.objects.create(identity="CP-1")
    LatestValue.objects.create(charger=charger, kind="moved", payload=TOLD, at=LONG_AGO)
    ChargerSession.objects.create(charger=charger, epoch=1, disconnected_at=LONG_AGO)
    return charger


def test_one_that_is_gone_since_before_a_restart_raises_the_alarm_once(charger):
    assert note_migrations() == 1
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.text) == (
        "possible migration",
        f"{TOLD}; the charger is gone for 10 minutes",
    )
    assert note_migrations() == 0


def test_the_session_that_it_comes_back_to_knows_the_alarm(charger):
    note_migrations()
    assert [alarm.kind for alarm in memories.load_memory(charger.pk).alarms] == ["possible migration"]


def test_one_that_is_over_is_raised_again(charger):
    note_migrations()
    Alarm.objects.update(cleared=timezone.now())
    assert note_migrations() == 1
    assert Alarm.objects.get().cleared is None


@pytest.mark.parametrize(
    "session",
    [{"online": True}, {"disconnected_at": timezone.now()}, {"disconnected_at": None}, {"runtime": "alive"}],
    ids=["is here", "has only just gone", "was never here", "is looked after"],
)
def test_one_that_is_not_gone(charger, session):
    RuntimeProcess.objects.create(id="alive", beat_at=timezone.now())
    ChargerSession.objects.update(**session)
    assert note_migrations() == 0


def test_one_that_has_booted_here_since(charger):
    LatestValue.objects.update(payload="")
    assert note_migrations() == 0
