"""Says who acts in a request, and joins what it does and logs by an id."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.acting import Acting, Via, acting, address_of, printable, sane_correlation_id

HEADER = "X-Request-ID"


class ActingMiddleware:
    """Who is logged in acts, from the address at which the server sees them, while a request lasts.

    The id is the one that the client or a proxy in front has sent, if it is sane; the answer repeats it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        with _acting(request) as context:
            return _with_id(self.get_response(request), context)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        with _acting(request) as context:
            return _with_id(await self.get_response(request), context)


def _acting(request: HttpRequest) -> AbstractContextManager[Acting]:
    # Who it is is asked only when something is done: AuthenticationMiddleware and the API find out later.
    return acting(
        lambda: getattr(request, "user", None),
        actor_name="",
        via=Via.API if request.path_info.startswith("/api/") else Via.ADMIN,
        address=printable(address_of(request), 64),
        correlation_id=sane_correlation_id(request.headers.get(HEADER, "")),
    )


def _with_id(response: HttpResponseBase, context: Acting) -> HttpResponseBase:
    response.headers[HEADER] = context.correlation_id
    return response
