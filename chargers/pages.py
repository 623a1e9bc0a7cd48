"""The addresses of a charger's tabs, with the one rule of who may open and do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.views.decorators.http import require_GET, require_POST

from accounts.admin_base import OwnedAdmin
from chargers.models import Charger
from chargers.tabs.all import TABS
from chargers.tabs.tab import Done, Tab, tab_address

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Charger]
else:
    _Admin = object


class TabConverter(StringConverter):
    """The slug of a tab; the admin's own addresses (change, delete, history) have the same shape."""

    regex = "|".join(tab.slug for tab in TABS if tab.context is not None)


register_converter(TabConverter, "tab")


class TabsMixin(_Admin):
    """Adds ``<pk>/<slug>/`` and what hangs below to the charger's admin."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        ours = [
            path("<int:pk>/<tab:slug>/", view(require_GET(self.tab_view)), name="chargers_charger_tab"),
            path(
                "<int:pk>/<tab:slug>/do/<slug:name>/",
                view(require_POST(self.action_view)),
                name="chargers_charger_do",
            ),
            path(
                "<int:pk>/<tab:slug>/<slug:name>/",
                view(require_GET(self.piece_view)),
                name="chargers_charger_piece",
            ),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, as one tab of many."""
        charger = self.get_object(request, object_id)
        tabs = tabs_of(charger, "settings")
        return super().change_view(
            request, object_id, form_url, {"charger_tabs": tabs, **(extra_context or {})}
        )

    def tab_view(self, request: HttpRequest, pk: int, slug: str) -> HttpResponse:
        """A tab's page."""
        charger, tab = self._found(request, pk, slug)
        assert tab.context is not None  # it has an address of its own
        context = {**self.page_context(request, charger, slug), **tab.context(request, charger)}
        return TemplateResponse(request, tab.template, context)

    def piece_view(self, request: HttpRequest, pk: int, slug: str, name: str) -> HttpResponse:
        """Something that a page fetches."""
        charger, tab = self._found(request, pk, slug)
        return _named(tab.pieces, name)(request, charger)

    def action_view(self, request: HttpRequest, pk: int, slug: str, name: str) -> HttpResponse:
        """Something that a person does."""
        charger, tab = self._found(request, pk, slug)
        action = _named(tab.actions, name)
        if not self.has_change_permission(request, charger):
            raise PermissionDenied
        return action(request, charger)

    def page_context(self, request: HttpRequest, charger: Charger, slug: str) -> dict[str, Any]:
        """What every page of this charger shows: its name, and the tabs with the one that is open."""
        return {
            **self.admin_site.each_context(request),
            "title": str(charger.label or charger.identity),
            "opts": self.opts,
            "charger": charger,
            "object": charger,
            "may_change": self.has_change_permission(request, charger),
            "charger_tabs": tabs_of(charger, slug),
        }

    def bar(self, request: HttpRequest, row: Charger, slug: str) -> dict[str, Any]:
        tabs = tabs_of(row, {"history": "audit"}.get(slug, slug))
        return {"bar": "admin/chargers/charger/tabs.html", "charger_tabs": tabs}

    def _found(self, request: HttpRequest, pk: int, slug: str) -> tuple[Charger, Tab]:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        charger = self.get_object(request, str(pk))  # 404 for what is not visible
        tab = next((tab for tab in TABS if tab.slug == slug), None)
        if tab is None:
            raise Http404(f'a charger has no page "{slug[:40]}"')
        return charger, tab


def _named(things: Mapping[str, Done], name: str) -> Done:
    if name not in things:
        raise Http404(f'there is nothing called "{name[:40]}" here')
    return things[name]


def tabs_of(charger: Charger, open_slug: str) -> list[dict[str, Any]]:
    """The tabs, as the bar draws them."""
    return [
        {"title": tab.title, "address": address_of(tab, charger), "is_open": tab.slug == open_slug}
        for tab in TABS
    ]


def address_of(tab: Tab, charger: Charger) -> str:
    """Where a tab is."""
    return tab_address(charger.pk, tab.slug) if tab.link is None else tab.link(charger)
