"""A charger goes to another organisation with the consent of both, and its past stays behind."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Location, Membership, Organisation, User
from accounts.people import Refused
from backoffices.models import Backoffice
from chargers import transfers
from chargers.models import Charger, Transfer
from chargers.onboarding import claims
from routing.explorer.filters import Filter
from routing.explorer.search import exchange_of, find
from routing.explorer.why import why
from routing.live.sight import look
from routing.models import (
    Delivery,
    Identifier,
    LatestValue,
    Message,
    PermissionPreset,
    Route,
    RouteTransaction,
    Transaction,
)
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db

TAKE_OVER = "/admin/chargers/charger/take-over/"


class World:
    """Two organisations, the charger of the one, and what was recorded of it up to now."""

    def __init__(self) -> None:
        self.ours, self.theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Theirs"))
        self.giver, self.taker = self.user(self.ours), self.user(self.theirs)
        yard = Location.objects.create(organisation=self.ours, name="Yard")
        self.charger = Charger.objects.create(identity="CP-1", organisation=self.ours, location=yard)
        self.own = Backoffice.objects.create(name="own", url="ws://x/", organisation=self.ours)
        self.shared = Backoffice.objects.create(name="shared", url="ws://x/")
        preset = PermissionPreset.objects.create(
            organisation=self.ours, name="ours", role="control", permissions={"Reset": "deny"}
        )
        self.routes = [
            Route.objects.create(charger=self.charger, backoffice=self.own, role="billing"),
            Route.objects.create(
                charger=self.charger, backoffice=self.shared, role="control", preset=preset,
                permissions={"ClearCache": "allow"},
            ),
        ]  # fmt: skip
        self.old = self.record(-60)

    def user(self, organisation: Organisation, role: str = "owner") -> User:
        name = f"{role}-{organisation}-{User.objects.count()}"
        user = User.objects.create_user(name, email=f"{name}@example.org")
        organisation.memberships.create(user=user, role=role)
        return user

    def record(self, seconds: float) -> list[Any]:
        """A row of every kind of record, so many seconds from now."""
        at = timezone.now() + timedelta(seconds=seconds)
        number, route = number_at(at), self.routes[1]
        session = Transaction.objects.create(charger=self.charger, ocpp_version="1.6", created=at)
        return [
            session,
            RouteTransaction.objects.create(transaction=session, route=route, state="known"),
            Message.objects.create(
                charger=self.charger, route=route, at=at, exchange=number, direction="up",
                action="Heartbeat", message_id=str(number), outcome="answered",
            ),
            Delivery.objects.create(
                charger=self.charger, route=route, seq=number, exchange=number, at=at, action="x"
            ),
            LatestValue.objects.create(charger=self.charger, kind="boot", key=str(number), at=at),
            Identifier.objects.create(
                charger=self.charger, route=route, kind="request", charger_identifier=str(number),
                route_identifier=str(number), created=at,
            ),
        ]  # fmt: skip

    def hand_over(self) -> None:
        offer, _code = transfers.offer(self.giver, self.charger)
        self.charger = transfers.accept(self.taker, offer, self.theirs)


@pytest.fixture
def world():
    return World()


def seen(user: User, row: Any) -> bool:
    return bool(type(row)._default_manager.visible_to(user).filter(pk=row.pk).exists())


def test_the_new_side_sees_the_charger_and_what_comes_the_old_side_nothing(world):
    assert all(seen(world.giver, row) for row in world.old)
    world.hand_over()
    new = world.record(60)
    assert seen(world.taker, world.charger)
    assert not seen(world.giver, world.charger)
    for row in new:
        assert seen(world.taker, row), row
        assert not seen(world.giver, row), row


@pytest.mark.parametrize(
    "number", range(6), ids=lambda n: ("session", "number", "message", "delivery", "value", "id")[n]
)
def test_what_was_before_is_for_superusers_alone(world, number, admin_user):
    world.hand_over()
    row = world.old[number]
    assert not seen(world.taker, row)
    assert not seen(world.giver, row)
    assert seen(admin_user, row)


@pytest.mark.parametrize("others", [0, 3, 250], ids=["one", "few", "many"])
def test_the_explorer_shows_nothing_from_before(world, others):
    world.hand_over()
    for n in range(others):
        Charger.objects.create(identity=f"other-{n}", organisation=world.theirs)
    old, new = world.old[2], world.record(0.001)[2]
    lately = Filter(since=timezone.now() - timedelta(hours=1), until=timezone.now() + timedelta(hours=1))
    page = find(world.taker, lately)
    assert [x.number for x in page.exchanges] == [new.exchange]
    assert exchange_of(world.taker, world.charger.pk, old.exchange) is None
    assert exchange_of(world.taker, world.charger.pk, new.exchange) is not None
    assert exchange_of(world.giver, world.charger.pk, old.exchange) is None


def test_a_live_view_shows_nothing_from_before_either(world):
    """What has waited is sent to a shared backoffice later, with the number that it had."""
    world.hand_over()
    new = world.record(60)
    sight = look(world.taker, "charger", world.charger.pk)
    assert sight is not None
    rows = sight.stored()[0]
    assert [row.exchange for row in rows] == [new[2].exchange]
    late = msgspec.structs.replace(rows[0], exchange=world.old[2].exchange)
    assert [row["exchange"] for row in sight.shown([rows[0], late])] == [new[2].exchange]


def test_why_a_session_ended_tells_nothing_from_before(world):
    world.hand_over()
    session = world.record(0.001)[0]
    old = Message.objects.filter(pk=world.old[2].pk)
    old.update(action="Reset", direction="down", outcome="denied", rule="zebra: deny")
    told = " ".join(why(session))
    Charger.objects.update(owned_from=0)
    assert ("zebra" in told, "zebra" in " ".join(why(session))) == (False, True)


def test_nobody_carries_a_charger_into_another_organisation_of_theirs_without_consent(world, client):
    both = world.user(world.ours, "installer")
    world.theirs.memberships.create(user=both, role="installer")
    client.force_login(both)
    url = f"/admin/chargers/charger/{world.charger.pk}/change/"
    form = {"identity": "CP-1", "options": "{}", "enabled": "on", "organisation": world.theirs.pk}
    form |= {"routes-TOTAL_FORMS": "0", "routes-INITIAL_FORMS": "0", "label": "changed"}
    assert client.post(url, form).status_code == 302
    charger = Charger.objects.get()
    assert (charger.label, charger.organisation) == ("changed", world.ours)


def test_pages_of_records_do_not_show_the_past(world, client):
    world.hand_over()
    client.force_login(world.taker)
    for model, number in (("transaction", 0), ("delivery", 3)):
        url = f"/admin/routing/{model}/{world.old[number].pk}/change/"
        assert client.get(url).status_code == 404
    url = f"/admin/routing/message/exchange/{world.charger.pk}/{world.old[2].exchange}/"
    assert client.get(url).status_code == 404


def test_routes_that_cannot_be_used_are_switched_off_and_stay_so(world):
    world.hand_over()
    own, shared = Route.objects.order_by("id")
    assert (own.enabled, shared.enabled) == (False, True)
    assert shared.preset is None
    assert shared.permissions == {"Reset": "deny", "ClearCache": "allow"}
    assert world.charger.location is None
    own.enabled = True
    for check in (own.validate_constraints, own.full_clean):
        with pytest.raises(ValidationError, match="belongs to another organisation"):
            check()


def test_both_sides_find_it_in_what_people_did(world):
    world.hand_over()
    for user in (world.giver, world.taker):
        words = Deed.objects.visible_to(user).values_list("words", flat=True)
        assert "Handed over from Ours to Theirs." in words
    stored = str(list(Deed.objects.visible_to(world.taker).values()))
    assert "Yard" not in stored


@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_only_who_looks_after_an_organisation_gives_and_takes(world, role):
    with pytest.raises(Refused):
        transfers.offer(world.user(world.ours, role), world.charger)
    offer, _code = transfers.offer(world.giver, world.charger)
    for who in (world.user(world.theirs, role), world.giver):
        with pytest.raises(Refused):
            transfers.accept(who, offer, world.theirs)
    with pytest.raises(Refused):
        transfers.accept(world.giver, offer, world.ours)
    assert Charger.objects.get().organisation == world.ours


@pytest.mark.parametrize("cause", ["expires", "revoked_at", "accepted_at"])
def test_an_offer_is_good_once_and_for_a_while(world, cause):
    offer, code = transfers.offer(world.giver, world.charger)
    Transfer.objects.update(**{cause: timezone.now()})
    assert transfers.offered(world.taker, code) is None
    with pytest.raises(Refused):
        transfers.accept(world.taker, offer, world.theirs)
    assert Charger.objects.get().organisation == world.ours


def test_a_newer_offer_replaces_the_older_and_a_moved_charger_is_not_given(world):
    old, _code = transfers.offer(world.giver, world.charger)
    new, _code = transfers.offer(world.giver, world.charger)
    with pytest.raises(Refused):
        transfers.accept(world.taker, old, world.theirs)
    world.charger.organisation = Organisation.objects.create(name="Third")
    world.charger.location = None
    world.charger.save()
    with pytest.raises(Refused):
        transfers.accept(world.taker, new, world.theirs)


def test_a_code_for_somebody_is_for_nobody_else(world):
    _offer, code = transfers.offer(world.giver, world.charger, email=world.taker.email.upper())
    assert transfers.offered(world.user(world.theirs), code) is None
    assert transfers.offered(world.taker, code.lower().replace("-", " ")) is not None


def test_moving_it_by_hand_leaves_the_past_behind_too(world):
    world.charger.organisation = world.theirs
    world.charger.save(update_fields=["organisation"])
    assert not any(seen(world.taker, row) for row in world.old)
    assert Charger.objects.get().location is None


def test_what_belonged_to_nobody_goes_along():
    world = World()
    Charger.objects.filter(pk=world.charger.pk).update(organisation=None, location=None)
    world.charger.refresh_from_db()
    world.charger.organisation = world.theirs
    world.charger.save()
    assert all(seen(world.taker, row) for row in world.old)


def test_a_place_is_one_of_the_same_organisation(world):
    world.charger.location = Location.objects.create(organisation=world.theirs, name="Zebra")
    with pytest.raises(ValidationError, match="not a place of the organisation"):
        world.charger.full_clean()


# -- pages


def access(charger: Charger, rest: str = "") -> str:
    return f"/admin/chargers/charger/{charger.pk}/access/{rest}"


def test_by_code_with_a_look_at_what_happens_first(world, client):
    client.force_login(world.giver)
    assert "<li>own (Billing)</li>" in client.get(access(world.charger)).content.decode()
    shown = client.post(access(world.charger, "do/offer/")).content.decode()
    (code,) = re.findall(r"<code>([0-9A-Z-]{19})</code>", shown)
    assert code not in client.get(access(world.charger)).content.decode()
    assert code not in str(list(Transfer.objects.values())) + str(list(Deed.objects.values()))
    client.force_login(world.taker)
    form = {"code": code, "organisation": world.theirs.pk}
    look = client.post(TAKE_OVER, form).content.decode()
    assert "Switched off" in look
    assert "<li>own (Billing)</li>" in look
    assert Charger.objects.get().organisation == world.ours
    assert client.post(TAKE_OVER, form | {"confirmed": "yes"})["Location"] == access(world.charger)
    assert Charger.objects.get().organisation == world.theirs
    assert client.post(TAKE_OVER, form | {"confirmed": "yes"}).status_code == 200


def test_by_mail(world, client, settings):
    settings.PROXY_MAIL = True
    client.force_login(world.giver)
    assert client.post(access(world.charger, "do/offer/"), {"email": world.taker.email}).status_code == 302
    (letter,) = mail.outbox
    assert letter.to == [world.taker.email]
    (code,) = re.findall(r"^[0-9A-Z-]{19}$", str(letter.body), flags=re.MULTILINE)
    client.force_login(world.taker)
    client.post(TAKE_OVER, {"code": code, "organisation": world.theirs.pk, "confirmed": "yes"})
    assert Charger.objects.get().organisation == world.theirs


def test_an_offer_is_taken_back(world, client):
    client.force_login(world.giver)
    client.post(access(world.charger, "do/offer/"))
    client.post(access(world.charger, "do/take-back/"))
    assert not Transfer.objects.open().exists()


def test_nobody_takes_over_for_an_organisation_of_others(world, client):
    _offer, code = transfers.offer(world.giver, world.charger)
    third = Organisation.objects.create(name="Third")
    Membership.objects.create(user=world.taker, organisation=third, role="installer")
    client.force_login(world.taker)
    form = {"code": code, "organisation": third.pk, "confirmed": "yes"}
    assert "organisation" in client.post(TAKE_OVER, form).context["form"].errors
    client.force_login(world.user(world.theirs, "installer"))
    assert client.get(TAKE_OVER).status_code == 403
    assert Charger.objects.get().organisation == world.ours


def test_codes_of_the_side_that_gave_it_are_over(world, monkeypatch):
    monkeypatch.setattr(claims, "limits", claims.Limits())
    code = claims.offer(world.charger)
    left, _code = transfers.offer(world.giver, world.charger)
    world.charger.organisation = world.theirs
    world.charger.save()
    left.refresh_from_db()
    assert left.revoked_at is not None
    with pytest.raises(claims.Refused):
        claims.claim("CP-1", code, world.ours, keys=["test"], now=0.0)
    world.charger.refresh_from_db()
    assert world.charger.organisation == world.theirs


def test_the_overview_tells_the_new_side_nothing_of_before(world, client):
    Transaction.objects.filter(pk=world.old[0].pk).update(id_tag="CARD-4711")
    at = timezone.now() - timedelta(minutes=1)
    LatestValue.objects.create(charger=world.charger, kind="quirk", key="odd", payload="CARD-42", at=at)
    world.hand_over()
    client.force_login(world.taker)
    page = f"/admin/chargers/charger/{world.charger.pk}/overview/"
    before = client.get(page).content.decode()
    assert "4711" not in before
    assert "CARD-42" not in before
    assert str(world.old[0].pk) not in before
    new = world.record(60)[0]
    assert str(new.pk) in client.get(page).content.decode()
