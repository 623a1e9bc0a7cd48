"""The charger's own configuration, out of what it has answered so far: read, changed, held against a preset.

Reading and changing are commands, whose results the tab of commands shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chargers.models import Charger
from chargers.tabs.tab import Tab, tab_address
from routing import readings
from routing.commands.classes import CommandClass
from routing.commands.drift import Difference, drift, fix_all
from routing.commands.service import CommandError, NoSuchCharger, submit
from routing.core.secrecy import is_secret
from routing.core.settings.learning import KIND as LEARNED
from routing.core.settings.wishes import WISH
from routing.models import LatestValue, Route, SettingsPreset


class Setting(NamedTuple):
    """A setting as it was last seen. ``readonly``: None where nobody has said."""

    name: str
    value: str
    readonly: bool | None
    seen: Any


class Wish(NamedTuple):
    """What one backoffice has set for itself: it reads that, the charger has one value for all."""

    name: str
    backoffice: str
    value: str
    at: Any


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """What the charger has said of its settings, and what each backoffice has set."""
    latest = _latest(charger)
    known, presets = _settings(charger, latest), _presets(request, charger)
    chosen = _chosen(presets, request.GET.get("preset", ""))
    may = Charger.objects.filter(pk=charger.pk).commandable_by(request.user, CommandClass.MAINTENANCE)
    return {
        "settings": known,
        "wishes": list(_wishes(charger, latest)),
        "may_command": may.exists(),
        "do": tab_address(charger.pk, "configuration") + "do/",
        "presets": presets,
        "preset": chosen,
        "differences": [] if chosen is None else differences(chosen, known),
        "new_preset": reverse("admin:routing_settingspreset_add"),
    }


def _latest(charger: Charger) -> list[LatestValue]:
    return list(LatestValue.objects.filter(charger=charger, kind__in=(LEARNED, WISH)).exclude(payload=""))


def _presets(request: HttpRequest, charger: Charger) -> list[SettingsPreset]:
    """Those of the charger's organisation."""
    rows = SettingsPreset.objects.visible_to(request.user)
    return list(rows.filter(organisation=charger.organisation_id).order_by("name"))


def _chosen(presets: list[SettingsPreset], key: str) -> SettingsPreset | None:
    return next((preset for preset in presets if str(preset.pk) == key), None)


def differences(preset: SettingsPreset, known: list[Setting]) -> list[Difference]:
    """Where the charger is not set as the preset says, as far as it has told."""
    told = [{"key": one.name, "value": one.value, "readonly": bool(one.readonly)} for one in known]
    return drift(preset.values, "GetConfiguration", {"configurationKey": told})


def _settings(charger: Charger, latest: list[LatestValue]) -> list[Setting]:
    found: dict[str, Setting] = {}
    for row in latest:
        if row.kind == LEARNED and not is_secret(row.key):
            found[row.key.lower()] = Setting(row.key, _text(row.payload), None, row.at)
    for key in readings.configuration(charger.pk):
        if not is_secret(key.component, key.variable, key.instance):
            found[key.name.lower()] = Setting(key.name, key.value, key.readonly, key.seen_at)
    return sorted(found.values(), key=lambda one: one.name.lower())


def _wishes(charger: Charger, latest: list[LatestValue]) -> Iterator[Wish]:
    names: Mapping[str, str] = {
        str(key): name
        for key, name in Route.objects.filter(charger=charger).values_list("pk", "backoffice__name")
    }
    for row in latest:
        route, _slash, name = row.key.partition("/")
        if row.kind == WISH and route in names and not is_secret(name):
            yield Wish(name, names[route], _text(row.payload), row.at)


def _text(payload: str) -> str:
    try:
        return msgspec.json.decode(payload, type=str)
    except msgspec.DecodeError:
        return payload


def read(request: HttpRequest, charger: Charger) -> HttpResponse:
    """Ask the charger for all its settings."""
    return _given(request, charger, "read_configuration", {})


def write(request: HttpRequest, charger: Charger) -> HttpResponse:
    """Change one setting: ``key`` and ``value``."""
    wanted = {"key": request.POST.get("key", "").strip(), "value": request.POST.get("value", "")}
    return _given(request, charger, "write_configuration", wanted)


def _given(request: HttpRequest, charger: Charger, verb: str, arguments: Mapping[str, Any]) -> HttpResponse:
    user: Any = request.user
    try:
        command = submit(user, charger, verb, arguments, via="admin")
    except NoSuchCharger:
        raise Http404("there is no such charger") from None
    except CommandError as error:
        messages.error(request, str(error))
        return redirect(tab_address(charger.pk, "configuration"))
    return redirect(f"{tab_address(charger.pk, 'commands')}#command-{command.uuid}")


def fix(request: HttpRequest, charger: Charger) -> HttpResponse:
    """Write what differs from the posted ``preset``, one setting after the other."""
    preset = _chosen(_presets(request, charger), request.POST.get("preset", ""))
    if preset is None:
        raise Http404("there is no such preset")
    user: Any = request.user
    bulk = fix_all(user, charger, differences(preset, _settings(charger, _latest(charger))), via="admin")
    for key, reason in bulk.skipped.items():
        messages.warning(request, f"{key}: {reason}")
    if not bulk.commands:
        messages.info(request, gettext("There was nothing to change."))
        return redirect(f"{tab_address(charger.pk, 'configuration')}?preset={preset.pk}")
    return redirect(tab_address(charger.pk, "commands"))


TAB = Tab(
    slug="configuration",
    title=_("Configuration"),
    template="admin/chargers/charger/configuration.html",
    context=context,
    actions={"read": read, "write": write, "fix": fix},
)
