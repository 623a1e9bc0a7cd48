"""What a route's page answers before anything is saved, and the hand-over of billing."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import (
    ChargerSession,
    ConfigChange,
    Message,
    PermissionPreset,
    Route,
    RouteState,
    Transaction,
)
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db

FETCH = {"HTTP_X_REQUESTED_WITH": "fetch"}


@pytest.fixture
def ours():
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def charger(ours):
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    ChargerSession.objects.create(charger=charger, ocpp_version="1.6")
    return charger


def add_route(charger, name, role, **values):
    backoffice = Backoffice.objects.create(name=name, url=f"ws://{name}/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role=role, **values)


@pytest.fixture
def route(charger):
    add_route(charger, "roaming", "billing")
    return add_route(charger, "energy", "control")


@pytest.fixture
def installer(client, ours):
    user = User.objects.create_user("installer", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=ours, role="installer")
    client.force_login(user)
    return client


def address(name, *args):
    return reverse(f"admin:routing_{name}", args=args)


def form(route, **changes):
    values = {"role": route.role, "enabled": "on", "alias": "", "preset": "", "options": "{}"}
    return values | {"permissions-matrix": "1"} | changes


def foresee(client, route, action, part="", fetch=True, **changes):
    data = form(route, ask_action=action, ask_part=part, **changes)
    return client.post(address("route_foresee", route.pk), data, **(FETCH if fetch else {}))


def rehearse(client, route, fetch=True, **changes):
    return client.post(
        address("route_rehearse", route.pk), form(route, **changes), **(FETCH if fetch else {})
    )


def fates(response):
    return {fate.backoffice: fate.short for fate in response.context["foreseen"].fates}


def test_the_page_asks_without_javascript(installer, route):
    text = installer.get(address("route_change", route.pk)).content.decode()
    assert f'formaction="{address("route_foresee", route.pk)}"' in text
    assert '<option value="down:Reset"' in text
    assert '<option value="up:StartTransaction"' in text
    assert "SetVariables" not in text  # the charger speaks 1.6


def test_what_stands_in_the_form_counts_and_nothing_is_stored(installer, route):
    before = ConfigChange.objects.count(), Deed.objects.count()
    assert fates(foresee(installer, route, "down:Reset")) == {"roaming": "not told", "energy": "blocked"}
    chosen = {"permissions:Reset": "allow", "permissions:Reset:Hard": "deny"}
    assert fates(foresee(installer, route, "down:Reset", "Soft", **chosen))["energy"] == "forwarded"
    answer = foresee(installer, route, "down:Reset", "Hard", **chosen)
    assert fates(answer)["energy"] == "blocked"
    assert "permission of route energy: Reset:Hard is deny" in answer.content.decode()
    assert fates(foresee(installer, route, "down:Reset", role="service"))["energy"] == "forwarded"
    stored = Route.objects.get(pk=route.pk)
    assert (stored.role, stored.permissions) == ("control", {})
    assert (ConfigChange.objects.count(), Deed.objects.count()) == before


def test_what_the_charger_says_is_foreseen_for_each_route(installer, route):
    add_route(route.charger, "vendor", "observe")
    answer = foresee(installer, route, "up:Authorize")
    assert fates(answer) == {"roaming": "answers", "energy": "withheld", "vendor": "withheld"}
    assert "roaming decides" in answer.content.decode()


def test_a_route_that_is_off_is_shown_as_if_it_were_on(installer, route):
    Route.objects.filter(pk=route.pk).update(enabled=False)
    Charger.objects.update(enabled=False)
    data = form(route, ask_action="down:GetLog")
    del data["enabled"]
    answer = installer.post(address("route_foresee", route.pk), data, **FETCH)
    assert fates(answer) == {"energy": "blocked"}
    assert "as if it were on" in answer.content.decode()


NO_ANSWER = [
    ("down:Rest", "", {}, "Choose what you want to know about"),
    ("", "", {}, "Choose what you want to know about"),
    ("down:Reset", "Hrad", {}, "did you mean"),
    ("down:ClearCache", "x", {}, "permitted as a whole"),
    ("down:Reset", "", {"permissions:Reset": "maybe"}, "is not a verdict"),
    ("down:Reset", "", {"role": "billing"}, "already has an enabled billing route"),
]


@pytest.mark.parametrize(("action", "part", "changes", "words"), NO_ANSWER, ids=lambda value: str(value)[:30])
def test_what_can_t_be_answered_is_told_in_words(installer, route, action, part, changes, words):
    answer = foresee(installer, route, action, part, **changes)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert answer.context["foreseen"] is None


def test_an_action_of_another_version_is_404(installer, route):
    assert foresee(installer, route, "down:SetVariables").status_code == 404


def test_without_javascript_the_form_is_carried_on_but_no_password(installer, route):
    chosen = {"permissions:Reset": "allow", "new_password": "zebra-secret"}
    answer = foresee(installer, route, "down:Reset", fetch=False, **chosen)
    text = answer.content.decode()
    assert '<input type="hidden" name="permissions:Reset" value="allow">' in text
    assert "zebra-secret" not in text
    assert "go back in your browser" in text
    assert 'name="_continue"' not in text
    again = {"permissions:Reset": "allow", "lost_password": "1"}
    assert 'name="lost_password" value="1"' in text
    text = foresee(installer, route, "down:Reset", fetch=False, **again).content.decode()
    assert 'name="_continue"' not in text  # asked twice, it is still not carried on
    answer = foresee(installer, route, "down:Reset", fetch=False, **{"permissions:Reset": "allow"})
    data = {**dict(answer.context["carried"]), "_continue": "1"}
    installer.post(address("route_change", route.pk), data)
    assert Route.objects.get(pk=route.pk).permissions == {"Reset": "allow"}


def logged(route, action, payload="{}", outcome="answered", rule=""):
    now = timezone.now()
    Message.objects.create(
        charger=route.charger, route=route, at=now, exchange=number_at(now), direction="down", action=action,
        text=f'[2,"1","{action}",{payload}]', outcome=outcome, rule=rule,
    )  # fmt: skip


def test_a_rehearsal_says_what_would_have_been_blocked(installer, route):
    logged(route, "SetChargingProfile")
    logged(route, "Reset", '{"type":"Soft"}', "denied", "preset control: Reset is deny")
    logged(route, "Reset", '{"type":"Hard"}', "denied", "preset control: Reset is deny")
    chosen = {"permissions:SetChargingProfile": "deny", "permissions:Reset:Soft": "allow"}
    text = rehearse(installer, route, **chosen).content.decode()
    assert "This would have blocked 1 messages: 1 SetChargingProfile." in text
    assert "It would have allowed 1 messages that were blocked: 1 Reset." in text
    assert "Looked at: 3 messages" in text
    assert "changed nothing" in rehearse(installer, route).content.decode()
    assert Route.objects.get(pk=route.pk).permissions == {}
    assert "What would happen?" in rehearse(installer, route, fetch=False).content.decode()


@pytest.mark.parametrize("name", ["route_foresee", "route_rehearse"])
def test_both_are_posted(installer, route, name):
    assert installer.get(address(name, route.pk)).status_code == 405


@pytest.mark.parametrize("ask", [rehearse, lambda client, route: foresee(client, route, "down:Reset")])
def test_a_foreign_installer_and_a_stranger_are_told_nothing(installer, route, ask):
    Membership.objects.update(organisation=Organisation.objects.create(name="Theirs"))
    assert ask(installer, route).status_code == 404
    User.objects.get().user_permissions.clear()
    assert ask(installer, route).status_code in (403, 404)
    installer.logout()
    assert ask(installer, route).status_code == 302


def test_a_reader_asks_about_what_is_stored(installer, route):
    Membership.objects.update(role="read_only")
    answer = foresee(installer, route, "down:Reset", **{"permissions:Reset": "allow"})
    assert fates(answer)["energy"] == "blocked"
    page = foresee(installer, route, "down:Reset", fetch=False).content.decode()
    assert "applies live" not in page


# -- billing --------------------------------------------------------------------------------------------


def hand_over(client, route, becomes="control", **kwargs):
    data = {"to": route.pk, "becomes": becomes}
    return client.post(address("route_billing", route.charger_id), data, **kwargs)


def roles():
    return dict(Route.objects.values_list("backoffice__name", "role"))


def test_billing_is_handed_over_after_it_was_shown_what_that_means(installer, route):
    Transaction.objects.create(
        charger=route.charger, ocpp_version="1.6", owner=Route.objects.get(role="billing")
    )
    page = installer.get(address("route_billing", route.charger_id), {"to": route.pk, "becomes": "observe"})
    text = page.content.decode()
    assert "roaming stays connected, as Observe only." in text
    assert "1 running session(s) stay with roaming until they end" in text
    assert roles() == {"roaming": "billing", "energy": "control"}
    done = hand_over(installer, route, "observe", follow=True)
    assert roles() == {"roaming": "observe", "energy": "billing"}
    assert "Billing was handed over." in str(next(iter(done.context["messages"])))
    assert Transaction.objects.filter(owner__backoffice__name="roaming").exists()
    assert Deed.objects.filter(words__startswith="Billing handed over").count() == 2


def test_the_page_of_a_route_leads_there(installer, route):
    text = installer.get(address("route_change", route.pk)).content.decode()
    assert f"{address('route_billing', route.charger_id)}?to={route.pk}" in text


def test_it_says_where_there_is_no_other_route(installer, charger):
    add_route(charger, "roaming", "billing")
    assert "There is no other route" in installer.get(address("route_billing", charger.pk)).content.decode()


def test_what_can_t_be_handed_over_is_told(installer, route):
    Backoffice.objects.filter(name="energy").update(enabled=False)
    assert "switched off as a whole" in hand_over(installer, route).content.decode()
    other = add_route(Charger.objects.create(identity="CP-2"), "elsewhere", "control")
    response = installer.post(
        address("route_billing", route.charger_id), {"to": other.pk, "becomes": "control"}
    )
    assert response.status_code == 200
    assert hand_over(installer, route, "gone").status_code == 200
    assert roles() == {"roaming": "billing", "energy": "control", "elsewhere": "control"}


def test_a_reader_looks_and_hands_nothing_over(installer, route):
    Membership.objects.update(role="read_only")
    page = installer.get(address("route_billing", route.charger_id), {"to": route.pk, "becomes": "observe"})
    assert page.status_code == 200
    assert '<form method="post"' not in page.content.decode().split("<main")[-1].split("p-page")[-1]
    assert hand_over(installer, route).status_code == 403
    assert roles()["roaming"] == "billing"


def test_a_foreign_installer_finds_nothing_to_hand_over(installer, route):
    Membership.objects.update(organisation=Organisation.objects.create(name="Theirs"))
    assert installer.get(address("route_billing", route.charger_id)).status_code == 404
    assert hand_over(installer, route).status_code == 404
    assert roles()["roaming"] == "billing"


# -- presets --------------------------------------------------------------------------------------------


@pytest.fixture
def preset(ours):
    return PermissionPreset.objects.create(
        organisation=ours, name="Night", role="control", permissions={"Reset": "allow"}
    )


def copy(client, preset, organisation):
    return client.post(address("permissionpreset_copy", preset.pk), {"copy_to": organisation.pk})


def test_a_preset_is_copied_under_a_name_that_is_free(installer, preset, ours):
    other = Organisation.objects.create(name="Other")
    Membership.objects.create(user=User.objects.get(), organisation=other, role="installer")
    assert copy(installer, preset, other).status_code == 302
    copy(installer, preset, ours)
    copy(installer, preset, ours)
    found = PermissionPreset.objects.order_by("id").values_list("organisation__name", "name", "role")
    assert list(found)[1:] == [
        ("Other", "Night", "control"), ("Ours", "Night (copy 1)", "control"),
        ("Ours", "Night (copy 2)", "control"),
    ]  # fmt: skip
    made = PermissionPreset.objects.get(organisation=other)
    assert made.permissions == {"Reset": "allow"}
    assert Deed.objects.latest("id").words == "Copied from Night of Ours."


def test_a_preset_is_copied_to_ones_own_organisation_only(installer, preset):
    theirs = Organisation.objects.create(name="Theirs")
    assert copy(installer, preset, theirs).status_code == 404
    Membership.objects.update(role="read_only")
    assert copy(installer, preset, preset.organisation).status_code == 404
    assert installer.get(address("permissionpreset_copy", preset.pk)).status_code == 405
    Membership.objects.update(role="installer", organisation=theirs)
    assert copy(installer, preset, theirs).status_code == 404
    assert PermissionPreset.objects.count() == 1


def test_a_preset_with_a_mistake_in_it_is_told_and_not_copied(installer, preset, ours):
    PermissionPreset.objects.filter(pk=preset.pk).update(permissions={"Reset": "perhaps"})
    answer = copy(installer, preset, ours)
    assert answer.url == address("permissionpreset_change", preset.pk)
    assert "perhaps" in installer.get(answer.url).content.decode()
    assert PermissionPreset.objects.count() == 1


def test_a_preset_is_edited_by_the_same_choices(installer, preset, ours):
    url = address("permissionpreset_change", preset.pk)
    text = installer.get(url).content.decode()
    assert 'name="permissions:Reset"' in text
    values = {"name": "Night", "organisation": ours.pk, "role": "control", "permissions-matrix": "1"}
    installer.post(url, values | {"permissions:Reset": "", "permissions:GetLog": "allow"})
    preset.refresh_from_db()
    assert preset.permissions == {"GetLog": "allow"}


# -- the list -------------------------------------------------------------------------------------------


def test_the_list_takes_as_many_queries_for_ten_as_for_one(installer, charger):
    def queries():
        with CaptureQueriesContext(connection) as found:
            assert installer.get(address("route_changelist")).status_code == 200
        return len(found)

    add_route(charger, "first", "control")
    queries()
    one = queries()
    for number in range(9):
        route = add_route(charger, f"more-{number}", "control")
        RouteState.objects.create(route=route, state="waiting", since=timezone.now(), last_error="refused")
    assert queries() == one


FILTERS = {
    "wrong": ["away"],
    "off": ["off"],
    "connected": ["up"],
    "waiting": ["off"],
}


@pytest.mark.parametrize(("state", "expected"), FILTERS.items(), ids=FILTERS)
def test_the_list_finds_what_is_wrong_now(installer, charger, state, expected):
    now = timezone.now()
    for name, link, enabled in [
        ("up", "connected", True),
        ("away", "waiting", True),
        ("off", "closed", False),
    ]:
        route = add_route(charger, name, "control", enabled=enabled)
        RouteState.objects.create(route=route, state=link, since=now, waiting=int(name == "off"))
    gone = Charger.objects.create(identity="gone", organisation=charger.organisation)
    add_route(gone, "of a charger that is not there", "control")
    ChargerSession.objects.filter(charger=charger).update(online=True)
    found = installer.get(address("route_changelist"), {"state": state}).context["cl"].result_list
    assert [one.backoffice.name for one in found] == expected


def test_a_second_billing_route_is_refused_in_the_form_too(installer, route):
    response = installer.post(address("route_change", route.pk), form(route, role="billing"))
    assert response.status_code == 200
    assert "already has an enabled billing route" in response.content.decode()


def test_a_taken_identity_is_refused_in_the_form_too(installer, route, ours):
    other = Charger.objects.create(identity="CP-2", organisation=ours)
    Route.objects.create(charger=other, backoffice=route.backoffice, role="control")
    response = installer.post(address("route_change", route.pk), form(route, alias="CP-2"))
    assert "is already used toward energy" in response.content.decode()


def test_a_form_of_all_versions_is_not_too_long_to_be_posted(installer, route, settings):
    ChargerSession.objects.all().delete()
    text = installer.get(address("route_change", route.pk)).content.decode()
    assert 100 < text.count('name="permissions') < settings.DATA_UPLOAD_MAX_NUMBER_FIELDS / 2
