"""The pages of a backoffice: what they say, over whose routes, and who opens them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices import overview, pages
from backoffices.models import Backoffice, BackofficeSample
from backoffices.samples import Moment
from chargers.models import Charger
from routing.models import ChargerSession, Message, Route, RouteState, RuntimeProcess
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db

RUNTIME = "here"
PAGES = ("overview", "links", "blocked")


@pytest.fixture
def organisations():
    RuntimeProcess.objects.create(id=RUNTIME, beat_at=timezone.now())
    return [Organisation.objects.create(name=name) for name in ("Ours", "Zebra")]


@pytest.fixture
def shared(organisations):
    return Backoffice.objects.create(name="roaming", url="wss://roaming.example/unlisted", password=b"secret")


@pytest.fixture
def installer(client, organisations):
    return login(client, "installer", organisations[0])


def login(client, role, organisation):
    user = User.objects.create_user(role, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client.force_login(user)
    return client


def join(backoffice, organisation, identity, *, state="connected", error="", waiting=0, took=None):
    charger = Charger.objects.create(identity=identity, organisation=organisation)
    ChargerSession.objects.create(charger=charger, online=True, ocpp_version="1.6", runtime=RUNTIME)
    route = Route.objects.create(charger=charger, backoffice=backoffice, role="control")
    RouteState.objects.create(
        route=route, state=state, since=timezone.now(), last_error=error, waiting=waiting, round_trip_ms=took
    )
    return route


def refuse(route, action="Reset", *, ago=timedelta(minutes=5), rule="role control: Reset is denied"):
    at = timezone.now() - ago
    return Message.objects.create(
        charger=route.charger, route=route, at=at, exchange=number_at(at), direction="down", action=action,
        message_id="1", text="[]", outcome="denied", rule=rule,
    )  # fmt: skip


def page(client, backoffice, slug, query=""):
    response = client.get(reverse(f"admin:backoffices_backoffice_{slug}", args=[backoffice.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_every_tab_is_one_click_away(admin_client, shared):
    for slug in (*PAGES, "change"):
        content = page(admin_client, shared, slug)
        for tab in pages.tabs_of(shared, slug):
            assert tab["address"] in content
            assert admin_client.get(tab["address"]).status_code == 200


@pytest.mark.parametrize("slug", PAGES)
def test_a_foreign_backoffice_has_no_page(slug, installer, organisations):
    theirs = Backoffice.objects.create(name="Zebra", organisation=organisations[1], url="ws://zebra/")
    address = reverse(f"admin:backoffices_backoffice_{slug}", args=[theirs.pk])
    assert installer.get(address).status_code == 404


@pytest.mark.parametrize("slug", PAGES)
@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_of_a_shared_one_everybody_sees_their_own_part(role, slug, client, shared, organisations):
    ours, theirs = organisations
    refuse(join(shared, ours, "CP-1", state="waiting", error="name does not resolve: x"))
    refuse(join(shared, theirs, "ZEBRA-1", state="waiting", error="zebra"), rule="zebra")
    BackofficeSample.objects.create(
        backoffice=shared, organisation=theirs, at=timezone.now(), routes=777, up=777, waiting=777
    )
    content = page(login(client, role, ours), shared, slug)
    assert "zebra" not in content.lower()
    assert "777" not in content
    assert "unlisted" not in content
    assert "trial-button" not in content


@pytest.mark.parametrize("slug", PAGES)
def test_pages_are_looked_at_only(slug, admin_client, shared):
    address = reverse(f"admin:backoffices_backoffice_{slug}", args=[shared.pk])
    assert admin_client.post(address).status_code == 405


def test_the_overview_says_how_it_is(admin_client, shared, organisations):
    for number in range(3):
        join(shared, organisations[0], f"UP-{number}", took=10.0 * (number + 1))
    for number in range(2):
        join(shared, organisations[0], f"DOWN-{number}", state="waiting", waiting=6,
             error="TLS certificate not trusted: certificate has expired")  # fmt: skip
    content = page(admin_client, shared, "overview")
    assert "3 of 5 up" in content
    assert "20 ms" in content
    assert "2 chargers: TLS certificate not trusted: certificate has expired" in content
    assert "has to mend its certificate" in content
    assert '<p class="p-figure">12</p>' in content
    assert "wss://roaming.example/unlisted" in content
    assert "secret" not in content


def test_one_that_is_off_says_so(admin_client, shared):
    Backoffice.objects.update(enabled=False)
    assert "Switch it on in its settings" in page(admin_client, shared, "overview")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("refused the handshake with HTTP 401: check user name and password", "user name and password"),
        ("refused the handshake with HTTP 404: it does not know this charger", "does not know these"),
        ("connection refused at x:1", "Nothing listens"),
        ("something new", ""),
    ],
    ids=["401", "404", "refused", "unknown"],
)
def test_what_helps_is_known(error, remedy):
    assert (remedy in overview.remedy_of(error)) if remedy else overview.remedy_of(error) == ""


def test_links_that_are_down_come_first(installer, shared, organisations):
    join(shared, organisations[0], "A-up")
    join(shared, organisations[0], "B-down", state="waiting", error="connection refused at x:1")
    content = page(installer, shared, "links")
    assert content.index("B-down") < content.index("A-up")
    assert "connection refused" in content
    assert "A-up" not in page(installer, shared, "links", "?show=down")


def test_each_own_route_can_be_tested(client, shared, organisations):
    route = join(shared, organisations[0], "CP-1")
    link = f"?route={route.pk}"
    assert link in page(login(client, "installer", organisations[0]), shared, "links")
    assert link not in page(login(client, "read_only", organisations[0]), shared, "links")


def test_links_come_in_pages(admin_client, shared, organisations, monkeypatch):
    monkeypatch.setattr(overview, "PER_PAGE", 2)
    for number in range(3):
        join(shared, organisations[0], f"CP-{number}")
    first, second = (page(admin_client, shared, "links", query) for query in ("", "?p=2"))
    assert "CP-1" in first
    assert "CP-2" not in first
    assert "CP-2" in second
    for odd in ("?p=0", "?p=x", "?p=²", "?p=99999999999999999999", f"?p={'9' * 5000}"):
        page(admin_client, shared, "links", odd)


def test_blocked_calls_are_the_newest_of_a_day(admin_client, shared, organisations):
    route = join(shared, organisations[0], "CP-1")
    refuse(route, "Reset")
    refuse(route, "UnlockConnector", ago=timedelta(hours=25))
    content = page(admin_client, shared, "blocked")
    assert "role control: Reset is denied" in content
    assert "UnlockConnector" not in content


def test_blocked_calls_are_never_counted(admin_client, shared, organisations):
    refuse(join(shared, organisations[0], "CP-1"))
    with CaptureQueriesContext(connection) as asked:
        page(admin_client, shared, "blocked")
    about = [query["sql"] for query in asked if 'FROM "routing_message"' in query["sql"]]
    assert len(about) == 1
    assert "COUNT" not in about[0]
    assert f"LIMIT {overview.MOST_BLOCKED}" in about[0]


@pytest.mark.parametrize("slug", PAGES)
def test_pages_take_as_many_queries_for_many_routes(
    slug, admin_client, shared, organisations, django_assert_num_queries
):
    def more(name):
        refuse(join(shared, organisations[0], name, state="waiting", error=name))
        refuse(join(shared, organisations[0], f"{name}-up", took=3.0))

    more("first")
    page(admin_client, shared, slug)
    with CaptureQueriesContext(connection) as few:
        page(admin_client, shared, slug)
    for number in range(9):
        more(f"CP-{number}")
    with django_assert_num_queries(len(few)):
        page(admin_client, shared, slug)


# -- the chart ------------------------------------------------------------------------------------------


def test_a_chart_needs_figures():
    assert overview.chart([], timezone.now()) is None


@pytest.mark.parametrize("waiting", [0, 40])
def test_a_chart_stays_within_its_frame(waiting):
    now = timezone.now()
    moments = [Moment(now - timedelta(minutes=m), 1, 1, waiting) for m in (60, 30, 0)]
    drawn = overview.chart(moments, now)
    assert drawn is not None
    points = [tuple(map(float, point.split(","))) for point in drawn.line.split()]
    assert [x for x, _ in points] == [0, 300, 600]
    assert all(0 <= y <= overview.HEIGHT for _, y in points)
    assert (drawn.most, drawn.now) == (waiting, waiting)
    assert f"{waiting} at most" in drawn.words


# -- the list and its ends ------------------------------------------------------------------------------


def test_the_list_says_first_how_it_is(installer, shared, organisations):
    join(shared, organisations[0], "CP-1")
    join(shared, organisations[0], "CP-2", state="waiting")
    content = installer.get(reverse("admin:backoffices_backoffice_changelist")).content.decode()
    assert "1 of 2 up" in content
    assert reverse("admin:backoffices_backoffice_overview", args=[shared.pk]) in content
    assert "unlisted" not in content


def test_deleting_says_what_goes_with_it(admin_client, shared, organisations):
    join(shared, organisations[0], "CP-1", waiting=7)
    address = reverse("admin:backoffices_backoffice_delete", args=[shared.pk])
    content = admin_client.get(address).content.decode()
    assert "routes (1)" in content
    assert "messages: 7" in content


def test_deleting_lists_no_samples(admin_client, shared):
    """There are thousands."""
    BackofficeSample.objects.create(backoffice=shared, at=timezone.now(), routes=1, up=1, waiting=0)
    address = reverse("admin:backoffices_backoffice_delete", args=[shared.pk])
    assert "sample" not in admin_client.get(address).content.decode().lower()
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    assert BackofficeSample.objects.exists(), "it goes with age"


def test_switching_off_says_what_it_did(admin_client, shared, organisations):
    join(shared, organisations[0], "CP-1", waiting=7)
    address = reverse("admin:backoffices_backoffice_change", args=[shared.pk])
    assert "Switching it off closes its links (1)" in admin_client.get(address).content.decode()
    form = {"name": "roaming", "url": shared.url, "catch_up": 20}
    content = admin_client.post(address, form, follow=True).content.decode()
    assert "its links (1) are closed within seconds" in content
    assert "messages: 7" in content
