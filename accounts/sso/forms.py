"""The code of a second factor; whoever guesses it is locked out as who guesses passwords."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.utils.translation import gettext


class _Counted:
    """Asks first whether the person may try at all: a login that had begun before ends here, too."""

    user: Any

    def clean_code(self) -> Any:
        request = context.request
        if not AxesProxyHandler.is_allowed(request, {"username": self.user.get_username()}):
            request.axes_locked_out = True  # axes' middleware answers with the page that says so
            raise forms.ValidationError(gettext("Too many failed logins"))
        parent: Any = super()
        return parent.clean_code()


class CodeForm(_Counted, AuthenticateForm):
    """The second step of a login."""


class CodeAgainForm(_Counted, ReauthenticateForm):
    """Once more, before something important."""
