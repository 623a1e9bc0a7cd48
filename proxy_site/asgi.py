"""The ASGI application: chargers under ``/ocpp/``, live views under ``/ws/``, health, Django for the rest."""

import os
import re
import sys
from typing import Final

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from proxy_site.plain import Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
django_application = get_asgi_application()

from chargers import protocol, receiving  # noqa: E402  # its models need the applications loaded
from chargers.consumers import ChargerConsumer  # noqa: E402  # needs the applications too
from chargers.events.consumer import PATH as EVENTS  # noqa: E402  # needs the applications too
from chargers.events.consumer import events  # noqa: E402  # needs the applications too
from chargers.identity import is_chargers  # noqa: E402  # needs the applications too
from proxy_site import health  # noqa: E402  # needs the applications too
from routing.live.consumer import PATH as MESSAGES  # noqa: E402  # needs the applications too
from routing.live.consumer import messages  # noqa: E402  # needs the applications too

charger_application = ChargerConsumer.as_asgi()

VIEWS: Final = ((re.compile(re.escape(EVENTS)), events), (MESSAGES, messages))
"""The sockets of people and their programs: what the whole path looks like, and who serves it."""

if "daphne.cli" in sys.modules:  # daphne proxy_site.asgi:application; manage.py runproxy does it itself
    protocol.install()


def speaks_ocpp(scope: Scope) -> bool:
    """Whether a WebSocket at no address of ours is a charger that has a wrong one: its door says so."""
    return any(str(name).startswith("ocpp") for name in scope.get("subprotocols", ()))


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] in health.PATHS:
        await health.answer(scope, send)
    elif scope["path"].startswith(receiving.PATH):
        await receiving.uploads(scope, receive, send)
    else:
        await django_application(scope, receive, send)


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    raw_path = scope.get("raw_path") or scope["path"].encode()
    if is_chargers(raw_path):
        await charger_application(scope, receive, send)
    elif (view := next((view for path, view in VIEWS if path.fullmatch(scope["path"])), None)) is not None:
        await view(scope, receive, send)
    elif speaks_ocpp(scope):
        await charger_application(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})


application = ProtocolTypeRouter({"http": http, "websocket": websocket})
