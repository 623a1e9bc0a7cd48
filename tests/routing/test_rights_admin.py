"""Presets and the table of rights in the admin."""

import re
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import ChargerSession, ConfigChange, PermissionPreset, Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours():
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def theirs():
    return Organisation.objects.create(name="Theirs")


def preset(organisation, name="Night", role="control", **permissions):
    return PermissionPreset.objects.create(
        organisation=organisation, name=name, role=role, permissions=permissions
    )


@pytest.fixture
def route(ours):
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role="control")


@pytest.fixture
def installer(client, ours):
    user = User.objects.create_user("installer", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=ours, role="installer")
    client.force_login(user)
    return client


def page(route):
    return reverse("admin:routing_route_change", args=[route.pk])


def form(route, **changes):
    values = {
        "charger": route.charger_id, "backoffice": route.backoffice_id, "role": route.role, "enabled": "on",
        "alias": "", "preset": route.preset_id or "", "permissions": "{}", "options": "{}",
    }  # fmt: skip
    inlines = {f"overrides-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
    return values | inlines | changes


def rights(response):
    """The table of the page: the cells of each action."""
    text = response.content.decode()
    rows = re.findall(r"<tr><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>", text)
    return {action: (allowed, rule) for action, allowed, rule in rows}


def choices(response, form="adminform"):
    """What the page offers: of each key what is inherited, why, and what is chosen."""
    field = response.context[form].form["permissions"]
    context = field.field.widget.get_context("permissions", field.value(), {"id": "id_permissions"})
    lines = [line for section in context["sections"] for line in section["lines"]]
    found = [choice for line in lines for choice in (line["choice"], *line["parts"])]
    return {one["key"]: (str(one["inherited"]), one["rule"], one["chosen"]) for one in found}


def test_the_page_of_a_route_says_what_it_may_send_without_a_choice_and_why(installer, route, ours):
    route.preset = preset(ours, **{"Reset:Soft": "allow"})
    route.permissions = {"ClearCache": "guard"}
    route.save()
    response = installer.get(page(route))
    found = choices(response)
    assert found["Reset"] == ("no", "preset control: Reset is deny", "")
    assert found["Reset:Soft"] == ("yes", "preset Night (Ours): Reset:Soft is allow", "")
    assert found["ClearCache"] == ("no", "preset control: ClearCache is deny", "guard")
    assert found["RemoteStopTransaction"][0] == "its own only"
    assert "SetVariables" in found
    assert 'name="permissions:Reset:Soft"' in response.content.decode()


def test_it_is_of_the_version_that_the_charger_speaks(installer, route):
    ChargerSession.objects.create(charger=route.charger, ocpp_version="1.6")
    found = choices(installer.get(page(route)))
    assert "ChangeConfiguration" in found
    assert "SetVariables" not in found


def matrix(route, **chosen):
    values = form(route) | {"permissions-matrix": "1"} | chosen
    del values["permissions"]
    return values


def test_what_is_chosen_is_stored_as_permissions_and_told(installer, route):
    Route.objects.update(permissions={"ClearCache": "allow"})
    chosen = {
        "permissions:Reset": "deny", "permissions:Reset:Soft": "allow", "permissions:ClearCache": "",
        "permissions-part:UnlockConnector": " 2 ", "permissions-verdict:UnlockConnector": "allow",
        "permissions-part:DataTransfer": "", "permissions-verdict:DataTransfer": "allow",
    }  # fmt: skip
    response = installer.post(page(route), matrix(route, **chosen), follow=True)
    assert Route.objects.get().permissions == {
        "Reset": "deny", "Reset:Soft": "allow", "UnlockConnector:2": "allow"
    }  # fmt: skip
    told = [str(message) for message in response.context["messages"]]
    assert (
        "Applied, also to the open connection: ClearCache: yes → inherited; Reset: inherited → no; "
        "Reset:Soft: inherited → yes; UnlockConnector:2: inherited → yes."
    ) in told


def test_what_is_not_changed_is_not_told(installer, route):
    Route.objects.update(permissions={"Reset": "deny"})
    values = matrix(route, **{"permissions:Reset": "deny"})
    response = installer.post(page(route), values, follow=True)
    assert not any("Applied" in str(message) for message in response.context["messages"])


WRONG = {
    "a verdict": (
        {"permissions:Reset": "perhaps"}, 'Reset: "perhaps" is not a verdict (allow, deny, own, guard)'
    ),
    "an action": ({"permissions:Rest": "deny"}, '"Rest" is not an action'),
    "a part": (
        {"permissions-part:UnlockConnector": "left", "permissions-verdict:UnlockConnector": "allow"},
        '"left" is not a number',
    ),
    "a part without a choice": ({"permissions-part:UnlockConnector": "2"}, '"" is not a verdict'),
}  # fmt: skip


@pytest.mark.parametrize(("chosen", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_in_words_and_still_there(installer, route, chosen, words):
    response = installer.post(page(route), matrix(route, **chosen))
    assert words in " ".join(errors(response)["permissions"])
    assert Route.objects.get().permissions == {}
    field = response.context["adminform"].form["permissions"]
    assert field.value() != "{}"


def test_what_is_of_another_version_is_not_lost(installer, route):
    ChargerSession.objects.create(charger=route.charger, ocpp_version="1.6")
    Route.objects.update(permissions={"SetVariables:A.B": "allow"})
    text = installer.get(page(route)).content.decode()
    assert 'name="permissions:SetVariables:A.B"' in text
    installer.post(page(route), matrix(route, **{"permissions:SetVariables:A.B": "allow"}))
    assert Route.objects.get().permissions == {"SetVariables:A.B": "allow"}


def test_credentials_of_a_route_are_written_and_never_read(installer, route):
    values = form(route, username="CP-at-energy", new_password="zebra-secret-1")
    assert installer.post(page(route), values).status_code == 302
    stored = Route.objects.get()
    assert (stored.username, stored.password, stored.password_entered) == (
        "CP-at-energy", b"zebra-secret-1", True
    )  # fmt: skip
    text = installer.get(page(route)).content.decode()
    assert "zebra-secret-1" not in text
    assert "entered by a person" in text
    installer.post(page(route), form(route, forget_password="on"))
    stored = Route.objects.get()
    assert (stored.username, stored.has_password, stored.password_entered) == (None, False, False)


@pytest.mark.parametrize("typed", ["xyz", "abc"])
def test_a_password_in_hexadecimal_is_checked(installer, route, typed):
    found = errors(installer.post(page(route), form(route, new_password=typed, password_is_hex="on")))
    assert "expected pairs" in found["new_password"][0]
    installer.post(page(route), form(route, new_password="c0ffee", password_is_hex="on"))
    assert Route.objects.get().password == b"\xc0\xff\xee"


def test_names_of_permissions_cannot_bring_markup(installer, route):
    Route.objects.filter(pk=route.pk).update(permissions={"Reset:<script>x</script>": "allow"})
    assert "<script>x" not in installer.get(page(route)).content.decode()


def test_a_reader_sees_the_table_and_changes_nothing(installer, route):
    Membership.objects.update(role="read_only")
    response = installer.get(page(route))
    assert rights(response)["Reset"] == ("no", "preset control: Reset is deny")
    german = installer.get(page(route), headers={"accept-language": "de"}).content.decode()
    assert "Was dieses Backoffice an die Ladestation senden darf" in german
    assert installer.post(page(route), form(route, role="service")).status_code == 403
    assert Route.objects.get().role == "control"


def test_a_foreign_installer_finds_neither_route_nor_preset(installer, theirs, route):
    Charger.objects.update(organisation=theirs)
    assert installer.get(page(route)).status_code == 404
    foreign = preset(theirs)
    for name in ("change", "delete", "history"):
        response = installer.get(reverse(f"admin:routing_permissionpreset_{name}", args=[foreign.pk]))
        assert response.status_code == 404


def test_the_form_offers_presets_of_the_charger_alone(admin_client, route, ours, theirs):
    mine = preset(ours)
    preset(theirs, "Foreign")
    field = admin_client.get(page(route)).context["adminform"].form.fields["preset"]
    assert [str(label) for _, label in field.choices][1:] == ["Night (Data & control, Ours)"]
    assert admin_client.post(page(route), form(route, preset=mine.pk)).status_code == 302
    assert Route.objects.get().preset == mine


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/admin/somewhere/?a=b", "/admin/somewhere/?a=b"),
        ("https://elsewhere.example/", "/admin/routing/route/"),
        ("//elsewhere.example/", "/admin/routing/route/"),
        ("javascript:alert(1)", "/admin/routing/route/"),
        ("", "/admin/routing/route/"),
    ],
)
def test_who_saves_is_led_back_to_where_they_came_from(admin_client, route, target, leads_to):
    back = f"?{urlencode({'next': target})}"
    assert admin_client.post(page(route) + back, form(route))["location"] == leads_to
    charger = Charger.objects.create(identity="CP-2", organisation=route.charger.organisation)
    new = form(route) | {"charger": charger.pk, "backoffice": route.backoffice_id}
    add = admin_client.post(reverse("admin:routing_route_add") + back, new)
    assert (add.status_code, add["location"]) == (302, leads_to)


def errors(response):
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def test_a_preset_of_another_organisation_is_refused(admin_client, route, theirs):
    foreign = preset(theirs)
    assert "preset" in errors(admin_client.post(page(route), form(route, preset=foreign.pk)))
    add = reverse("admin:routing_route_add")
    found = errors(admin_client.post(add, form(route, preset=foreign.pk)))
    assert found["__all__"][0] == (
        'preset "Night" is not one of the organisation of CP-1; choose another one'
    )


def test_a_preset_is_for_its_role(installer, route, ours):
    other = preset(ours, role="energy")
    found = errors(installer.post(page(route), form(route, preset=other.pk)))
    assert found["role"] == [
        'preset "Night" is for routes with role energy, this one has role control; '
        "choose another preset or role"
    ]


def charger_form(client, route, charger=(), row=()):
    """Post the page of a charger with its one route, changed as given."""
    url = reverse("admin:chargers_charger_change", args=[route.charger_id])
    response = client.get(url)
    inline = response.context["inline_admin_formsets"][0].formset
    values = {**response.context["adminform"].form.initial, "options": "{}", **dict(charger)}
    data = {key: value for key, value in values.items() if value is not None}
    data |= {f"{inline.prefix}-TOTAL_FORMS": 1, f"{inline.prefix}-INITIAL_FORMS": 1}
    of_route = {
        "id": route.pk,
        "charger": route.charger_id,
        "backoffice": route.backoffice_id,
        "role": route.role,
    }
    data |= {f"{inline.prefix}-0-{key}": value for key, value in {**of_route, **dict(row)}.items()}
    return client.post(url, data)


def test_a_role_is_not_changed_under_a_preset_on_the_page_of_the_charger_either(admin_client, route, ours):
    Route.objects.filter(pk=route.pk).update(preset=preset(ours))
    response = charger_form(admin_client, route, row={"role": "energy"})
    assert response.status_code == 200
    assert "is for routes with role control" in response.content.decode()
    assert charger_form(admin_client, route).status_code == 302


def test_a_charger_does_not_change_hands_with_a_preset_of_the_old_ones(admin_client, route, ours, theirs):
    Route.objects.filter(pk=route.pk).update(preset=preset(ours))
    response = charger_form(admin_client, route, charger={"organisation": theirs.pk})
    assert response.status_code == 200
    assert "is not one of the organisation of CP-1" in response.content.decode()
    assert Charger.objects.get().organisation == ours


def test_the_role_of_a_preset_in_use_stays(installer, route, ours):
    used = preset(ours)
    Route.objects.filter(pk=route.pk).update(preset=used)
    url = reverse("admin:routing_permissionpreset_change", args=[used.pk])
    values = {"name": "Night", "organisation": ours.pk, "role": "energy", "permissions": "{}"}
    found = errors(installer.post(url, values))
    assert found["role"] == ["Routes with another role use this preset; give them another one first."]


@pytest.mark.parametrize("permissions", ['{"Rest": "deny"}', '{"Reset:Hrad": "deny"}', '{"Reset": "no"}'])
def test_a_preset_with_faults_is_refused(installer, ours, permissions):
    url = reverse("admin:routing_permissionpreset_add")
    values = {"name": "Night", "organisation": ours.pk, "role": "control", "permissions": permissions}
    assert "permissions" in errors(installer.post(url, values))
    assert installer.post(url, values | {"permissions": '{"Reset:Hard": "deny"}'}).status_code == 302


def test_a_preset_is_for_ones_own_organisation(installer, theirs):
    url = reverse("admin:routing_permissionpreset_add")
    values = {"name": "Night", "organisation": theirs.pk, "role": "control", "permissions": "{}"}
    assert "organisation" in errors(installer.post(url, values))


def test_an_edit_of_a_preset_is_told_to_the_chargers_that_use_it(installer, route, ours):
    used = preset(ours)
    Route.objects.filter(pk=route.pk).update(preset=used)
    start = ConfigChange.objects.latest("id").id
    url = reverse("admin:routing_permissionpreset_change", args=[used.pk])
    values = {
        "name": "Night",
        "organisation": ours.pk,
        "role": "control",
        "permissions": '{"Reset": "allow"}',
    }
    assert installer.post(url, values).status_code == 302
    assert {c.charger_id for c in ConfigChange.objects.filter(id__gt=start)} == {route.charger_id}


def test_a_reader_sees_presets_and_changes_none(installer, ours):
    there = preset(ours)
    Membership.objects.update(role="read_only")
    url = reverse("admin:routing_permissionpreset_change", args=[there.pk])
    assert "Night" in installer.get(url).content.decode()
    values = {"name": "Day", "organisation": ours.pk, "role": "control", "permissions": "{}"}
    assert installer.post(url, values).status_code == 403
    add = installer.post(reverse("admin:routing_permissionpreset_add"), values)
    assert add.status_code == 403 or "organisation" in errors(add)
    assert PermissionPreset.objects.get().name == "Night"
