"""What of a charger's settings is not as wanted, and what is done about it."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from accounts.models import Membership, Organisation, User
from routing.commands import drift
from routing.commands.drift import Difference
from routing.models import ChargerSession, Command


def key(name: str, value: str | None, *, read_only: bool = False) -> dict[str, Any]:
    return {"key": name, "readonly": read_only} | ({} if value is None else {"value": value})


def variable(name: str, value: str, status: str = "Accepted") -> dict[str, Any]:
    component, _, rest = name.partition(".")
    told = {"component": {"name": component}, "variable": {"name": rest}, "attributeStatus": status}
    return told | ({"attributeValue": value} if status == "Accepted" else {})


def test_what_differs_in_1_6() -> None:
    wanted = {"HeartbeatInterval": "300", "ResetRetries": "3", "LocalAuthListEnabled": "true", "Mode": "a"}
    told = [
        key("HeartbeatInterval", "60"),
        key("resetretries", "3"),
        key("LocalAuthListEnabled", "TRUE"),
        key("Mode", "b", read_only=True),
    ]
    assert drift.drift(wanted, "GetConfiguration", {"configurationKey": told}) == [
        Difference("HeartbeatInterval", "300", "60"),
        Difference("Mode", "a", "b", True),
    ]


def test_what_differs_in_2() -> None:
    wanted = {"AuthCtrlr.Enabled": "true", "SampledDataCtrlr.TxUpdatedInterval": "60", "X.Y": "1"}
    told = [
        variable("AuthCtrlr.Enabled", "true"),
        variable("SampledDataCtrlr.TxUpdatedInterval", "15"),
        variable("X.Y", "", "UnknownVariable"),
    ]
    assert drift.drift(wanted, "GetVariables", {"getVariableResult": told}) == [
        Difference("SampledDataCtrlr.TxUpdatedInterval", "60", "15"),
        Difference("X.Y", "1", None),
    ]


@pytest.mark.django_db
def test_all_is_fixed_one_after_the_other() -> None:
    organisation = Organisation.objects.create(name="Ours")
    user = User.objects.create_user("anna")
    Membership.objects.create(user=user, organisation=organisation, role="installer")
    charger = apps.get_model("chargers", "Charger").objects.create(identity="CP-1", organisation=organisation)
    ChargerSession.objects.create(charger=charger, online=True, ocpp_version="1.6")
    differences = [
        Difference("HeartbeatInterval", "300", "60"),
        Difference("ServiceURL", "ws://elsewhere", None),
        Difference("NumberOfConnectors", "2", "1", read_only=True),
        Difference("ResetRetries", "3", "1"),
    ]
    bulk = drift.fix_all(user, charger, differences, via="admin")
    first, second = bulk.commands
    assert (first.after, second.after) == (None, first)
    assert [one.payload["key"] for one in bulk.commands] == ["HeartbeatInterval", "ResetRetries"]
    assert bulk.skipped == {
        "ServiceURL": "skipped_forbidden",
        "NumberOfConnectors": "the charger says that it is read-only",
    }
    assert Command.objects.visible_to(user).in_group(bulk.group).count() == 2
