"""The four addresses of another maker's API, version 3, that energy managers such as evcc already call.

Only what they read is there, in the types that they expect: docs/api.md. Everything else is in version 1.
"""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict, Unprocessable
from accounts.api.permissions import HasScope
from accounts.api.views import RateLimitHeaders
from chargers.api.one import connector_of
from chargers.api.serializers import status_of
from chargers.api.views import with_boot
from chargers.models import Charger, Connector
from routing import readings
from routing.api import commands
from routing.boot import model_of
from routing.models import Command, Reading
from routing.readings import Place

PER_PAGE = 50
WAIT_S = 10.0
"""How long a limit waits for the charger's answer; afterwards it is said to be on its way."""

UNKNOWN = "-"
"""What readers take for nothing."""

OCCUPIED = "Occupied"
"""OCPP 2 says only this of a connector with a cable in it; readers expect the words of 1.6."""


class FacadeView(RateLimitHeaders):
    """Reading needs chargers:read, limiting commands:energy."""

    permission_classes = [HasScope]
    scopes = {"read": "chargers:read", "write": "commands:energy"}
    schema = None

    def get_throttles(self) -> Any:
        self.throttle_scope = "read" if self.request.method in SAFE_METHODS else "commands"
        return super().get_throttles()

    def charger(self, request: Request, uuid: Any) -> Charger:
        """The charger of this address. Raises NotFound."""
        rows = with_boot(Charger.objects.visible_to(request.user)).prefetch_related("connectors")
        row: Charger | None = rows.select_related("session").filter(uuid=uuid).first()
        if row is None:
            raise NotFound("There is no such charger, or it is not yours to see.")
        return row


class ChargersView(FacadeView):
    """``GET /api/v3/chargers?page=N``; a page behind the last one is empty."""

    def get(self, request: Request) -> Response:
        rows = with_boot(Charger.objects.visible_to(request.user)).prefetch_related("connectors")
        pages = Paginator(rows.select_related("session").order_by("identity"), PER_PAGE)
        given = request.query_params.get("page", "1")
        number = int(given) if given.isascii() and given.isdecimal() and len(given) < 7 else 1
        page = pages.page(number) if 1 <= number <= pages.num_pages else None
        here = request.build_absolute_uri(reverse("facade:chargers"))
        return Response(
            {
                "data": [told(charger, {}, set()) for charger in (page or [])],
                "links": {
                    "first": f"{here}?page=1",
                    "last": f"{here}?page={pages.num_pages}",
                    "prev": f"{here}?page={number - 1}" if page and page.has_previous() else None,
                    "next": f"{here}?page={number + 1}" if page and page.has_next() else None,
                },
                "meta": {
                    "current_page": number,
                    "last_page": pages.num_pages,
                    "per_page": PER_PAGE,
                    "total": pages.count,
                },
            }
        )


class ChargerView(FacadeView):
    """``GET /api/v3/chargers/{uuid}``."""

    def get(self, request: Request, uuid: Any) -> Response:
        charger = self.charger(request, uuid)
        measured = {Place(row.evse_id, row.connector_id): row for row in readings.latest(charger.pk)}
        busy = {Place(row.evse_id, _of(row)) for row in readings.running(charger.pk)}
        return Response({"data": told(charger, measured, busy)})


class PowerView(FacadeView):
    """``GET /api/v3/chargers/{uuid}/connectors/{number}/power-usage``: text, in kW and A."""

    def get(self, request: Request, uuid: Any, number: int) -> Response:
        charger = self.charger(request, uuid)
        connector = connector_of(charger, number)
        if connector is None:
            raise NotFound(f"The charger has not spoken of a connector {number}.")
        here = Place(connector.evse_id, _of(connector))
        found = [row for row in readings.latest(charger.pk) if (row.evse_id, row.connector_id) == here]
        busy = any((row.evse_id, _of(row)) == here for row in readings.running(charger.pk))
        return Response(power(found[0] if found else None, busy=busy))


class LimitSerializer(serializers.Serializer[Any]):
    """``limit``: amperes; 0 stops the flow."""

    connector_id = serializers.IntegerField(min_value=0, max_value=1000)
    limit = serializers.FloatField(min_value=0, max_value=1000)


class LimitView(FacadeView):
    """``POST /api/v3/chargers/{uuid}/actions/charge-limit``: a limit as that of the verb ``limit``."""

    @extend_schema(request=LimitSerializer)
    def post(self, request: Request, uuid: Any) -> Response:
        charger = self.charger(request, uuid)
        read = LimitSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        said = read.validated_data
        arguments = {"limit": said["limit"], "connector": said["connector_id"], "unit": "A"}
        command = commands.given(request, charger, {"verb": "limit", "arguments": arguments})
        return _answer(commands.waited(command, WAIT_S))


def _answer(command: Command) -> Response:
    """What a reader that looks at the HTTP status only has to know."""
    state = Command.State(command.state)
    told = {"message": command.sentence, "state": str(state), "command": str(command.uuid)}
    match state:
        case Command.State.ACCEPTED:
            return Response(told)
        case Command.State.QUEUED | Command.State.SENT:
            return Response(told, status=202)
        case Command.State.OFFLINE:
            raise Conflict(command.sentence)
        case Command.State.TIMED_OUT:
            return Response({**told, "code": str(state), "errors": {}}, status=504)
        case _:
            raise Unprocessable(command.sentence)


def told(charger: Charger, measured: dict[Place, Reading], busy: set[Place]) -> dict[str, Any]:
    """A charger in that API's words. ``busy``: where sessions run."""
    model: Any = model_of(getattr(charger, "boot", None) or "")
    rows = list(charger.connectors.all())
    whole = next((row for row in rows if (row.evse_id, row.connector_id) == (0, 0)), None)
    own = {_number(row): row for row in sorted(rows, key=_is_free) if _number(row)}
    connectors = [_connector(row, number, measured, busy) for number, row in sorted(own.items())]
    return {
        "uuid": str(charger.uuid),
        "identity": charger.identity,
        "reference": charger.label,
        "connection_status": "online" if status_of(charger) == "online" else "offline",
        "status": whole.status if whole else (connectors[0]["status"] if connectors else "Unavailable"),
        "error": whole.error_code if whole else "NoError",
        "error_info": None,
        "created_at": charger.created_at.isoformat(),
        "updated_at": max([charger.created_at, *(row.updated_at for row in rows)]).isoformat(),
        "model": {"vendor": model["vendor"], "name": model["name"]},
        "connectors": connectors,
    }


def _is_free(row: Connector) -> bool:
    """Of the several connectors of an EVSE the one in use comes last, and so stands for it."""
    return row.status != "Available"


def _number(row: Connector) -> int:
    return row.evse_id or row.connector_id


def _of(row: Any) -> int:
    """The connector's part of a Place: of OCPP 2 none."""
    return 0 if row.evse_id else row.connector_id


def _connector(
    row: Connector, number: int, measured: dict[Place, Reading], busy: set[Place]
) -> dict[str, Any]:
    here = Place(row.evse_id, _of(row))
    reading = measured.get(here)
    offered = reading.current_offered_a if reading else None
    return {
        "connector_id": number,
        "status": _status(row, reading, is_busy=here in busy),
        "error": row.error_code or "NoError",
        "error_info": None,
        "max_amperage": round(offered or 0),
        "updated_at": row.updated_at.isoformat(),
    }


def _status(row: Connector, reading: Reading | None, *, is_busy: bool) -> str:
    """In the words of OCPP 1.6."""
    if row.status != OCCUPIED:
        return row.status
    if not is_busy:
        return "Preparing"
    return "Charging" if reading and (reading.power_w or reading.current_a) else "SuspendedEV"


def power(reading: Reading | None, *, busy: bool) -> dict[str, str]:
    """What flows, as text; nothing does where no session runs, whatever was measured last."""
    if reading is None:
        return {"timestamp": "", "kW": UNKNOWN, "L1": UNKNOWN, "L2": UNKNOWN, "L3": UNKNOWN}
    kilowatts = None if reading.power_w is None else reading.power_w / 1000
    phases = (reading.current_l1_a, reading.current_l2_a, reading.current_l3_a)
    values = [UNKNOWN if value is None else f"{value:.3f}" for value in (kilowatts, *phases)]
    shown = values if busy else ["0.000"] * 4
    return {"timestamp": reading.at.isoformat(), **dict(zip(("kW", "L1", "L2", "L3"), shown, strict=True))}


app_name = "facade"
urlpatterns = [
    path("chargers/", ChargersView.as_view(), name="chargers"),
    path("chargers/<uuid:uuid>/", ChargerView.as_view(), name="charger"),
    path("chargers/<uuid:uuid>/connectors/<int:number>/power-usage/", PowerView.as_view(), name="power"),
    path("chargers/<uuid:uuid>/actions/charge-limit/", LimitView.as_view(), name="limit"),
]
