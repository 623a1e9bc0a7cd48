"""The base of all resources: rows of the person who asks, by their public names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.admin_base import owned
from accounts.api.idempotency import once
from accounts.api.permissions import HasRole, HasScope


class RateLimitHeaders(APIView):
    """A view whose answers say how often may be asked, and how much of that is left."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        limit = getattr(request._request, "rate_limit", None)
        if limit is not None:
            most, left, seconds = limit
            answer.headers["RateLimit-Limit"] = f"{most}, {most};w={seconds}"
            answer.headers["RateLimit-Remaining"] = str(left)
        return answer


class OwnedViewSet(RateLimitHeaders, viewsets.GenericViewSet[Any]):
    """Rows of ``model`` that the person may see; anything else is 404.

    ``scopes``: read, write and names of actions to scopes. ``verbs``: names of actions to what a role must
    allow on the model (view, add, change, delete), where the method does not say it.
    """

    model: ClassVar[type[models.Model]]
    scopes: ClassVar[Mapping[str, str]]
    verbs: ClassVar[Mapping[str, str]] = {}
    lookup_field = "uuid"
    lookup_value_converter = "uuid"
    permission_classes = [HasScope, HasRole]
    throttle_scope: str | None = "read"

    def get_queryset(self) -> Any:
        return owned(self.model).visible_to(self.request.user)


class ReadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Rows to look at."""


class WriteViewSet(mixins.CreateModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, ReadViewSet):
    """Rows to look at, add, change and remove. A POST with an Idempotency-Key is done once."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return once(request, lambda: super(WriteViewSet, self).create(request, *args, **kwargs))
