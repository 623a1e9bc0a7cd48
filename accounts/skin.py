"""The look of the admin: django-unfold, or Django's own, as PROXY_ADMIN_SKIN says.

Nothing else imports from unfold: taking it out is one setting, and one file less. Pages of our own use plain
HTML and the classes of ``static/accounts/proxy.css``, which look right in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import admin
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
else:
    from unfold.admin import ModelAdmin, StackedInline, TabularInline
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.sites import UnfoldAdminSite as AdminSite

__all__ = [
    "IS_STOCK",
    "AdminPasswordChangeForm",
    "AdminSite",
    "ModelAdmin",
    "StackedInline",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
]
