"""A forgotten password, set anew by a link in a mail: Django's own views, asked not too often.

Nobody learns whether there is an account: what is answered, and how soon, is the same.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import views
from django.contrib.auth.forms import PasswordResetForm
from django.core.cache import cache
from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse_lazy
from django.utils.translation import gettext as _

from accounts.acting import acting, address_of
from accounts.lockout import hashed, unlock
from accounts.mail import send_later

HOUR_S = 3600
MOST_OF_AN_ADDRESS = 20
"""Requests in an hour from one address of the network."""
MOST_MAILS = 3
"""Mails in an hour to one person."""


class ForgottenForm(PasswordResetForm):
    """Django's, whose mail nobody waits for."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        _subject, template, context, _sender, to = args[:5]
        send_later(to, _("Your password for the OCPP proxy"), render_to_string(template, context))


class AskView(views.PasswordResetView):
    """Asks for the address. Whom it belongs to gets a link."""

    form_class = ForgottenForm
    template_name = "accounts/forgotten.html"
    email_template_name = "accounts/forgotten_mail.txt"
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: Any) -> HttpResponse:
        if _is_too_often(f"address {address_of(self.request)}", MOST_OF_AN_ADDRESS):
            return TemplateResponse(self.request, "429.html", status=429)
        if _is_too_often(f"mail {form.cleaned_data['email'].casefold()}", MOST_MAILS):
            return HttpResponseRedirect(self.get_success_url())
        return super().form_valid(form)


class NewPasswordView(views.PasswordResetConfirmView):
    """Where the link leads. It logs nobody in: a second factor is asked for afterwards as ever."""

    template_name = "accounts/forgotten_new.html"

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.user
        with acting(user, words="Set a new password, by a link that was mailed."):
            answer = super().form_valid(form)
        unlock(user)
        return answer


def _is_too_often(what: str, most: int) -> bool:
    key = f"forgotten:{hashed(what)}"
    cache.add(key, 0, HOUR_S)
    try:
        return cache.incr(key) > most
    except ValueError:  # Redis is away: uncounted, anybody could have any number of mails sent
        return True


urlpatterns = [
    path("forgotten/", AskView.as_view(), name="admin_password_reset"),
    path(
        "forgotten/sent/",
        views.PasswordResetDoneView.as_view(template_name="accounts/forgotten_sent.html"),
        name="password_reset_done",
    ),
    path("new/<uidb64>/<token>/", NewPasswordView.as_view(), name="password_reset_confirm"),
    path(
        "new/done/",
        views.PasswordResetCompleteView.as_view(template_name="accounts/forgotten_done.html"),
        name="password_reset_complete",
    ),
]
"""Included only where the installation can send mail; the names are those that the login pages look for."""
