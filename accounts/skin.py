"""The look of the admin: django-unfold, or Django's own, as PROXY_ADMIN_SKIN says.

Nothing else imports from unfold: taking it out is one setting, and one file less. Pages of our own use plain
HTML and the classes of ``static/accounts/proxy.css``, which look right in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import forms as auth_forms

IS_STOCK = settings.PROXY_ADMIN_SKIN == "stock"

if TYPE_CHECKING or IS_STOCK:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    StackedInline = admin.StackedInline
    AdminSite = admin.AdminSite
    UserChangeForm = auth_forms.UserChangeForm
    UserCreationForm = auth_forms.AdminUserCreationForm
    AdminPasswordChangeForm = auth_forms.AdminPasswordChangeForm
    _LoginForm = AdminAuthenticationForm
else:
    from unfold.admin import ModelAdmin, StackedInline, TabularInline
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.forms import AuthenticationForm as _LoginForm
    from unfold.sites import UnfoldAdminSite as AdminSite


class LoginForm(_LoginForm):
    """For everybody who has an account: Django's own asks a superuser to tick a box first."""

    def confirm_login_allowed(self, user: Any) -> None:
        auth_forms.AuthenticationForm.confirm_login_allowed(self, user)


__all__ = [
    "IS_STOCK",
    "AdminPasswordChangeForm",
    "AdminSite",
    "LoginForm",
    "ModelAdmin",
    "StackedInline",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
]
