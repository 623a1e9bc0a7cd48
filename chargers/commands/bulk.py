"""The same command to many chargers of the list: choose it, see whom it reaches, follow it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.admin_base import OwnedAdmin
from chargers.commands.boxes import BadForm, Given
from chargers.commands.giving import filled
from chargers.commands.listing import Sum, sums
from chargers.commands.offered import CONFIRMED, offered, verbs_for
from chargers.models import Charger
from chargers.onboarding.addresses import address_for
from chargers.tabs.tab import tab_address
from routing.commands.classes import CommandClass
from routing.commands.presenting import BADGES, TONES, name_of, took
from routing.commands.service import SKIPPED_FORBIDDEN, submit_many
from routing.commands.verbs import VERBS, Verb
from routing.models import ChargerSession, Command

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Charger]
else:
    _Admin = object

MOST = 500
"""Chargers that are asked at once."""

LONGEST_WAIT_H, LONGEST_PAUSE_S = 72, 86_400
NAMED = 5
"""Chargers named in a message."""


class Reached(NamedTuple):
    """A charger of the selection, and what a command comes to there. ``tone``: the class of its badge."""

    charger: Charger
    tone: str
    words: str
    version: str


class Line(NamedTuple):
    """A charger's command as the page of many shows it."""

    charger: Charger
    page: str
    tone: str
    badge: str
    words: str
    took: str


class BulkMixin(_Admin):
    """Adds the action to the list of chargers, and the pages behind it."""

    @admin.action(description=gettext_lazy("Send a command to selected chargers..."), permissions=["change"])
    def send_command(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Choose what is sent."""
        chargers = list(queryset.changeable_by(request.user).order_by("identity")[: MOST + 1])
        if not chargers or len(chargers) > MOST:
            words = _("None of these is a charger that you may give commands.")
            if chargers:
                words = _("At most %d chargers are asked at once; narrow the list.") % MOST
            self.message_user(request, words, messages.WARNING)
            return None
        return self._page(request, chargers)

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        ours = [
            path("command/", view(require_POST(self.bulk_view)), name="chargers_charger_command"),
            path("command/<uuid:group>/", view(require_GET(self.group_view)), name="chargers_charger_group"),
            path(
                "command/<uuid:group>/now/",
                view(require_GET(self.group_piece)),
                name="chargers_charger_group_now",
            ),
        ]
        return [*ours, *super().get_urls()]

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """The form of the chosen verb with whom it reaches; or, with ``send``, do it."""
        keys = [key for key in request.POST.getlist(ACTION_CHECKBOX_NAME) if key.isdecimal()][:MOST]
        rows = Charger.objects.changeable_by(request.user).filter(pk__in=keys)
        chargers = list(rows.order_by("identity"))
        verb = VERBS.get(request.POST.get("verb", ""))
        if not chargers or verb is None:
            raise Http404("there is nothing to send, or nobody to send it to")
        given = {name: str(value) for name, value in request.POST.items()}
        if "send" not in given:
            return self._page(request, chargers, verb)
        try:
            return self._send(request, chargers, verb, given)
        except BadForm as error:
            return self._page(request, chargers, verb, given, tuple(error.problems))

    def _send(self, request: HttpRequest, chargers: list[Charger], verb: Verb, given: Given) -> HttpResponse:
        """Raises BadForm."""
        if verb.name in CONFIRMED and not given.get("confirm"):
            raise BadForm([_("Tick the box: yes, now.")])
        user: Any = request.user
        wave, pause_s = _number(given, "wave_size", MOST), _number(given, "pause_s", LONGEST_PAUSE_S)
        hours = _number(given, "hours", LONGEST_WAIT_H)
        site = address_for(request, "").site
        arguments, _upload = filled(user, None, verb, given, site)
        bulk = submit_many(
            user,
            chargers,
            verb.name,
            arguments,
            via="admin",
            idempotency_key=given.get("once") or None,
            valid_until=timezone.now() + timedelta(hours=hours) if hours else None,
            wave_size=wave,
            pause_s=pause_s,
        )
        if bulk.skipped:
            self.message_user(request, _skipped(chargers, bulk.skipped), messages.WARNING)
        if not bulk.commands:
            return HttpResponseRedirect(reverse("admin:chargers_charger_changelist"))
        return HttpResponseRedirect(reverse("admin:chargers_charger_group", args=[bulk.group]))

    def _page(
        self,
        request: HttpRequest,
        chargers: list[Charger],
        verb: Verb | None = None,
        given: Given | None = None,
        problems: tuple[str, ...] = (),
    ) -> HttpResponse:
        user: Any = request.user
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Send a command to %d charger", "Send a command to %d chargers", len(chargers))
            % len(chargers),
            "opts": self.opts,
            "chargers": chargers,
            "checkbox": ACTION_CHECKBOX_NAME,
            "verbs": verbs_for("", _classes(user, chargers)),
            "verb": verb,
            "form": offered(verb, user, None, given, problems) if verb else None,
            "reached": reached(user, chargers, verb) if verb else [],
            "given": given or {},
            "do": reverse("admin:chargers_charger_command"),
            "longest_wait": LONGEST_WAIT_H,
        }
        return TemplateResponse(
            request, "admin/chargers/charger/bulk.html", context, status=422 if problems else 200
        )

    def group_view(self, request: HttpRequest, group: UUID) -> HttpResponse:
        """What becomes of each."""
        context = {
            **self.admin_site.each_context(request),
            **_group(request, group),
            "opts": self.opts,
            "now": reverse("admin:chargers_charger_group_now", args=[group]),
        }
        return TemplateResponse(request, "admin/chargers/charger/group.html", context)

    def group_piece(self, request: HttpRequest, group: UUID) -> HttpResponse:
        """The same for the page that is open."""
        return render(request, "admin/chargers/charger/group_now.html", _group(request, group))


def _classes(user: Any, chargers: Iterable[Charger]) -> frozenset[CommandClass]:
    """Classes of commands that some of these may be given."""
    rows = Charger.objects.filter(pk__in=[charger.pk for charger in chargers])
    return frozenset(one for one in CommandClass if rows.commandable_by(user, one).exists())


def reached(user: Any, chargers: list[Charger], verb: Verb) -> list[Reached]:
    """Whom a verb reaches: who is away, or speaks another OCPP, or is not this user's to ask."""
    keys = [charger.pk for charger in chargers]
    rows = Charger.objects.filter(pk__in=keys).commandable_by(user, verb.command_class)
    may = set(rows.order_by().values_list("pk", flat=True))
    known = ChargerSession.objects.in_bulk(keys)
    return [_reached(charger, known.get(charger.pk), verb, may) for charger in chargers]


def _reached(charger: Charger, session: ChargerSession | None, verb: Verb, may: set[int]) -> Reached:
    version = session.ocpp_version if session is not None else ""
    if charger.pk not in may:
        return Reached(charger, "is-bad", _("no permission"), version)
    if not version:
        return Reached(charger, "", _("never connected"), version)
    if version not in verb.versions:
        return Reached(charger, "is-bad", _("not in OCPP %s") % version, version)
    if session is None or not session.online:
        return Reached(charger, "", _("offline"), version)
    return Reached(charger, "is-good", _("connected"), version)


def _number(given: Given, name: str, most: int) -> int:
    """A whole number of a form, 0 where it is empty. Raises BadForm."""
    text = given.get(name, "").strip()
    if not text:
        return 0
    if not (text.isdecimal() and len(text) < 10 and int(text) <= most):
        raise BadForm(
            [_("%(text)s: a whole number up to %(most)d is expected") % {"text": text[:20], "most": most}]
        )
    return int(text)


def _skipped(chargers: Iterable[Charger], skipped: dict[Any, str]) -> str:
    names = {charger.pk: str(charger) for charger in chargers}
    reasons = {key: _("no permission") if why == SKIPPED_FORBIDDEN else why for key, why in skipped.items()}
    told = "; ".join(f"{names.get(key, key)}: {why}" for key, why in list(reasons.items())[:NAMED])
    return _("%(count)d not asked: %(told)s") % {"count": len(reasons), "told": told}


def _group(request: HttpRequest, group: UUID) -> dict[str, Any]:
    """Raises Http404 where the user sees none of it."""
    rows = Command.objects.visible_to(request.user).in_group(group).select_related("charger")
    commands = list(rows.order_by("charger__identity", "pk")[:MOST])
    if not commands:
        raise Http404("there is no such group of commands")
    counts: list[Sum] = sums(commands)
    return {
        "title": _("%(name)s, %(count)d chargers") % {"name": name_of(commands[0]), "count": len(commands)},
        "sums": counts,
        "lines": [_line(command) for command in commands],
        "is_waiting": any(not command.is_finished for command in commands),
        "asked_by": commands[0].actor_name,
        "at": min(command.created_at for command in commands),
    }


def _line(command: Command) -> Line:
    page = tab_address(command.charger_id, "commands")
    return Line(
        command.charger,
        f"{page}#command-{command.uuid}",
        TONES[command.state],
        str(BADGES[command.state]),
        command.sentence,
        took(command),
    )
