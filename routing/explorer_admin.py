"""The message explorer: the audit log in the admin, an exchange a line."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.admin_base import ReadOnlyAdmin
from accounts.querysets import sees_all
from routing.core import actions
from routing.core.snapshot import OCPP_VERSIONS
from routing.explorer import pages, reading
from routing.explorer.exporting import FORMATS, MOST, export
from routing.explorer.filters import Filter
from routing.explorer.folding import Exchange
from routing.explorer.presenting import as_json
from routing.explorer.search import (
    AROUND_SESSION,
    NOTHING,
    Names,
    Page,
    SeenCharger,
    exchange_of,
    find,
    seen_chargers,
)
from routing.models import Message, Route, Transaction

PARAMETERS = (
    *("charger", "charger_id", "window", "from", "to", "action", "direction", "outcome", "backoffice"),
    *("route", "error_code", "message_id", "card", "transaction", "connector", "text", "routine"),
)
MORE = ("from", "to", "direction", "backoffice", "route", "error_code", "message_id", "card", "transaction",
        "connector", "text")  # fmt: skip
"""Those that stand under "More"."""

ACTION_NAMES = sorted({name for version in OCPP_VERSIONS for name in actions.names(version)})
MOST_CHOICES = 200


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    """The list is a page of its own; there is none per row, since an exchange is what people look for."""

    def get_urls(self) -> Any:
        views = (
            ("", self.changelist_view, "changelist"),
            ("export/", self.export_view, "export"),
            ("<int:charger>/<int:exchange>/", self.exchange_view, "exchange"),
            ("<int:charger>/<int:exchange>/part/", self.part_view, "part"),
            ("<int:charger>/<int:exchange>/json/", self.json_view, "json"),
            ("<path:object_id>/change/", self.moved_view, "change"),
        )
        wrap = self.admin_site.admin_view
        return [path(route, wrap(view), name=f"routing_message_{name}") for route, view, name in views]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._admit(request)
        read = reading.read_filter(request.user, request.GET)
        before, after = (reading.read_key(request.GET.get(name, "")) for name in ("before", "after"))
        page = NOTHING if read.problem else find(request.user, read.wanted, before, after)
        context = {
            **self._context(
                request,
                _("Messages of %(name)s") % {"name": read.charger.identity}
                if read.charger
                else _("Messages"),
            ),
            "page": page,
            "lines": pages.lines(page),
            "problem": read.problem,
            "refused": _refused(read.charger),
            "charger": read.charger,
            **_form(request, read.wanted),
            **_ways(request, read.wanted, page),
        }
        return TemplateResponse(request, "admin/routing/message/explorer.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        self._admit(request)
        form: Any = request.GET.get("format", "jsonl")
        read = reading.read_filter(request.user, request.GET)
        problem = read.problem
        if form not in FORMATS:
            problem = f'format: "{form[:40]}" is not one of {", ".join(FORMATS)}.'
        if problem:
            return HttpResponse(f"{problem}\n", status=400, content_type="text/plain; charset=utf-8")
        return export(request, read.wanted, form)

    def exchange_view(self, request: HttpRequest, charger: int, exchange: int) -> HttpResponse:
        found, names = self._one(request, charger, exchange)
        line = pages.line(found, names, whole=True)
        context = {
            **self._context(
                request,
                _("%(action)s of %(charger)s") % {"action": line.action.text, "charger": line.charger},
            ),
            "line": line,
        }
        return TemplateResponse(request, "admin/routing/message/exchange.html", context)

    def part_view(self, request: HttpRequest, charger: int, exchange: int) -> HttpResponse:
        """What a line of the list shows when it is opened."""
        line = pages.line(*self._one(request, charger, exchange), whole=True)
        return TemplateResponse(request, "admin/routing/message/legs.html", {"line": line})

    def json_view(self, request: HttpRequest, charger: int, exchange: int) -> HttpResponse:
        found, names = self._one(request, charger, exchange)
        told = as_json(found, names.sees_cards(found.charger), names)
        return JsonResponse(told, json_dumps_params={"indent": 2})

    def moved_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Rows had pages once; they are found by charger and time now."""
        self._admit(request)
        return HttpResponseRedirect(reverse("admin:routing_message_changelist"))

    def _admit(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _one(self, request: HttpRequest, charger: int, exchange: int) -> tuple[Exchange, Names]:
        self._admit(request)
        is_number = max(charger, exchange) <= reading.LARGEST
        found = exchange_of(request.user, charger, exchange) if is_number else None
        if found is None:
            raise Http404("there is no such exchange")
        return found

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts}


def _form(request: HttpRequest, wanted: Filter) -> dict[str, Any]:
    """What the filter bar shows: values as they were given, and choices of what the user may see."""
    given = {name: request.GET.get(name, "") for name in PARAMETERS}
    chargers = None if sees_all(request.user) else seen_chargers(request.user)
    model: Any = Route._meta.get_field("backoffice").related_model
    offices = model.objects.visible_to(request.user).order_by("name").values_list("pk", "name")
    return {
        "given": given,
        "chargers": chargers or [],
        "backoffices": [(str(pk), name) for pk, name in offices[:MOST_CHOICES]],
        "actions": ACTION_NAMES,
        "windows": [(value, words) for value, (words, _) in reading.WINDOWS.items()],
        "outcomes": reading.GROUPS.items(),
        "directions": reading.DIRECTIONS.items(),
        "sees_cards": chargers is None or any(charger.sees_cards for charger in chargers),
        "more": any(given[name] for name in MORE),
        "most": MOST,
    }


def _ways(request: HttpRequest, wanted: Filter, page: Page) -> dict[str, str | None]:
    """Links from here: newer and older, the files, and further back."""
    kept = {name: value for name in PARAMETERS if (value := request.GET.get(name, ""))}
    timeless = {name: value for name, value in kept.items() if name not in ("window", "from", "to")}
    return {
        "older": page.older and "?" + urlencode({**kept, "before": reading.write_key(page.older)}),
        "newer": page.newer and "?" + urlencode({**kept, "after": reading.write_key(page.newer)}),
        "newest": "?" + urlencode(kept),
        "export": urlencode(kept),
        "week": "?" + urlencode({**timeless, "window": "week"}),
        "any_time": "?" + urlencode({**timeless, "window": "any"}),
        "with_routine": "?" + urlencode({**kept, "routine": "1"}) if wanted.hides_routine else "",
    }


def _refused(charger: SeenCharger | None) -> list[Any]:
    """The newest refused attempts to connect with the identity of the charger of this list."""
    if charger is None:
        return []
    attempts = apps.get_model("chargers", "RefusedAttempt").objects.filter(identity=charger.identity)
    return list(attempts.order_by("-last_at")[:5])


def ways_to(session: Transaction) -> SafeString:
    """What the page of a session says of its messages: its own, and all of its charger meanwhile."""
    listed = reverse("admin:routing_message_changelist")
    since, until = session.created - AROUND_SESSION, session.closed and session.closed + AROUND_SESSION
    meanwhile = {"charger": session.charger.identity, "from": f"{since:%Y-%m-%dT%H:%M:%S}"}
    if until:
        meanwhile["to"] = f"{until:%Y-%m-%dT%H:%M:%S}"
    return format_html(
        '<a href="{}?{}">{}</a> · <a href="{}?{}">{}</a>',
        *(listed, urlencode({"transaction": session.pk, "routine": "1"}), _("Messages of this session")),
        *(listed, urlencode(meanwhile), _("all of its charger meanwhile")),
    )
