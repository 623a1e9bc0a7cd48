"""Whether a charger is set as it should be, and what brings it there, one setting after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from accounts.models import User
from routing.commands.service import SKIPPED_FORBIDDEN, Bulk, CommandError, Forbidden, submit
from routing.models import Command


class Difference(NamedTuple):
    """A setting that is not as wanted. ``found``: None where the charger does not know or tell it."""

    key: str
    wanted: str
    found: str | None
    read_only: bool = False


def settings_in(action: str, answer: Mapping[str, Any]) -> dict[str, tuple[str | None, bool]]:
    """Values, and whether they are read-only, in the answer to GetConfiguration or GetVariables."""
    if action == "GetConfiguration":
        told = answer.get("configurationKey") or ()
        return {
            str(one["key"]): (None if one.get("value") is None else str(one["value"]), bool(one["readonly"]))
            for one in told
        }
    found: dict[str, tuple[str | None, bool]] = {}
    for one in answer.get("getVariableResult") or ():
        name = f"{one['component']['name']}.{one['variable']['name']}"
        good = one.get("attributeStatus") == "Accepted"
        found[name] = (str(one.get("attributeValue", "")) if good else None, False)
    return found


def drift(wanted: Mapping[str, str], action: str, answer: Mapping[str, Any]) -> list[Difference]:
    """What differs, in the order of what is wanted. Names and plain values are compared as chargers do."""
    known = {name.casefold(): value for name, value in settings_in(action, answer).items()}
    differing = []
    for key, value in wanted.items():
        found, read_only = known.get(key.casefold(), (None, False))
        if found is None or found.strip().casefold() != value.strip().casefold():
            differing.append(Difference(key, value, found, read_only))
    return differing


def fix_all(
    user: User | None,
    charger: Any,
    differences: Iterable[Difference],
    *,
    via: str,
    actor_name: str = "",
) -> Bulk:
    """Write each setting that differs, the next after the answer to the one before.

    One that is refused does not stop the others; one that is not answered does. ``skipped`` is by key here.
    """
    bulk = Bulk(uuid4(), [], {})
    before: Command | None = None
    for one in differences:
        if one.read_only:
            bulk.skipped[one.key] = "the charger says that it is read-only"
            continue
        try:
            before = submit(
                user,
                charger,
                "write_configuration",
                {"key": one.key, "value": one.wanted},
                via=via,
                actor_name=actor_name,
                group=bulk.group,
                after=before,
            )
        except Forbidden:
            bulk.skipped[one.key] = SKIPPED_FORBIDDEN
        except CommandError as error:
            bulk.skipped[one.key] = str(error)
        else:
            bulk.commands.append(before)
    return bulk
