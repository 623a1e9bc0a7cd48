"""How often a token may ask, and how much of that is left."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle

from accounts.tokens import ApiToken


class TokenThrottle(ScopedRateThrottle):
    """By token, or else by person; ``view.throttle_scope`` names a rate of the settings.

    Leaves on the request what the headers tell (``views.RateLimitHeaders``).
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        is_allowed = bool(super().allow_request(request, view))
        known: Any = self
        if hasattr(self, "history") and self.rate is not None:
            left = max(0, known.num_requests - len(known.history))
            http: Any = request._request
            http.rate_limit = (known.num_requests, left, known.duration)
        return is_allowed

    def get_cache_key(self, request: Request, view: Any) -> str:
        if isinstance(request.auth, ApiToken):
            ident = f"token-{request.auth.uuid}"
        else:
            ident = f"user-{request.user.pk}" if request.user.pk else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}
