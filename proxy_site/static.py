"""Static files of the admin, served by the proxy itself."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise for ASGI: other requests pass without a hop to a thread, and a file is sent in one piece.

    The stock middleware is synchronous, and streams a file through an iterator that Django warns about.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        static_file = self.files.get(request.path_info)
        if static_file is None:
            return self.get_response(request)  # type: ignore[no-any-return]  # a response, or its coroutine
        response = self._whole(static_file.get_response(request.method, request.META))
        return _ready(response) if iscoroutinefunction(self) else response

    @staticmethod
    def _whole(found: Any) -> HttpResponse:
        content = b""
        if found.file is not None:
            with found.file as file:
                content = file.read()  # tens of kilobytes, from the page cache
        response = HttpResponse(content, status=int(found.status))
        del response["content-type"]
        for name, value in found.headers:
            response[name] = value
        return response


async def _ready(response: HttpResponse) -> HttpResponse:
    return response
