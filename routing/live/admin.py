"""The live view in the admin: its page, and what a page asks for where it has no WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin
from routing.live.sight import Sight, look
from routing.live.words import page_words
from routing.watching import Kind

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Any]
else:
    _Admin = object


class LiveMixin(_Admin):
    """A model whose rows can be watched live: ``<pk>/live/`` is the page, ``<pk>/live/rows/`` its poll.

    ``live_kind`` says which; ``watch`` is a field with the link to it.
    """

    live_kind: Kind

    def get_urls(self) -> Any:
        name = f"{self.opts.app_label}_{self.opts.model_name}_live"
        site = self.admin_site
        return [
            path("<int:pk>/live/", site.admin_view(self.live_view), name=name),
            path("<int:pk>/live/rows/", site.admin_view(self.live_rows), name=f"{name}_rows"),
            *super().get_urls(),
        ]

    @admin.display(description=_("live"))
    def watch(self, row: Any) -> SafeString | str:
        if not row.pk:
            return ""
        return format_html(
            '<a href="{}">{}</a>', self._address("live", row.pk), _("Watch messages as they pass")
        )

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page; without a message in it, those come over the socket."""
        sight = self._sight(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Live messages of %(name)s") % {"name": sight.title},
            "opts": self.opts,
            "object": sight.row,
            "watched": sight.title,
            "words": page_words(),
            "kind": self.live_kind,
            "socket": f"/ws/v1/{self.live_kind}s/{pk}/messages",
            "rows": self._address("live_rows", pk),
            "back": self._address("change", pk),
            **self.bar(request, sight.row, "live"),
        }
        return TemplateResponse(request, "admin/routing/live.html", context)

    def live_rows(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Rows of the log as the socket sends them: the newest, or those since the exchange ``after``."""
        after = request.GET.get("after", "")
        if not (after == "" or (after.isdecimal() and len(after) < 19)):
            raise Http404(f'"{after[:40]}" is not the number of an exchange')
        sight = self._sight(request, pk)
        rows, is_more = sight.stored(int(after) if after else None)
        answer = JsonResponse({"rows": sight.shown(rows), "more": is_more})
        answer["Cache-Control"] = "no-store"
        return answer

    def _sight(self, request: HttpRequest, pk: int) -> Sight:
        sight = look(request.user, self.live_kind, pk)
        if sight is None:
            raise Http404(f"there is no {self.opts.verbose_name} with this number")
        return sight

    def _address(self, page: str, pk: int) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=[pk])
