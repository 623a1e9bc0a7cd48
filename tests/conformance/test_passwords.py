"""Scenario 59: a backoffice that sets the charger's password changes that of its link. Real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
HEX = "0123456789abcdef0123456789ABCDEF"
TEXT = "a long password: ä"
OLD = b"the password before"


def change(version: str) -> tuple[str, dict[str, Any], bytes, str]:
    """The CALL that sets a password, that password, and how it stands in the CALL."""
    if version == "1.6":
        payload: dict[str, Any] = {"key": "AuthorizationKey", "value": HEX}
        return "ChangeConfiguration", payload, bytes.fromhex(HEX), HEX
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    payload = {"setVariableData": [{**variable, "attributeValue": TEXT}]}
    return "SetVariables", payload, TEXT.encode(), TEXT


def is_accepted(version: str, answer: Any) -> bool:
    """Whether the one key or variable was taken."""
    if version == "1.6":
        return bool(answer == {"status": "Accepted"})
    return [result["attributeStatus"] for result in answer["setVariableResult"]] == ["Accepted"]


@ALL
async def test_59_a_password_for_the_link(site: Site, version: str) -> None:
    """Given P sets the charger's password, then its link reconnects with it; the charger keeps its own."""
    billing, energy = await site.backoffice("billing"), await site.backoffice("energy")
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, version)
    action, payload, password, written = change(version)
    answer = await billing.call(identity, action, payload)
    billing.password = password  # nobody is let in with anything else from now on
    assert is_accepted(version, answer.payload)
    await billing.wait_connected(identity, connections=2)
    assert energy.chargers[identity].connections == 1
    assert not [entry for entry in charger.record.texts("received") if written in entry or action in entry]

    if version == "1.6":
        for asker in (billing, energy):
            shown = await asker.call(identity, "GetConfiguration", {})
            keys = {item["key"]: item.get("value") for item in shown.payload["configurationKey"]}
            assert keys.get("AuthorizationKey") is None
            assert HEX not in shown.text
            assert HEX.lower() not in shown.text
    else:
        variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        for asker in (billing, energy):
            shown = await asker.call(identity, "GetVariables", {"getVariableData": [variable]})
            (result,) = shown.payload["getVariableResult"]
            assert result["attributeStatus"] != "Accepted"
            assert written not in shown.text
    kept = site.proxy.rows("SELECT text || answer || rule FROM routing_message")
    assert not [row for (row,) in kept if written in row]
    assert written not in site.proxy.log


@pytest.mark.parametrize("version", ["1.6"])  # of the link alone: tests/backoffices/test_links_passwords.py
async def test_a_backoffice_that_does_not_know_its_own_password(site: Site, version: str) -> None:
    """Where the new password is refused the one before still counts, and an alarm lasts."""
    billing = await site.backoffice("billing", password=OLD)
    identity = site.identity()
    backoffice = {"name": f"billing-{site.number}", "url": billing.url, "password": OLD.decode()}
    await site.configure(identity)
    await site.proxy.apply({"backoffices": [backoffice]})
    await site.booted(identity, version)
    action, payload, password, written = change(version)
    before = billing.chargers[identity].connections
    answer = await billing.call(identity, action, payload)
    assert is_accepted(version, answer.payload)
    await billing.wait_connected(identity, connections=before + 1)
    alarms = await site.proxy.wait_rows(
        "SELECT text FROM routing_alarm JOIN chargers_charger ON charger_id = chargers_charger.id"
        " WHERE identity = ? AND kind = 'password refused' AND cleared IS NULL",
        identity,
    )
    assert alarms == [(f"billing-{site.number} refuses the password that it has set for this charger",)]
    billing.password = password  # it has applied it after all
    billing.drop(identity)
    await billing.wait_connected(identity, connections=before + 2)
    await site.proxy.wait_rows(
        "SELECT text FROM routing_alarm JOIN chargers_charger ON charger_id = chargers_charger.id"
        " WHERE identity = ? AND kind = 'password refused' AND cleared IS NOT NULL",
        identity,
    )
    assert written not in site.proxy.log
