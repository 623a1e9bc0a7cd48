"""Permissions as a form: a choice for every action and part, in place of JSON by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _

from routing import rights
from routing.core.snapshot import OCPP_VERSIONS, RouteSnapshot, Verdict

WORDS: dict[str, Any] = {
    Verdict.ALLOW: gettext_lazy("yes"),
    Verdict.DENY: gettext_lazy("no"),
    Verdict.OWN: gettext_lazy("its own only"),
    Verdict.GUARD: gettext_lazy("within limits"),
}
"""Verdicts as an installer reads them."""

CATEGORIES: dict[str, Any] = {
    "authorization": gettext_lazy("Cards"),
    "billing": gettext_lazy("Costs and tariffs"),
    "configuration": gettext_lazy("Settings"),
    "control": gettext_lazy("Start, stop, reset, unlock"),
    "data-transfer": gettext_lazy("Messages of vendors"),
    "diagnostics": gettext_lazy("Diagnostics"),
    "display": gettext_lazy("Display"),
    "firmware": gettext_lazy("Firmware"),
    "local-list": gettext_lazy("List of cards in the charger"),
    "monitoring": gettext_lazy("Monitoring"),
    "privacy": gettext_lazy("Personal data"),
    "reservation": gettext_lazy("Reservations"),
    "security": gettext_lazy("Certificates"),
    "smart-charging": gettext_lazy("Smart charging"),
    "transaction": gettext_lazy("Sessions"),
    "trigger": gettext_lazy("Asking for messages"),
}
"""Categories of the tables of actions as an installer reads them."""

Base = Callable[[], RouteSnapshot]


def title_of(category: str) -> str:
    """A category as an installer reads it."""
    return str(CATEGORIES.get(category) or category.replace("-", " ").capitalize())


class MatrixWidget(forms.Widget):
    """A choice per action and part; what is posted becomes the JSON that is stored.

    A post without the matrix may bring the JSON itself. ``base``: what the choices build on, and
    ``versions``: the versions of OCPP whose actions there are to choose for; the form says both.
    """

    template_name = "routing/matrix.html"
    base: Base | None = None
    versions: Iterable[str] = OCPP_VERSIONS

    class Media:
        css = {"all": ["routing/route/route.css"]}
        js = [forms.Script("routing/route/route.js", type="module")]

    def use_required_attribute(self, initial: Any) -> bool:
        return False

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return json.dumps(_posted(data, name)) if f"{name}-matrix" in data else data.get(name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and f"{name}-matrix" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        chosen = _read(value)
        if self.base is None or chosen is None:
            return context
        sheet = rights.sheet(chosen, self.base(), self.versions)
        sections = [_shown(section) for section in sheet.sections]
        return context | {"sections": sections, "strays": sheet.strays, "words": list(WORDS.items())}


def _posted(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The choices in a post, as permissions; what is wrong with them the model says."""
    begins = f"{name}:"
    found = {
        key[len(begins) :]: str(value) for key, value in data.items() if key.startswith(begins) and value
    }
    begins = f"{name}-part:"
    for key, part in data.items():
        if key.startswith(begins) and str(part).strip():
            action = key[len(begins) :]
            found[f"{action}:{str(part).strip()}"] = str(data.get(f"{name}-verdict:{action}", ""))
    return found


def _read(value: Any) -> dict[str, str] | None:
    """Permissions as the field holds them, None where it is no object: then it is shown as it is."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if found is None:
        return {}
    return {str(key): str(verdict) for key, verdict in found.items()} if isinstance(found, dict) else None


def _shown(section: rights.Section) -> dict[str, Any]:
    return {
        "title": title_of(section.category),
        "chosen": section.chosen,
        "lines": [
            {
                "action": line.action,
                "choice": _options(line.choice),
                "parts": [_options(part) for part in line.parts],
                "what": gettext(line.what),
                "takes_any": line.takes_any,
                "is_open": any(part.chosen for part in line.parts),
                "offers": [(verdict.value, WORDS[verdict]) for verdict in line.choice.offers],
            }
            for line in section.lines
        ],
    }


def _options(choice: rights.Choice) -> dict[str, Any]:
    offers = [(verdict.value, WORDS[verdict]) for verdict in choice.offers]
    if choice.chosen and choice.chosen not in choice.offers:
        offers.append((choice.chosen, WORDS.get(choice.chosen, choice.chosen)))
    return {
        "key": choice.key,
        "label": choice.label,
        "chosen": choice.chosen,
        "offers": offers,
        "inherited": WORDS[choice.inherited],
        "rule": choice.rule,
    }


class PermissionsField(forms.JSONField):
    """Permissions; nothing chosen is an empty object."""

    widget = MatrixWidget

    def __init__(self, **kwargs: Any) -> None:
        given: dict[str, Any] = {"required": False, "label": gettext_lazy("What it may send")}
        super().__init__(**given | kwargs)

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        return {} if found is None else found


def changed_rights(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What differs between two sets of permissions, one phrase each."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [f"{key}: {_word(before.get(key))} → {_word(after.get(key))}" for key in sorted(keys)]


def _word(verdict: str | None) -> str:
    return _("inherited") if verdict is None else str(WORDS.get(verdict, verdict))
