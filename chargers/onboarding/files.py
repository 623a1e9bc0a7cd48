"""Chargers by the hundred: CSV in and out, and a sheet of stickers."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.deeds import did
from accounts.keys import key_in
from accounts.models import Organisation
from chargers.models import Charger
from chargers.onboarding import importing, once
from chargers.onboarding.addresses import address_for
from chargers.onboarding.cards import as_hex, card_of
from chargers.onboarding.forms import FileForm
from chargers.onboarding.showing import kept_nowhere
from chargers.onboarding.wizard import WizardMixin
from routing.explorer.exporting import cell
from routing.models import Route

MOST_STICKERS = 300
MOST_EXPORTED = 20_000
_FILE = "file of chargers"

EXPORTED = ("identity", "label", "organisation", "enabled", "routes")
ONCE = ("identity", "label", "url", "username", "password", "password_hex", "claim_code")


class FilesMixin(WizardMixin):
    """Adds ``import/``, ``export/`` and ``stickers/`` to the charger's admin, and two actions."""

    actions = ["export_chosen", "print_stickers"]

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        both = require_http_methods(["GET", "HEAD", "POST"])
        ours = [
            path("import/", view(both(self.import_view)), name="chargers_charger_import"),
            path("export/", view(require_GET(self.export_view)), name="chargers_charger_export"),
            path("stickers/", view(require_GET(self.stickers_view)), name="chargers_charger_stickers"),
        ]
        return [*ours, *super().get_urls()]

    # In

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """A file is uploaded and shown with its problems; then it is carried out."""
        user = self.may_take_in(request)
        if request.method == "POST" and "carry_out" in request.POST:
            return self._carry_out(request, user)
        form = FileForm(request.POST or None, request.FILES or None, user=user)
        rows: list[importing.Row] = []
        if request.method == "POST" and form.is_valid():
            rows = self._judged(request, form, user)
        context = self.beside_list(
            request, _("Chargers from a file"), form=form, rows=rows, columns=importing.COLUMNS,
            problems=sum(bool(row.problems) for row in rows),
        )  # fmt: skip
        return kept_nowhere(TemplateResponse(request, "admin/chargers/charger/import.html", context))

    def _judged(self, request: HttpRequest, form: FileForm, user: Any) -> list[importing.Row]:
        try:
            text = importing.decoded(form.cleaned_data["file"].read(importing.MOST_BYTES + 1))
            rows = importing.read(text, user, form.whose)
        except importing.Unusable as reason:
            form.add_error("file", str(reason))
            return []
        if not any(row.problems for row in rows):
            once.keep(request.session, _FILE, f"{form.whose.pk if form.whose else ''}\n{text}")
        return rows

    def _carry_out(self, request: HttpRequest, user: Any) -> HttpResponse:
        kept = once.take(request.session, _FILE)
        if kept is None:
            return self._again(request, _("Choose the file again: it was kept for ten minutes."))
        key, _newline, text = kept.partition("\n")
        default = Organisation.objects.changeable_by(user).filter(pk=key).first() if key else None
        try:
            rows = importing.read(text, user, default)
            if problems := [f"{row.identity}: {problem}" for row in rows for problem in row.problems]:
                raise ValidationError(problems[:3])
            made = importing.carry_out(rows)
        except ValidationError as error:
            return self._again(request, _("Nothing was changed. %s") % " ".join(error.messages))
        return self._made(request, made)

    def _again(self, request: HttpRequest, why: str) -> HttpResponse:
        self.message_user(request, why, "ERROR")
        return HttpResponseRedirect(reverse("admin:chargers_charger_import"))

    def _made(self, request: HttpRequest, made: list[importing.Made]) -> HttpResponse:
        """The answer itself has the passwords: nothing keeps them."""
        stickers = [
            {
                "charger": one.charger,
                "card": _card(request, one.charger, one.password or None),
                "claim_code": one.claim_code,
            }
            for one in made
        ]
        rows = [_once(request, one) for one in made if one.password or one.claim_code]
        context = self.beside_list(
            request, _("%d chargers added") % len(made), stickers=stickers, is_new=True,
            file=_csv(ONCE, rows) if rows else "", name=f"chargers-{timezone.now():%Y%m%d-%H%M%S}.csv",
        )  # fmt: skip
        return kept_nowhere(TemplateResponse(request, "admin/chargers/charger/stickers.html", context))

    # Out

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """All that the user sees, as a file."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return self._exported(request, self.get_queryset(request))

    @admin.action(description=gettext_lazy("Export as CSV"), permissions=["view"])
    def export_chosen(self, request: HttpRequest, queryset: QuerySet[Charger]) -> HttpResponse:
        return self._exported(request, queryset)

    def _exported(self, request: HttpRequest, chargers: QuerySet[Charger]) -> HttpResponse:
        routes = Route.objects.visible_to(request.user).select_related("backoffice").order_by("id")
        rows = chargers.select_related("organisation").prefetch_related(None)
        rows = rows.prefetch_related(Prefetch("routes", routes)).order_by("identity")[:MOST_EXPORTED]
        lines = [_exported(charger) for charger in rows]
        did(None, f"Exported {len(lines)} chargers as CSV.", organisation=_only_one(lines, rows))
        name = f"chargers-{timezone.now():%Y%m%d-%H%M%S}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return HttpResponse(_csv(EXPORTED, lines), content_type="text/csv; charset=utf-8", headers=headers)

    # Stickers

    @admin.action(description=gettext_lazy("Print stickers"), permissions=["view"])
    def print_stickers(self, request: HttpRequest, queryset: QuerySet[Charger]) -> HttpResponse:
        keys = queryset.order_by("identity").values_list("pk", flat=True)[:MOST_STICKERS]
        chosen = ",".join(map(str, keys))
        return HttpResponseRedirect(f"{reverse('admin:chargers_charger_stickers')}?ids={chosen}")

    def stickers_view(self, request: HttpRequest) -> HttpResponse:
        """A sheet to print, without secrets."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        texts = request.GET.get("ids", "").split(",")[:MOST_STICKERS]
        keys = [key for text in texts if (key := key_in(text)) is not None]
        chosen = self.get_queryset(request).filter(pk__in=keys).order_by("identity")
        stickers = [{"charger": charger, "card": _card(request, charger, None)} for charger in chosen]
        context = self.beside_list(request, _("Stickers"), stickers=stickers)
        return TemplateResponse(request, "admin/chargers/charger/stickers.html", context)


def _card(request: HttpRequest, charger: Charger, password: str | None) -> Any:
    address = address_for(request, charger.identity)
    return card_of(address, password=password, has_password=bool(charger.password_hashes))


def _once(request: HttpRequest, made: importing.Made) -> tuple[str, ...]:
    charger, url = made.charger, address_for(request, made.charger.identity).url
    hexed = as_hex(made.password) if made.password else ""
    return charger.identity, charger.label, url, charger.identity, made.password, hexed, made.claim_code


def _exported(charger: Charger) -> tuple[str, ...]:
    routes = "; ".join(f"{route.backoffice}:{route.role}" for route in charger.routes.all())
    whose = charger.organisation.name if charger.organisation else ""
    return charger.identity, charger.label, whose, "yes" if charger.enabled else "no", routes


def _only_one(lines: list[tuple[str, ...]], rows: Any) -> Organisation | None:
    """Whose members see that it was exported: of one organisation, if it is all theirs."""
    if len({line[2] for line in lines}) != 1:
        return None
    first: Charger = rows[0]
    return first.organisation


def _csv(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()
