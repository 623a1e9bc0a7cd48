"""What would happen: told as the core decides it."""

import pytest
from msgspec.structs import replace

from routing import foreseeing
from routing.core.options import ChargerOptions
from routing.core.snapshot import ChargerSnapshot, Role, Verdict
from tests.routing.core.harness import World, route, start

BILLING = route(1, "roaming", Role.BILLING)
CONTROL = route(2, "energy", Role.CONTROL)
WATCHER = route(3, "vendor", Role.OBSERVE)
SERVICE = route(4, "service", Role.SERVICE)
MANAGER = route(5, "manager", Role.ENERGY)


def charger(*routes, **options):
    routes = routes or (BILLING, CONTROL, WATCHER)
    return ChargerSnapshot(key=1, identity="CP-1", routes=routes, options=ChargerOptions(**options))


def shorts(foreseen):
    return {fate.backoffice: fate.short for fate in foreseen.fates}


ASKED = [
    (BILLING, "Reset", "Hard", {}, "forwarded", "preset billing: Reset is allow"),
    (CONTROL, "Reset", "Hard", {}, "blocked", "preset control: Reset is deny"),
    (CONTROL, "Reset", "Hard", {"Reset:Hard": Verdict.ALLOW}, "forwarded",
     "permission of route energy: Reset:Hard is allow"),
    (CONTROL, "Reset", "Soft", {"Reset:Hard": Verdict.ALLOW}, "blocked", "preset control: Reset is deny"),
    (CONTROL, "RemoteStopTransaction", "", {}, "its own only",
     "preset control: RemoteStopTransaction is own"),
    (CONTROL, "SetChargingProfile", "", {}, "within limits",
     "preset control: SetChargingProfile is guard"),
    (CONTROL, "GetLocalListVersion", "", {}, "answered here", "preset control: GetLocalListVersion is allow"),
    (WATCHER, "UnlockConnector", "2", {"UnlockConnector:*": Verdict.GUARD}, "within limits",
     "permission of route vendor: UnlockConnector:* is guard"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asker", "action", "part", "permissions", "short", "rule"),
    ASKED,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_backoffice_asks(asker, action, part, permissions, short, rule):
    asker = replace(asker, permissions=permissions)
    others = [one for one in (BILLING, CONTROL, WATCHER) if one.key != asker.key]
    foreseen = foreseeing.asked(charger(asker, *others), asker.key, "1.6", action, part)
    fate = next(fate for fate in foreseen.fates if fate.route == asker.key)
    assert (fate.short, fate.rule) == (short, rule)
    assert {fate.short for fate in foreseen.fates if fate.route != asker.key} == {"not told"}


PROFILES = [
    (CONTROL, "TxDefaultProfile", {}, "blocked", "smart_charging split: TxDefaultProfile is of roaming"),
    (CONTROL, "ChargePointMaxProfile", {}, "within limits", "preset control: SetChargingProfile is guard"),
    (BILLING, "ChargePointMaxProfile", {}, "blocked",
     "smart_charging split: ChargePointMaxProfile is of energy"),
    (CONTROL, "TxDefaultProfile", {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW}, "forwarded",
     "permission of route energy: SetChargingProfile:TxDefaultProfile is allow"),
]  # fmt: skip


@pytest.mark.parametrize(("asker", "purpose", "permissions", "short", "rule"), PROFILES)
def test_a_profile_needs_a_purpose_that_is_its_own(asker, purpose, permissions, short, rule):
    asker = replace(asker, permissions=permissions)
    others = [one for one in (BILLING, CONTROL) if one.key != asker.key]
    foreseen = foreseeing.asked(charger(asker, *others), asker.key, "1.6", "SetChargingProfile", purpose)
    assert (foreseen.fates[0].short, foreseen.fates[0].rule) == (short, rule)


@pytest.mark.parametrize(
    ("version", "action", "style", "answer"),
    [
        ("1.6", "Reset", "status", '{"status":"Rejected"}'),
        ("1.6", "Reset", "callerror", "CALLERROR SecurityError"),
        ("1.6", "UpdateFirmware", "status", "CALLERROR NotSupported"),
        ("2.0.1", "SetVariables", "status", "denied by proxy policy"),
    ],
)
def test_what_a_refused_backoffice_gets(version, action, style, answer):
    asker = route(3, "vendor", Role.OBSERVE, deny_style=style)
    assert answer in foreseeing.asked(charger(asker), 3, version, action).summary


def test_a_command_of_no_version_or_route_is_not_foreseen():
    for number, action in [(1, "MeterValues"), (1, "Rest"), (9, "Reset")]:
        with pytest.raises(LookupError):
            foreseeing.asked(charger(), number, "1.6", action)
    with pytest.raises(LookupError):
        foreseeing.said(charger(), "1.6", "Reset")


SAID = [
    ("1.6", "StartTransaction", "answers copied copied", "for a new session that is roaming"),
    ("1.6", "Authorize", "answers withheld withheld", "roaming decides"),
    ("1.6", "Heartbeat", "its own its own its own", "The proxy answers the charger itself."),
    ("1.6", "StatusNotification", "copied copied copied", "once the message is safe"),
    ("1.6", "SecurityEventNotification", "copied withheld withheld", "once the message is safe"),
    ("1.6", "BootNotification", "answers copied copied", "roaming answers the charger"),
    ("2.0.1", "NotifyEVChargingNeeds", "answers copied withheld", "roaming answers"),
    ("2.0.1", "NotifyReport", "its own only its own only its own only", "once the message is safe"),
]


@pytest.mark.parametrize(
    ("version", "action", "expected", "summary"), SAID, ids=[f"{row[0]} {row[1]}" for row in SAID]
)
def test_what_the_charger_says(version, action, expected, summary):
    foreseen = foreseeing.said(charger(), version, action)
    assert " ".join(fate.short for fate in foreseen.fates) == expected
    assert summary in foreseen.summary


def test_the_energy_manager_answers_for_what_a_car_needs():
    foreseen = foreseeing.said(charger(BILLING, MANAGER), "2.0.1", "NotifyEVChargingNeeds")
    assert shorts(foreseen) == {"roaming": "copied", "manager": "answers"}


def test_everybody_who_may_start_sessions_decides_about_a_card_where_the_charger_says_so():
    foreseen = foreseeing.said(charger(authorization="first_accept"), "1.6", "Authorize")
    assert shorts(foreseen) == {"roaming": "answers", "energy": "answers", "vendor": "withheld"}


def test_without_a_billing_route_the_proxy_answers():
    foreseen = foreseeing.said(charger(CONTROL), "1.6", "StartTransaction")
    assert foreseen.summary == "The proxy answers the charger itself."


def test_sessions_of_others_may_be_hidden():
    hidden = route(2, "energy", Role.CONTROL, foreign_tx="hidden")
    foreseen = foreseeing.said(charger(BILLING, hidden), "1.6", "StartTransaction")
    assert "those of others are hidden" in foreseen.fates[1].words


@pytest.mark.parametrize("action", ["StartTransaction", "SecurityEventNotification", "Authorize"])
def test_the_core_does_what_was_foreseen(action):
    """The same in a real session: who hears of it, and whose answer the charger gets."""
    world = World(BILLING, CONTROL, WATCHER)
    world.boot()
    payload = {
        "StartTransaction": start(),
        "Authorize": {"idTag": "TAG"},
        "SecurityEventNotification": {"type": "Tamper", "timestamp": "2026-01-01T00:00:00Z"},
    }[action]
    world.call(action, payload)
    foreseen = foreseeing.said(charger(), "1.6", action)
    for fate in foreseen.fates:
        heard = bool(world[fate.backoffice].of(action))
        assert heard is (fate.short != "withheld"), fate
