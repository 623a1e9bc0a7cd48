"""Presets of permissions in a file: which routes may use which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy_site.configuration.document import Fault
from proxy_site.configuration.reading import Entry, Wanted, preset_key
from routing.models import PermissionPreset, Route
from routing.validation import did_you_mean, preset_problem, shown

Routes = Mapping[tuple[str, str], Route]
"""Routes of the database by identity of the charger and name of the backoffice."""


def preset_faults(
    wanted: Wanted, presets: Mapping[str, PermissionPreset], routes: Routes, *, prune: bool
) -> list[Fault]:
    """Routes, of the file and of the database, that would use a preset that is not for them.

    ``presets`` are those of the database; with ``prune`` none of them stay but those of the file.
    """
    stays = {} if prune else {key: row.role for key, row in presets.items()}
    roles = stays | {entry.key: entry.values["role"] for entry in wanted.presets.values()}
    faults = list(_of_the_file(wanted, roles))
    return faults if prune else [*faults, *_of_the_database(wanted, routes)]


def _of_the_file(wanted: Wanted, roles: Mapping[str, str]) -> Iterator[Fault]:
    for charger in wanted.chargers.values():
        organisation = charger.values["organisation"]
        for route in charger.routes:
            if route.values["preset"] and (sentence := _unfit(route, organisation, roles)):
                yield Fault(route.places["preset"], sentence)


def _unfit(route: Entry, organisation: str | None, roles: Mapping[str, str]) -> str | None:
    name, role = route.values["preset"], route.values["role"]
    if organisation is None:
        return "a charger without an organisation has no presets; name its organisation"
    if (known := roles.get(preset_key(name, organisation))) is None:
        names = [
            key.removesuffix(f" ({organisation})") for key in roles if key.endswith(f" ({organisation})")
        ]
        hint = did_you_mean(name, sorted(names)) or "; add it under presets"
        return f"there is no preset {shown(name)} of {organisation}{hint}"
    return preset_problem(name, known, role) if known and role else None  # a faulty role is named already


def _of_the_database(wanted: Wanted, routes: Routes) -> Iterator[Fault]:
    """Routes that the file does not name, but the preset or the charger that they belong to."""
    named = {(charger.key, route.key) for charger in wanted.chargers.values() for route in charger.routes}
    for (identity, backoffice), row in routes.items():
        if row.preset is None or (identity, backoffice) in named:
            continue
        whose = f"route {identity} to {backoffice}"
        key = preset_key(row.preset.name, row.preset.organisation.name)
        preset, charger = wanted.presets.get(key), wanted.chargers.get(identity)
        if preset and preset.values["role"] not in ("", row.role):
            sentence = f"{whose} uses this preset and has role {row.role}; name that route with another one"
            yield Fault(preset.places["role"], sentence)
        if charger and charger.values["organisation"] != row.preset.organisation.name:
            sentence = f"{whose} uses the preset {key}; name that route without it"
            yield Fault(charger.places.get("organisation", charger.place), sentence)
