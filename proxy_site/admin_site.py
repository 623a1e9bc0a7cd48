"""The admin's frame: its title, its first page, and who may enter."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext

from accounts import skin
from proxy_site.dashboard import views

if settings.PROXY_SSO_READY:
    from accounts.sso.views import SteppedLoginView, directories


class ProxyAdminSite(skin.AdminSite):
    """The one site; models register on it as ``admin.site``."""

    site_header = site_title = "OCPP proxy"
    site_url = None

    login_form = skin.LoginForm

    def get_urls(self) -> Any:
        ours = [
            path("dashboard/piece/", self.admin_view(views.piece), name="dashboard_piece"),
            path("help/", self.admin_view(self.help_view), name="help"),
        ]
        return [*ours, *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        """Whoever logs in may enter; what they find there follows from their memberships and rights."""
        return request.user.is_active

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's; with PROXY_SSO the second step follows, and directories are offered."""
        is_in = request.method == "GET" and self.has_permission(request)
        if not settings.PROXY_SSO_READY or is_in:
            return super().login(request, extra_context)
        target = request.GET.get(REDIRECT_FIELD_NAME, "")
        context = {
            **self.each_context(request),
            "title": gettext("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            "directories": directories(target),
            **({} if target else {REDIRECT_FIELD_NAME: reverse("admin:index")}),
            **(extra_context or {}),
        }
        request.current_app = self.name
        view = SteppedLoginView.as_view(
            extra_context=context, authentication_form=self.login_form, template_name="admin/login.html"
        )
        return cast(HttpResponse, view(request))

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """The dashboard; who has no access, or none any more, is told so."""
        if not getattr(request.user, "has_access", True):
            context = {**self.each_context(request), "title": ""}
            return TemplateResponse(request, "admin/accounts/nothing.html", context)
        return views.page(request, {**self.each_context(request), **(extra_context or {})})

    def help_view(self, request: HttpRequest) -> HttpResponse:
        """What words and colours mean."""
        return views.help_page(request, self.each_context(request))
