"""Samples of how backoffices were: who is counted, who sees the sum, how long they are kept."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Membership, Organisation, User
from backoffices import overview, samples
from backoffices.models import Backoffice, BackofficeSample
from backoffices.tasks import sample_backoffices
from chargers.models import Charger
from routing.models import ChargerSession, Route, RouteState

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def office():
    return Backoffice.objects.create(name="roaming", url="ws://roaming/")


def join(office, organisation, identity, *, state="connected", waiting=0, took=None, online=True):
    charger = Charger.objects.create(identity=identity, organisation=organisation)
    ChargerSession.objects.create(charger=charger, online=online)
    route = Route.objects.create(charger=charger, backoffice=office, role="control")
    RouteState.objects.create(route=route, state=state, since=NOW, waiting=waiting, round_trip_ms=took)
    return route


def organisation(name):
    return Organisation.objects.create(name=name)


def member(owner):
    user = User.objects.create_user(f"of {owner}")
    Membership.objects.create(user=user, organisation=owner, role="read_only")
    return user


def test_each_organisation_is_counted_by_itself(office):
    ours, theirs = organisation("Ours"), organisation("Theirs")
    join(office, ours, "A", waiting=2, took=10.0)
    join(office, ours, "B", state="waiting", waiting=3)
    join(office, ours, "C", online=False, state="closed", waiting=5)
    join(office, theirs, "D", waiting=100, took=30.0)
    join(office, None, "E", waiting=1000)
    assert samples.take(NOW) == 3
    rows = BackofficeSample.objects.order_by("waiting")
    assert {row.at for row in rows} == {NOW.replace(second=0)}
    told = [(row.organisation, row.routes, row.up, row.waiting, row.round_trip_ms) for row in rows]
    assert told == [(ours, 2, 1, 10, 10.0), (theirs, 1, 1, 100, 30.0), (None, 1, 1, 1000, None)]


def test_a_link_of_a_process_that_has_ended_is_down(office, admin_user):
    route = join(office, organisation("Ours"), "A", took=10.0)
    ChargerSession.objects.update(runtime="gone")
    samples.take(NOW)
    row = BackofficeSample.objects.get()
    assert (row.routes, row.up, row.round_trip_ms) == (1, 0, None)
    lines, _ = overview.lines(overview.routes_of(admin_user, office), 1, only_down=True)
    assert [line.route for line in lines] == [route]


def test_who_sees_some_gets_the_sum_of_those(office, admin_user):
    ours, theirs = organisation("Ours"), organisation("Theirs")
    for owner, waiting in ((ours, 1), (theirs, 10), (None, 100)):
        join(office, owner, f"CP-{waiting}", waiting=waiting)
    samples.take(NOW)
    found = {
        str(user): [moment.waiting for moment in samples.last_hour(user, office.pk, NOW)]
        for user in (admin_user, member(ours), member(theirs), User.objects.create_user("nobody"))
    }
    assert found == {"admin": [111], "of Ours": [1], "of Theirs": [10], "nobody": []}


def test_an_hour_is_told_oldest_first(office, admin_user):
    route = join(office, organisation("Ours"), "A")
    for ago, waiting in ((61, 9), (60, 8), (1, 7), (0, 6)):
        RouteState.objects.filter(route=route).update(waiting=waiting)
        samples.take(NOW.replace(second=0) - ago * MINUTE)
    moments = samples.last_hour(admin_user, office.pk, NOW.replace(second=0))
    assert [moment.waiting for moment in moments] == [8, 7, 6]


def test_a_minute_is_written_once(office):
    join(office, organisation("Ours"), "A")
    assert [samples.take(NOW), samples.take(NOW + timedelta(seconds=10)), samples.take(NOW + MINUTE)] == [
        1,
        0,
        1,
    ]


@pytest.mark.parametrize("owner", [True, False], ids=["owned", "of nobody"])
def test_two_processes_write_it_once_together(owner, office):
    """Both have found nothing of this minute before either wrote."""
    ours = organisation("Ours") if owner else None
    for waiting in (1, 2):
        row = BackofficeSample(backoffice=office, organisation=ours, at=NOW, routes=1, up=1, waiting=waiting)
        BackofficeSample.objects.bulk_create([row], ignore_conflicts=True)
    assert BackofficeSample.objects.get().waiting == 1


def test_old_ones_go(office):
    join(office, organisation("Ours"), "A")
    samples.take(NOW)
    samples.take(NOW + samples.KEPT)
    assert BackofficeSample.objects.count() == 2
    samples.take(NOW + samples.KEPT + MINUTE)
    assert not BackofficeSample.objects.filter(at=NOW.replace(second=0)).exists()


def test_the_number_of_queries_is_fixed(office, django_assert_num_queries):
    ours = organisation("Ours")
    for number in range(5):
        join(office, ours, f"CP-{number}")
    with django_assert_num_queries(4):
        samples.take(NOW)


def test_it_is_a_task(office):
    join(office, organisation("Ours"), "A")
    assert sample_backoffices() == 1
