"""What each role gives: rights over models, as data. Over which rows is said by ``accounts.querysets``."""

from __future__ import annotations

from collections.abc import Mapping

OPERATOR, OWNER, INSTALLER, READ_ONLY = "operator", "owner", "installer", "read_only"

RANKS: Mapping[str, int] = {READ_ONLY: 0, INSTALLER: 1, OWNER: 2, OPERATOR: 3}
"""Nobody gives or touches a role above their own."""

MANAGERS = (OPERATOR, OWNER)
"""Who says who else belongs to the organisation; each organisation keeps one of them without an end."""

Rights = Mapping[str, str]
"""Of a model, as app.model, what may be done with its rows: some of view, add, change, delete."""

_READ_ONLY: dict[str, str] = dict.fromkeys(
    (
        "accounts.apitoken",
        "accounts.deed",
        "accounts.location",
        "backoffices.backoffice",
        "backoffices.catalogueentry",
        "chargers.charger",
        "chargers.connector",
        "chargers.refusedattempt",
        "routing.alarm",
        "routing.card",
        "routing.chargersession",
        "routing.command",
        "routing.configurationkey",
        "routing.delivery",
        "routing.event",
        "routing.firmwareevent",
        "routing.guardoverride",
        "routing.identifier",
        "routing.latestvalue",
        "routing.message",
        "routing.permissionpreset",
        "routing.reading",
        "routing.route",
        "routing.routestate",
        "routing.routetransaction",
        "routing.settingspreset",
        "routing.transaction",
        "routing.upload",
        "routing.webhook",
        "routing.webhookdelivery",
    ),
    "view",
)
_READ_ONLY["accounts.apitoken"] = "view add delete"  # one's own alone; it may no more than its person
_INSTALLER: dict[str, str] = (
    _READ_ONLY
    | dict.fromkeys(
        (
            "accounts.location",
            "backoffices.backoffice",
            "chargers.charger",
            "routing.guardoverride",
            "routing.permissionpreset",
            "routing.route",
            "routing.settingspreset",
        ),
        "view add change",
    )
    | {"routing.firmwarefile": "view", "routing.webhook": "view add change delete"}
)
_INSTALLER["backoffices.catalogueentry"] = "view add change"
_INSTALLER["routing.command"] = "view add"
_OWNER: dict[str, str] = _INSTALLER | dict.fromkeys(
    (
        "accounts.invitation",
        "accounts.location",
        "accounts.membership",
        "backoffices.backoffice",
        "chargers.charger",
        "backoffices.catalogueentry",
        "chargers.claim",
        "chargers.transfer",
        "routing.card",
        "routing.firmwarefile",
        "routing.permissionpreset",
        "routing.route",
        "routing.settingspreset",
    ),
    "view add change delete",
)

ROLES: Mapping[str, Rights] = {
    READ_ONLY: _READ_ONLY,
    INSTALLER: _INSTALLER,
    OWNER: _OWNER,
    OPERATOR: _OWNER,
}


def permissions_of(roles: frozenset[str]) -> frozenset[str]:
    """The permissions, as Django names them, that any of these roles gives."""
    found = set()
    for role in roles:
        for model, verbs in ROLES.get(role, {}).items():
            app, name = model.split(".")
            found |= {f"{app}.{verb}_{name}" for verb in verbs.split()}
    return frozenset(found)
