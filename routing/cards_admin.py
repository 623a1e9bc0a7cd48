"""Cards of organisations in the admin: personal data, shown by their last four characters in lists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.acting import acting
from accounts.admin_base import OwnedAdmin, VisibleFilter, owned
from accounts.deeds import did
from accounts.querysets import sees_all
from routing.core.masking import masked
from routing.models import Card
from routing.tasks import erase_card


def sees_cards(request: HttpRequest, row: Any) -> bool:
    """Cards are personal data: shown to those who may also change things, and to whom that is granted."""
    rows = owned(type(row)).filter(pk=row.pk)
    return sees_all(request.user) or rows.with_cards_for(request.user).exists()


@admin.register(Card)
class CardAdmin(OwnedAdmin[Card]):
    list_display = ["number", "label", "organisation", "group_number", "expires_at", "blocked"]
    list_display_links = ["number", "label"]
    list_select_related = ["organisation"]
    list_filter = ["blocked", ("organisation", VisibleFilter)]
    # Only whole numbers: who may not see one shall not find it piece by piece.
    search_fields = ["label", "id_tag__iexact"]
    search_help_text = _("Part of a label, or a whole number")
    autocomplete_fields = ["organisation"]
    readonly_fields = ["number", "created_at"]
    actions = ["block", "unblock", "erase"]

    def get_fields(self, request: HttpRequest, obj: Card | None = None) -> Any:
        fields = ["organisation", "id_tag", "label", "group", "expires_at", "blocked"]
        if obj is None:
            return fields
        if not sees_cards(request, obj):
            return ["organisation", "number", "label", "expires_at", "blocked", "created_at"]
        return [*fields, "created_at"]

    @admin.display(description=_("number"))
    def number(self, card: Card) -> str:
        return masked(card.id_tag)

    @admin.display(description=_("group"))
    def group_number(self, card: Card) -> str:
        return masked(card.group) if card.group else ""

    @admin.action(description=_("Block selected cards"), permissions=["change"])
    def block(self, request: HttpRequest, queryset: Any) -> None:
        self._set_blocked(request, queryset, blocked=True)

    @admin.action(description=_("Unblock selected cards"), permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: Any) -> None:
        self._set_blocked(request, queryset, blocked=False)

    @admin.action(description=_("Erase this card everywhere"), permissions=["delete"])
    def erase(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        cards = list(queryset.changeable_by(request.user).select_related("organisation"))
        everywhere = bool(request.user.is_superuser)
        if not cards:
            self.message_user(request, _("None of these is a card that you may erase."), messages.WARNING)
            return None
        if "confirmed" in request.POST:
            who = request.user.get_username()
            for card in cards:
                erase_card.delay(card.pk, who, everywhere=everywhere)
                did(card, "Asked to have it erased everywhere.")
            words = _(
                "Erasing %(done)s of %(all)s cards; they go from this list when that is done, or stay where "
                "something is left to do."
            )
            self.message_user(request, words % {"done": len(cards), "all": queryset.count()})
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Erase cards"),
            "opts": self.opts,
            "cards": [(masked(card.id_tag), card) for card in cards],
            "everywhere": everywhere,
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "admin/routing/card/erase.html", context)

    def _set_blocked(self, request: HttpRequest, queryset: Any, *, blocked: bool) -> None:
        cards = list(queryset.changeable_by(request.user).exclude(blocked=blocked))
        word = "blocked" if blocked else "unblocked"
        with acting(words=f"{word.capitalize()}."):
            done = Card.objects.filter(pk__in=[card.pk for card in cards]).update(blocked=blocked)
        told = (
            _("%(done)s of %(all)s cards blocked.") if blocked else _("%(done)s of %(all)s cards unblocked.")
        )
        self.message_user(request, told % {"done": done, "all": queryset.count()})
