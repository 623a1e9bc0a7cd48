"""What a route's page offers beside its form: what would happen, and a rehearsal with last week's log.

Both take the form as it stands, unsaved, and store nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from msgspec.structs import replace

from accounts.admin_base import OwnedAdmin
from routing import foreseeing, loading, rehearsing
from routing.core import actions
from routing.core.snapshot import ChargerSnapshot
from routing.models import Route
from routing.route_form import RouteForm, versions_of
from routing.validation import permission_problems

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Route]
else:
    _Admin = object

NOT_REPEATED = (
    "csrfmiddlewaretoken",
    "new_password",
    "lost_password",
    "ask_action",
    "ask_part",
    "_save",
    "_continue",
)
"""What the page of an answer does not carry on: least of all a password."""

DOWN, UP = "down", "up"


class EditorMixin(_Admin):
    """Adds ``<pk>/foresee/`` and ``<pk>/rehearse/``, both POST."""

    change_form_template = "admin/routing/route/change_form.html"

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        ours = [
            path("<int:pk>/foresee/", view(require_POST(self.foresee_view)), name="routing_route_foresee"),
            path("<int:pk>/rehearse/", view(require_POST(self.rehearse_view)), name="routing_route_rehearse"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with what can be asked for."""
        route = self.get_object(request, object_id)
        extra = {"questions": questions(versions_of(route)), "route": route, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and isinstance(form, RouteForm) and (changed := form.what_changed()):
            words = _("Applied, also to the open connection: {changes}.")
            self.message_user(request, words.format(changes="; ".join(changed)), messages.INFO)

    def foresee_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What would happen to an action, with the rights that stand in the form."""
        stored, route, problems = self._unsaved(request, pk)
        asked, part = request.POST.get("ask_action", ""), request.POST.get("ask_part", "").strip()[:200]
        problems = problems or question_problems(asked, part)
        answer = None if problems else foreseen(route, asked, part)
        context = {"foreseen": answer, "asked": asked, "part": part}
        return self._answer(request, stored, problems, context)

    def rehearse_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the rights that stand in the form would have done with last week's log."""
        stored, route, problems = self._unsaved(request, pk)
        rehearsal = None if problems else rehearsed(stored, route)
        return self._answer(request, stored, problems, {"rehearsal": rehearsal})

    def _unsaved(self, request: HttpRequest, pk: int) -> tuple[Route, Route, list[str]]:
        """A route as it is stored, as the form has it, and what is wrong with the form.

        Who may not change it asks about what is stored.
        """
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        stored, route = self.get_object(request, str(pk)), self.get_object(request, str(pk))
        if not self.has_change_permission(request, route):
            return stored, route, []
        form: Any = self.get_form(request, route, change=True)(request.POST, instance=route)
        if form.is_valid():
            return stored, route, []
        return (
            stored,
            route,
            [
                f"{form.fields[name].label}: {error}" if name in form.fields else str(error)
                for name, errors in form.errors.items()
                for error in errors
            ],
        )

    def _answer(
        self, request: HttpRequest, route: Route, problems: list[str], context: dict[str, Any]
    ) -> HttpResponse:
        """The answer alone, for a page that fetches it; else a page that carries the form on."""
        context |= {"problems": problems, "route": route}
        if request.headers.get("X-Requested-With") == "fetch":
            return TemplateResponse(request, "admin/routing/route/answer.html", context)
        context |= {
            **self.admin_site.each_context(request),
            "title": _("What would happen?"),
            "opts": self.opts,
            "questions": questions(versions_of(route)),
            "carried": carried(request),
            "lost_password": any(request.POST.get(name) for name in ("new_password", "lost_password")),
            "may_change": self.has_change_permission(request, route),
        }
        return TemplateResponse(request, "admin/routing/route/answer_page.html", context)


def carried(request: HttpRequest) -> list[tuple[str, str]]:
    """The form that was posted, for the next page to post again."""
    return [
        (name, value) for name, values in request.POST.lists() if name not in NOT_REPEATED for value in values
    ]


def questions(versions: Iterable[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What can be asked about, in two groups: value and name."""
    known = list(versions)
    down = sorted({a for v in known for a in actions.names(v) if actions.down(v, a)})
    up = sorted({a for v in known for a in actions.names(v) if actions.up(v, a)})
    return [
        (_("This backoffice asks"), [(f"{DOWN}:{action}", action) for action in down]),
        (_("The charger says"), [(f"{UP}:{action}", action) for action in up]),
    ]


def question_problems(asked: str, part: str) -> list[str]:
    """Why this can't be asked."""
    direction, _colon, action = asked.partition(":")
    if direction not in (DOWN, UP) or not actions.any_version(action):
        return [_("Choose what you want to know about.")]
    if direction == DOWN and part:
        return [problem.sentence for problem in permission_problems({f"{action}:{part}": "allow"})]
    return []


def foreseen(route: Route, asked: str, part: str) -> foreseeing.Foreseen:
    """What would happen to it at the charger of this route, whose rights need not be stored."""
    direction, _colon, action = asked.partition(":")
    table = actions.down if direction == DOWN else actions.up
    version = next((one for one in versions_of(route) if table(one, action)), "")
    if not version:
        raise Http404(f'"{action[:40]}" is nothing that can be asked about here')
    charger = charger_with(route)
    if direction == DOWN:
        return foreseeing.asked(charger, route.pk, version, action, part)
    return foreseeing.said(charger, version, action)


def charger_with(route: Route) -> ChargerSnapshot:
    """The charger as a session knows it, with this route as it stands here, in use or not."""
    loaded = loading.load_charger(route.charger_id)
    mine = loading.snapshot_of(route)
    if loaded is None:
        return ChargerSnapshot(key=route.charger_id, identity=route.charger.identity, routes=(mine,))
    others = [one for one in loaded[0].routes if one.key != route.pk]
    return replace(loaded[0], routes=tuple(sorted([*others, mine], key=lambda one: one.key)))


def rehearsed(stored: Route, route: Route) -> rehearsing.Rehearsal:
    """What the rights of ``route`` would have done in the last week, where ``stored`` has those that hold."""
    now, then = loading.snapshot_of(stored), loading.snapshot_of(route)
    calls, was_cut = rehearsing.of_log(
        stored, until=timezone.now(), texts_of=rehearsing.told_apart(now, then)
    )
    found = rehearsing.rehearse(calls, now, then)
    found.was_cut = was_cut
    return found
