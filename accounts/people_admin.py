"""The page on which an organisation looks after its own people: members, how long, invitations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import people
from accounts.admin_base import OwnedAdmin
from accounts.mail import send
from accounts.models import Invitation, Membership, Organisation
from accounts.people import Refused, Standing

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Organisation]
else:
    _Admin = object

LENGTHS = [("14", _("14 days")), ("90", _("90 days")), ("none", _("Without end"))]


class InvitationForm(forms.Form):
    """Whom to invite, as what, for how long."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"))
    lasts = forms.ChoiceField(label=_("Access"), choices=LENGTHS, initial="14")
    sees_cards = forms.BooleanField(
        label=_("Sees whole card numbers"),
        required=False,
        help_text=_("Operators and owners always do; who only reads never does."),
    )

    def __init__(self, may: Standing, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = dict(Membership.Role.choices)
        role: Any = self.fields["role"]
        role.choices = [(value, names[value]) for value in may.roles()]


class PeopleMixin(_Admin):
    """Adds ``people/`` and ``<pk>/people/`` to the organisation's admin, for its members."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        ours = [
            path("people/", view(require_GET(self.mine_view)), name="accounts_people"),
            path(
                "<int:pk>/people/", view(require_GET(self.people_view)), name="accounts_organisation_people"
            ),
            path(
                "<int:pk>/people/do/<slug:name>/",
                never_cache(view(require_POST(self.do_view))),
                name="accounts_organisation_people_do",
            ),
        ]
        return [*ours, *super().get_urls()]

    def mine_view(self, request: HttpRequest) -> HttpResponse:
        """The organisations that the user belongs to; of one, its page."""
        mine = list(Organisation.objects.visible_to(request.user))
        if len(mine) == 1:
            return HttpResponseRedirect(page_of(mine[0]))
        pages = [(one, page_of(one)) for one in mine]
        context = {**self.admin_site.each_context(request), "title": _("People"), "pages": pages}
        return TemplateResponse(request, "admin/accounts/organisations.html", context)

    def people_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Who belongs to the organisation."""
        return self._page(request, self._organisation(request, pk))

    def do_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Something that a manager does."""
        organisation = self._organisation(request, pk)
        if people.standing(_user(request), organisation) is None:
            raise PermissionDenied
        if name == "invite":
            return self._invite(request, organisation)
        if name == "resend":
            return self._resend(request, organisation)
        if name not in DEEDS:
            raise Http404(f'there is nothing called "{name[:40]}" here')
        try:
            DEEDS[name](request, organisation)
        except Refused as refused:
            messages.error(request, str(refused))
        return HttpResponseRedirect(page_of(organisation))

    def _organisation(self, request: HttpRequest, pk: int) -> Organisation:
        return get_object_or_404(Organisation.objects.visible_to(request.user), pk=pk)

    def _invite(self, request: HttpRequest, organisation: Organisation) -> HttpResponse:
        may = people.standing(_user(request), organisation)
        assert may is not None  # asked before
        form = InvitationForm(may, request.POST)
        if not form.is_valid():
            return self._page(request, organisation, form=form)
        try:
            invitation, token = people.invite(
                _user(request),
                organisation,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                ends_at=people.extended(form.cleaned_data["lasts"]),
                sees_cards=form.cleaned_data["sees_cards"],
            )
        except Refused as refused:
            form.add_error(None, str(refused))
            return self._page(request, organisation, form=form)
        return self._sent(request, invitation, token)

    def _resend(self, request: HttpRequest, organisation: Organisation) -> HttpResponse:
        invitation = _invitation(request, organisation)
        try:
            token = people.renew(_user(request), invitation)
        except Refused as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(page_of(organisation))
        return self._sent(request, invitation, token)

    def _sent(self, request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
        """By mail; where that can't be, the link is shown, this once."""
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        if send(invitation.email, str(_subject(invitation)), _letter(request, invitation, link)):
            messages.success(request, gettext("The invitation is on its way to %s.") % invitation.email)
            return HttpResponseRedirect(page_of(invitation.organisation))
        return self._page(request, invitation.organisation, link=link, invited=invitation)

    def _page(self, request: HttpRequest, organisation: Organisation, **more: Any) -> HttpResponse:
        may = people.standing(_user(request), organisation)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("People of %s") % organisation,
            "opts": self.opts,
            "organisation": organisation,
            "manages": may is not None,
            "members": members(_user(request), organisation, may),
            "do": f"{page_of(organisation)}do/",
            "lengths": LENGTHS,
        }
        if may is not None:
            context["invitations"] = list(
                organisation.invitations.open().select_related("created_by").order_by("-id")
            )
            context["form"] = more.pop("form", None) or InvitationForm(may)
        return TemplateResponse(request, "admin/accounts/people.html", context | more)


def page_of(organisation: Organisation) -> str:
    """Where the people of an organisation are."""
    return reverse("admin:accounts_organisation_people", args=[organisation.pk])


def members(user: Any, organisation: Organisation, may: Standing | None) -> list[dict[str, Any]]:
    """Members as a page shows them: the live ones first, addresses for mail only to who manages them."""
    rows = organisation.memberships.select_related("user", "organisation").order_by("user__username")
    if may is None:
        rows = rows.live()
    names = dict(Membership.Role.choices)
    given = [(role, names[role]) for role in may.roles()] if may else []
    found = [
        {
            "row": row,
            "name": row.user.called,
            "email": row.user.email if may else "",
            "role": row.get_role_display(),
            "lasts": lasts(row),
            "is_you": row.user_id == user.pk,
            "may_touch": may is not None and may.covers(row.role, may.until),
            "roles": [(role, name) for role, name in given if role != row.role],
            "sees_cards": row.shows_cards,
            "cards_are_granted": row.cards_are_granted,
        }
        for row in rows
    ]
    return sorted(found, key=lambda one: not one["row"].is_live)


def lasts(membership: Membership) -> str:
    """How long a membership lasts, in words."""
    if membership.ends_at is None:
        return gettext("without end")
    day = f"{membership.ends_at:%Y-%m-%d}"
    if not membership.is_live:
        return gettext("ended on %s") % day
    days = (membership.ends_at - timezone.now()) // timedelta(days=1) + 1
    return ngettext("until %(day)s, %(n)s day", "until %(day)s, %(n)s days", days) % {"day": day, "n": days}


def end_or_extend(request: HttpRequest, organisation: Organisation) -> None:
    """What a form with ``member`` and ``lasts`` (a length, or "now") asks for. Raises Refused."""
    membership = _membership(request, organisation)
    how = request.POST.get("lasts", "")
    ends_at = timezone.now() if how == "now" else people.extended(how)
    people.set_end(_user(request), membership, ends_at)
    words = gettext("%(who)s: %(lasts)s.") % {"who": membership.user.called, "lasts": lasts(membership)}
    messages.success(request, words)


def _set_role(request: HttpRequest, organisation: Organisation) -> None:
    membership = _membership(request, organisation)
    people.set_role(_user(request), membership, request.POST.get("role", ""))
    words = {"who": membership.user.called, "role": membership.get_role_display()}
    messages.success(request, gettext("%(who)s is %(role)s now.") % words)


def _set_cards(request: HttpRequest, organisation: Organisation) -> None:
    membership = _membership(request, organisation)
    people.set_cards(_user(request), membership, sees=request.POST.get("sees") == "yes")


def _revoke(request: HttpRequest, organisation: Organisation) -> None:
    people.revoke(_user(request), _invitation(request, organisation))
    messages.success(request, gettext("The invitation is worth nothing any more."))


DEEDS: dict[str, Callable[[HttpRequest, Organisation], None]] = {
    "end": end_or_extend,
    "role": _set_role,
    "cards": _set_cards,
    "revoke": _revoke,
}


def _user(request: HttpRequest) -> Any:
    return request.user


def _membership(request: HttpRequest, organisation: Organisation) -> Membership:
    rows = organisation.memberships.select_related("user", "organisation")
    return get_object_or_404(rows, pk=_number(request, "member"))


def _invitation(request: HttpRequest, organisation: Organisation) -> Invitation:
    return get_object_or_404(organisation.invitations.open(), pk=_number(request, "invitation"))


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404(f"there is no such {name}")
    return int(text)


def _subject(invitation: Invitation) -> str:
    return gettext("Invitation to %s") % invitation.organisation


def _letter(request: HttpRequest, invitation: Invitation, link: str) -> str:
    return gettext(
        "%(who)s invites you to %(organisation)s, as %(role)s.\n\n"
        "Follow this link until %(day)s; it works once:\n%(link)s\n\n"
        "If you do not know what this is about, do nothing.\n"
    ) % {
        "who": _user(request).called,
        "organisation": invitation.organisation,
        "role": invitation.get_role_display(),
        "day": f"{invitation.expires:%Y-%m-%d}",
        "link": link,
    }
