"""Short answers that stand before Django: a request through Django waits for the one thread that all
synchronous code of a process shares."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Answer(NamedTuple):
    """``headers``: further ones, besides Content-Type and Cache-Control."""

    status: int
    text: str
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def send_answer(answer: Answer, send: Send) -> None:
    """Send it as the response of an ASGI request."""
    headers = [(b"content-type", answer.content_type.encode()), (b"cache-control", b"no-store")]
    headers += answer.headers
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.text.encode()})
