"""Who may send what: presets of the roles, changed by a route's own permissions."""

import pytest

from routing.core import actions
from routing.core.actions import Access, Down
from routing.core.policy import decide
from routing.core.snapshot import OCPP_VERSIONS, Role, RouteSnapshot, Verdict

ALLOW, DENY, OWN, GUARD = Verdict.ALLOW, Verdict.DENY, Verdict.OWN, Verdict.GUARD


def route(
    role: str, permissions: dict[str, Verdict] | None = None, backoffice: str = "energy"
) -> RouteSnapshot:
    return RouteSnapshot(
        key=1, backoffice=backoffice, role=Role(role), alias="CP-1", permissions=permissions or {}
    )


def row(action: str, version: str = "1.6") -> Down:
    found = actions.down(version, action)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("role", "verdict"),
    [("billing", ALLOW), ("control", DENY), ("observe", DENY), ("energy", DENY), ("service", ALLOW)],
)
@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_reset_needs_billing_or_service(version, role, verdict):
    assert decide(row("Reset", version), route(role))[0] is verdict


@pytest.mark.parametrize(
    ("version", "action", "role", "verdict"),
    [
        ("1.6", "RemoteStartTransaction", "billing", ALLOW),
        ("1.6", "RemoteStartTransaction", "control", GUARD),
        ("1.6", "RemoteStartTransaction", "energy", DENY),
        ("1.6", "RemoteStopTransaction", "control", OWN),
        ("1.6", "RemoteStopTransaction", "observe", DENY),
        ("1.6", "SetChargingProfile", "energy", GUARD),
        ("1.6", "SetChargingProfile", "service", DENY),
        ("1.6", "ClearChargingProfile", "billing", OWN),
        ("1.6", "GetConfiguration", "observe", ALLOW),
        ("1.6", "ChangeConfiguration", "billing", GUARD),
        ("1.6", "TriggerMessage", "observe", GUARD),
        ("1.6", "DataTransfer", "billing", ALLOW),
        ("1.6", "DataTransfer", "control", DENY),
        ("1.6", "UpdateFirmware", "service", GUARD),
        ("2.0.1", "RequestStopTransaction", "control", OWN),
        ("2.0.1", "SetNetworkProfile", "billing", DENY),
        ("2.0.1", "GetVariables", "energy", ALLOW),
        ("2.1", "UpdateDynamicSchedule", "energy", OWN),
        ("2.1", "SetDefaultTariff", "control", DENY),
    ],
)
def test_a_preset_decides(version, action, role, verdict):
    assert decide(row(action, version), route(role)) == (verdict, f"preset {role}: {action} is {verdict}")


@pytest.mark.parametrize("role", ["billing", "control", "observe"])
def test_a_virtual_answer_is_allowed(role):
    assert decide(row("GetLocalListVersion"), route(role))[0] is ALLOW


@pytest.mark.parametrize("verdict", Verdict)
def test_a_permission_wins_over_the_preset(verdict):
    permitted = route("control", {"Reset": verdict})
    assert decide(row("Reset"), permitted) == (verdict, f"permission of route energy: Reset is {verdict}")


def test_a_permission_takes_away_from_billing_too():
    restricted = route("billing", {"Reset": DENY}, backoffice="roaming")
    assert decide(row("Reset"), restricted) == (DENY, "permission of route roaming: Reset is deny")


def test_a_permission_touches_no_other_action():
    permitted = route("control", {"Reset": ALLOW})
    assert decide(row("UnlockConnector"), permitted) == (DENY, "preset control: UnlockConnector is deny")


def test_a_permission_is_named_as_on_the_wire():
    assert decide(row("Reset"), route("control", {"reset": ALLOW}))[0] is DENY


def test_what_a_row_does_not_list_is_denied():
    bare = Down("Reset", "control", {Role.BILLING: Access.ALLOW})
    assert decide(bare, route("service")) == (DENY, "preset service: Reset is deny")


@pytest.mark.parametrize(
    ("version", "action"), [("1.6", "Heartbeat"), ("1.6", "StartTransaction"), ("2.0.1", "TransactionEvent")]
)
def test_what_only_chargers_send_has_no_row_to_decide_on(version, action):
    assert actions.down(version, action) is None


@pytest.mark.parametrize("version", OCPP_VERSIONS)
@pytest.mark.parametrize("role", Role)
def test_nobody_may_more_than_billing(version, role):
    order = [DENY, OWN, GUARD, ALLOW]
    rows = [found for action in actions.names(version) if (found := actions.down(version, action))]
    of_billing = {found.action: order.index(decide(found, route("billing"))[0]) for found in rows}
    assert [r.action for r in rows if order.index(decide(r, route(role))[0]) > of_billing[r.action]] == []
