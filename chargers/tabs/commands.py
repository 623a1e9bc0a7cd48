"""Asking a charger something: quick actions, every action of its OCPP version, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import uuid4

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from chargers.commands.boxes import MOST_ROWS, ROWS, BadForm, Given, boxes_for
from chargers.commands.giving import give_action, give_verb
from chargers.commands.listing import MOST, lines
from chargers.commands.offered import QUICK, actions_for, classes_of, offered, verbs_for
from chargers.models import Charger
from chargers.onboarding.addresses import address_for
from chargers.tabs.tab import Tab, tab_address
from routing.cards_admin import sees_cards
from routing.commands import schemas
from routing.commands.classes import CommandClass
from routing.commands.service import CommandError, Forbidden, Invalid, NoSuchCharger
from routing.commands.verbs import VERBS
from routing.models import ChargerSession, Command


class Sent(NamedTuple):
    """A form that was sent and not understood: what was in it, and what is wrong."""

    name: str
    given: Given
    problems: tuple[str, ...]


def context(request: HttpRequest, charger: Charger, sent: Sent | None = None) -> dict[str, Any]:
    """What may be asked, and what was."""
    user: Any = request.user
    version, classes = version_of(charger), classes_of(user, charger)
    verbs = verbs_for(version, classes) if version else []
    forms = [offered(verb, user, charger, *_of(sent, verb.name)) for verb in verbs]
    return {
        **latest(request, charger),
        "version": version,
        "may": bool(classes),
        "quick": [form for form in forms if form.name in QUICK],
        "more": [form for form in forms if form.name not in QUICK],
        "actions": actions_for(version, classes),
        "raw": _raw(request, version, classes, sent),
        "page": tab_address(charger.pk, "commands"),
        "is_online": ChargerSession.objects.filter(charger=charger, online=True).exists(),
    }


def _of(sent: Sent | None, name: str) -> tuple[Given | None, tuple[str, ...]]:
    return (sent.given, sent.problems) if sent is not None and sent.name == name else (None, ())


def version_of(charger: Charger) -> str:
    """The OCPP version that the charger speaks, "" while nobody knows."""
    session = ChargerSession.objects.filter(charger=charger).first()
    found = (session.ocpp_version if session is not None else "") or (charger.options or {}).get("pinned", "")
    return str(found)


def _raw(
    request: HttpRequest, version: str, classes: Iterable[CommandClass], sent: Sent | None
) -> dict[str, Any] | None:
    """The form of the action that was chosen; None where none was."""
    chosen = request.GET.get("action", "") if sent is None else sent.name
    if chosen not in actions_for(version, classes):
        return None
    given: Given = {} if sent is None else sent.given
    rows = rows_in(request.GET if sent is None else sent.given)
    return {
        "action": chosen,
        "boxes": boxes_for(schemas.form_of(chosen, version), given, rows),
        "rows": rows,
        "more_rows": min(rows * 2, MOST_ROWS) if rows < MOST_ROWS else None,
        "may_write": CommandClass.DANGEROUS in classes,
        "text": given.get("raw", ""),
        "problems": () if sent is None else sent.problems,
        "once": uuid4().hex,
    }


def rows_in(given: Given) -> int:
    """How many rows of lists a form shows."""
    text = given.get("rows", "")
    return max(1, min(int(text), MOST_ROWS)) if text.isdecimal() and len(text) < 4 else ROWS


def latest(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """The newest commands of the charger."""
    rows = Command.objects.visible_to(request.user).filter(charger=charger).order_by("-id")
    site = f"{request.scheme}://{request.get_host()}"
    found = lines(rows[:MOST], charger, site, cards=sees_cards(request, charger))
    return {"charger": charger, "lines": found, "is_waiting": any(line.is_open for line in found)}


def piece(request: HttpRequest, charger: Charger) -> HttpResponse:
    """The list, for the page that is open."""
    return render(request, "admin/chargers/charger/commands_now.html", latest(request, charger))


def give(request: HttpRequest, charger: Charger) -> HttpResponse:
    """Give the posted ``verb``, or the ``action``, as its form says."""
    user: Any = request.user
    given = {name: str(value) for name, value in request.POST.items()}
    verb, action = VERBS.get(given.get("verb", "")), given.get("action", "")
    try:
        if verb is not None:
            command = give_verb(user, charger, verb, given, address_for(request, charger.identity).site)
        elif action:
            _check_raw(request, charger, given)
            command = give_action(user, charger, version_of(charger), action, given, rows=rows_in(given))
        else:
            raise Http404("there is no such command")
    except NoSuchCharger:
        raise Http404("there is no such charger") from None
    except (BadForm, Invalid) as error:
        return _again(request, charger, Sent(verb.name if verb else action, given, tuple(error.problems)))
    except CommandError as error:
        status = 403 if isinstance(error, Forbidden) else 422
        return _again(request, charger, Sent(verb.name if verb else action, given, (str(error),)), status)
    return redirect(f"{tab_address(charger.pk, 'commands')}#command-{command.uuid}")


def _check_raw(request: HttpRequest, charger: Charger, given: Given) -> None:
    """Who writes JSON may do so."""
    if given.get("raw", "").strip() and CommandClass.DANGEROUS not in classes_of(request.user, charger):
        raise Forbidden("your role does not write payloads as JSON; fill in the fields")


def _again(request: HttpRequest, charger: Charger, sent: Sent, status: int = 422) -> HttpResponse:
    """The page with the form as it was, and what is wrong with it."""
    pages: Any = admin.site._registry[Charger]
    page = {**pages.page_context(request, charger, TAB.slug), **context(request, charger, sent)}
    return TemplateResponse(request, TAB.template, {**page, "problems": sent.problems}, status=status)


TAB = Tab(
    slug="commands",
    title=_("Commands"),
    template="admin/chargers/charger/commands.html",
    context=context,
    pieces={"now": piece},
    actions={"give": give},
)
