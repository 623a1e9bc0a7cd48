"""The test of a backoffice in the admin: from its form before anything is saved, or as one route does it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    QueryDict,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin_base import OwnedAdmin, may_change
from backoffices.models import Backoffice, validate_url, validate_versions
from backoffices.trial import Step, Wanted, steps, trial
from routing.health import health_of
from routing.loading import dial_url
from routing.models import ChargerSession, Route
from routing.password_fields import bytes_of

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Backoffice]
else:
    _Admin = object

logger = logging.getLogger(__name__)

A_MINUTE = 10
"""How many tests a user may make in a minute: the proxy is no scanner of ports."""

USUAL_IDENTITY = "proxy-test"
"""As whom a backoffice is tried where nobody says."""

LINES = "application/x-ndjson"
LONGEST_IDENTITY = 255

JOINED = ("connected", "replaying", "registering")
"""States of a route whose link a further connection of the same identity may push out."""

TITLES: Mapping[str, Any] = {
    "dns": gettext_lazy("Name (DNS)"),
    "tcp": gettext_lazy("Connection (TCP)"),
    "tls": gettext_lazy("Encryption (TLS)"),
    "http": gettext_lazy("WebSocket (HTTP)"),
    "subprotocol": gettext_lazy("OCPP version"),
}
OUTCOMES: Mapping[str, Any] = {
    "ok": gettext_lazy("ok"),
    "failed": gettext_lazy("failed"),
    "skipped": gettext_lazy("skipped"),
}
LOOKS: Mapping[str, str] = {"ok": "is-good", "failed": "is-bad", "skipped": ""}


class NotTried(Exception):
    """Why nothing was dialled, for the person who asked. ``may_confirm``: they can have it all the same."""

    def __init__(self, words: str, *, may_confirm: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.may_confirm = may_confirm


class TooMany(NotTried):
    """Somebody has tried too often within a minute."""


class Tried(NamedTuple):
    """What a test is about: the title of its page, where its page leads back to, its route."""

    title: str
    back: str
    route: Route | None = None
    backoffice: Backoffice | None = None


class TrialMixin(_Admin):
    """Adds ``trial/``: POST tries what a form holds, with ``?route=`` (primary key) as that route dials."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.trial_view)
        return [path("trial/", view, name="backoffices_backoffice_trial"), *super().get_urls()]

    def trial_view(self, request: HttpRequest) -> HttpResponseBase:
        """A page with the steps; or, for who accepts LINES, each step as a line of JSON when it is done."""
        tried = self._tried(request)
        if request.method != "POST":
            if tried.route is None:
                return HttpResponseNotAllowed(["POST"])
            return self._trial_page(request, tried)
        try:
            wanted = self._wanted(request, tried)
            count(request.user)
        except NotTried as reason:
            if LINES in request.headers.get("Accept", ""):
                return _as_lines([_line_of_notice(reason)])
            return self._trial_page(request, tried, notice=reason)
        logger.info("test dial by %s", request.user)
        if LINES not in request.headers.get("Accept", ""):
            return self._trial_page(request, tried, found=async_to_sync(trial)(wanted))
        if isinstance(request, ASGIRequest):
            return _as_lines(_lines(wanted))
        return _as_lines([_line(step) for step in async_to_sync(trial)(wanted)])

    def _wanted(self, request: HttpRequest, tried: Tried) -> Wanted:
        """What is dialled. Raises NotTried."""
        if tried.route is not None:
            return of_route(request, tried.route)
        return of_form(request.user, request.POST, tried.backoffice)

    def _tried(self, request: HttpRequest) -> Tried:
        """Whom a test is for. 404 for what the user may not see, 403 for what they may not change."""
        if key := request.GET.get("route"):
            return self._of_route(request, key)
        if key := request.GET.get("backoffice"):
            backoffice = self.get_object(request, key)
            if not self.has_change_permission(request, backoffice):
                raise PermissionDenied
            back = reverse("admin:backoffices_backoffice_change", args=[backoffice.pk])
            return Tried(_("Test of %(name)s") % {"name": backoffice.name}, back, backoffice=backoffice)
        if not self.has_add_permission(request):
            raise PermissionDenied
        return Tried(_("Test of a backoffice"), reverse("admin:backoffices_backoffice_add"))

    def _of_route(self, request: HttpRequest, key: str) -> Tried:
        rows = Route.objects.visible_to(request.user).select_related("charger", "backoffice", "state")
        route = rows.filter(pk=int(key)).first() if key.isdecimal() and len(key) < 19 else None
        if route is None:
            raise Http404("there is no route with this number")
        if not (request.user.has_perm("routing.change_route") and may_change(request, route)):
            raise PermissionDenied
        title = _("Test of %(backoffice)s as %(identity)s")
        names = {"backoffice": route.backoffice.name, "identity": identity_of(route)}
        return Tried(title % names, reverse("admin:routing_route_change", args=[route.pk]), route=route)

    def _trial_page(
        self, request: HttpRequest, tried: Tried, *, found: list[Step] | None = None, notice: Any = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": tried.title,
            "opts": self.opts,
            "tried": tried,
            "steps": [shown(step) for step in found or []],
            "all_well": bool(found) and not any(step.outcome == "failed" for step in found or []),
            "notice": notice,
            "address": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/backoffices/backoffice/trial.html", context)


def trial_address(backoffice: Backoffice | None) -> str:
    """Where the form of a backoffice, or of a new one, is tried."""
    address = reverse("admin:backoffices_backoffice_trial")
    return address if backoffice is None else f"{address}?backoffice={backoffice.pk}"


# -- what is tried --------------------------------------------------------------------------------------


def of_route(request: HttpRequest, route: Route) -> Wanted:
    """What ``route`` dials. Raises NotTried."""
    backoffice: Any = route.backoffice
    identity = identity_of(route)
    if health_of([route])[route.pk].state in JOINED and not request.POST.get("dial_anyway"):
        raise NotTried(_is_joined(identity), may_confirm=True)
    version = ChargerSession.objects.filter(pk=route.charger_id).values_list("ocpp_version", flat=True)
    versions = [version[0]] if version and version[0] else backoffice.ocpp_versions
    return Wanted(
        url=dial_url(backoffice.url, identity),
        username=identity if backoffice.username is None else backoffice.username,
        password=_readable(route if route.has_password else backoffice),
        versions=tuple(versions),
        allow_private=settings.PROXY_ALLOW_PRIVATE_UPSTREAMS,
        discreet=not may_change(request, backoffice),
    )


def of_form(user: Any, given: QueryDict, backoffice: Backoffice | None) -> Wanted:
    """What the fields of a form say, with the stored password where its field is empty. Raises NotTried."""
    url = given.get("url", "").strip()
    identity = given.get("trial_identity", "").strip()[:LONGEST_IDENTITY] or USUAL_IDENTITY
    versions = tuple(given.getlist("ocpp_versions"))
    try:
        validate_url(url)
        validate_versions(list(versions))
    except ValidationError as error:
        raise NotTried(_("Not dialled: %(problem)s.") % {"problem": error.messages[0]}) from error
    password = _password(given, backoffice, url)
    if not given.get("dial_anyway") and _joined(user, url, identity):
        raise NotTried(_is_joined(identity), may_confirm=True)
    return Wanted(
        url=dial_url(url, identity),
        username=given.get("username", "") or identity,
        password=password,
        versions=versions,
        allow_private=settings.PROXY_ALLOW_PRIVATE_UPSTREAMS,
    )


def identity_of(route: Route) -> str:
    """As whom a route is dialled."""
    charger: Any = route.charger
    return route.alias or str(charger.identity)


def _is_joined(identity: str) -> str:
    return _(
        "A route is connected as %(identity)s now. Many backoffices drop the older connection of an "
        "identity, so a test would push it out for a moment. Nothing was dialled."
    ) % {"identity": identity}


def _joined(user: Any, url: str, identity: str) -> bool:
    """Whether a route of the user's is connected to the same server under this identity."""
    named = Q(alias=identity) | Q(alias="", charger__identity=identity)
    routes = Route.objects.visible_to(user).filter(named, state__state__in=JOINED)
    place = _server(url)[1:]
    return any(_server(there)[1:] == place for there in routes.values_list("backoffice__url", flat=True))


def _password(given: Any, backoffice: Backoffice | None, url: str) -> bytes | None:
    """The bytes to send. A stored password goes to the stored server only, and not less protected."""
    if typed := given.get("new_password", ""):
        try:
            return bytes_of(typed, is_hex=bool(given.get("password_is_hex")))
        except ValueError as error:
            raise NotTried(_("The password is not hexadecimal; expected pairs of 0-9 and a-f.")) from error
    if backoffice is None or given.get("remove_password") or not backoffice.has_password:
        return None
    there, stored = _server(url), _server(backoffice.url)
    if there[1:] != stored[1:] or (stored[0] and not there[0]):
        raise NotTried(
            _(
                "The stored password is sent to the stored server only, and this address is another one. "
                "Enter the password of the new one, or choose to send no credentials."
            )
        )
    return _readable(backoffice)


def _readable(row: Any) -> bytes | None:
    try:
        password: bytes | None = row.password
    except ValueError as error:  # encrypted with a key that is gone
        raise NotTried(_("The stored password can't be read any more; set it again.")) from error
    return password


def _server(url: str) -> tuple[bool, str, int]:
    """Whether it is encrypted, and which server a valid address leads to."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "wss"
    return is_secure, (parts.hostname or "").lower(), parts.port or (443 if is_secure else 80)


def count(user: Any) -> None:
    """Count a test of a user. Raises NotTried where there were too many."""
    key = f"backoffices.trial.{user.pk}"
    cache.add(key, 0, 60)
    try:
        made = cache.incr(key)
    except ValueError:  # it ended between the two
        return
    if made > A_MINUTE:
        words = _("You have made %(number)s tests within a minute; wait one, and try again.")
        raise TooMany(words % {"number": A_MINUTE})


# -- what is shown --------------------------------------------------------------------------------------


def shown(step: Step) -> dict[str, Any]:
    """A step as a page shows it."""
    took = "" if step.milliseconds is None else f"{step.milliseconds:.0f} ms"
    return {
        "kind": "step",
        "name": step.name,
        "title": str(TITLES[step.name]),
        "outcome": step.outcome,
        "outcome_words": str(OUTCOMES[step.outcome]),
        "look": LOOKS[step.outcome],
        "found": step.found,
        "remedy": step.remedy,
        "took": took,
    }


def _line(step: Step) -> bytes:
    return json.dumps(shown(step)).encode() + b"\n"


def _line_of_notice(reason: NotTried) -> bytes:
    told = {"kind": "notice", "text": reason.words, "may_confirm": reason.may_confirm}
    return json.dumps(told).encode() + b"\n"


async def _lines(wanted: Wanted) -> AsyncIterator[bytes]:
    async for step in steps(wanted):
        yield _line(step)


def _as_lines(lines: list[bytes] | AsyncIterator[bytes] | Iterator[bytes]) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(lines, content_type=LINES)
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"  # nginx would keep the steps until the last one
    return answer
