"""What a page may load and run: nothing from elsewhere, and in the admin what its skin needs."""

from __future__ import annotations

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

ADMIN = {
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}
"""Alpine, with which unfold moves its pages, evaluates attributes; its colours are an inline style."""


class ContentSecurityMiddleware(CSPMiddleware):
    """The policy of the settings, wider under the admin's address only."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(reverse("admin:index")):
            parts.update = {**ADMIN, **(parts.update or {})}
        return parts
