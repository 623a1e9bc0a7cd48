"""Where an invitation leads: outside the admin, for people who may have no account yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import login
from django.contrib.auth.forms import BaseUserCreationForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from accounts import people
from accounts.acting import acting
from accounts.models import Invitation, User

if TYPE_CHECKING:
    _UserCreationForm = BaseUserCreationForm[User]
else:
    _UserCreationForm = BaseUserCreationForm

BACKEND = "django.contrib.auth.backends.ModelBackend"
"""Which one a new person has logged in by: their password."""


class NewPersonForm(_UserCreationForm):
    """A name and a password, by Django's checks."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name"]

    def __init__(self, invitation: Invitation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.email = invitation.email


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join with the account that is logged in, or make one. A link that is worth nothing is always 404."""
    found = people.invitation_of(token)
    if found is None:
        return TemplateResponse(request, "accounts/no_invitation.html", status=404)
    if request.user.is_authenticated:
        return _join(request, found)
    form = NewPersonForm(found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic(), acting(actor_name=form.cleaned_data["username"]):
                user = form.save()
                people.accept(found, user)
        except people.Refused as refused:
            form.add_error(None, str(refused))
        else:
            login(request, user, backend=BACKEND)
            return HttpResponseRedirect(resolve_url("admin:index"))
    context = {"invitation": found, "form": form, "log_in": f"{reverse('admin:login')}?next={request.path}"}
    return TemplateResponse(request, "accounts/invitation.html", context)


def _join(request: HttpRequest, found: Invitation) -> HttpResponse:
    user: Any = request.user
    refused = ""
    if request.method == "POST":
        try:
            people.accept(found, user)
        except people.Refused as error:
            refused = str(error)
        else:
            return HttpResponseRedirect(resolve_url("admin:index"))
    context = {"invitation": found, "refused": refused}
    return TemplateResponse(request, "accounts/invitation.html", context)
