"""A CSMS and a charger as anybody would write them with the ``ocpp`` package.

They know nothing of this project and nothing of each other: the end-to-end tests take them as the
chargers and backoffices of other people. Handlers are the package's own, field names too.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ocpp.v16
import ocpp.v21
import ocpp.v201
from ocpp.routing import on
from ocpp.v16 import call as call_16
from ocpp.v16 import call_result as result_16
from ocpp.v21 import call as call_21
from ocpp.v21 import call_result as result_21
from ocpp.v201 import call as call_201
from ocpp.v201 import call_result as result_201
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


def now() -> str:
    """UTC, RFC 3339."""
    return datetime.now(UTC).isoformat()


# --- the CSMS --------------------------------------------------------------------------------


class Csms16(ocpp.v16.ChargePoint):
    """One 1.6 charger at a CSMS; ``log`` holds what it said as (action, fields)."""

    def __init__(self, identity: str, connection: ServerConnection, new_number: Callable[[], int]) -> None:
        super().__init__(identity, connection)
        self.new_number = new_number
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.transaction_ids: list[int] = []

    @on("BootNotification")
    def on_boot(self, **fields: Any) -> Any:
        self.log.append(("BootNotification", fields))
        return result_16.BootNotification(current_time=now(), interval=300, status="Accepted")

    @on("Heartbeat")
    def on_heartbeat(self) -> Any:
        self.log.append(("Heartbeat", {}))
        return result_16.Heartbeat(current_time=now())

    @on("StatusNotification")
    def on_status(self, **fields: Any) -> Any:
        self.log.append(("StatusNotification", fields))
        return result_16.StatusNotification()

    @on("Authorize")
    def on_authorize(self, **fields: Any) -> Any:
        self.log.append(("Authorize", fields))
        return result_16.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def on_start(self, **fields: Any) -> Any:
        self.log.append(("StartTransaction", fields))
        self.transaction_ids.append(self.new_number())
        return result_16.StartTransaction(
            transaction_id=self.transaction_ids[-1], id_tag_info={"status": "Accepted"}
        )

    @on("MeterValues")
    def on_meter_values(self, **fields: Any) -> Any:
        self.log.append(("MeterValues", fields))
        return result_16.MeterValues()

    @on("StopTransaction")
    def on_stop(self, **fields: Any) -> Any:
        self.log.append(("StopTransaction", fields))
        return result_16.StopTransaction()

    async def stop_transaction(self, transaction_id: int | str) -> str:
        """Stop a session remotely; returns the charger's status."""
        answer = await self.call(call_16.RemoteStopTransaction(transaction_id=int(transaction_id)))
        return str(answer.status)


class _Csms2:
    """Handlers that 2.0.1 and 2.1 share; ``results`` is the package's module of answers."""

    results: Any
    calls: Any
    log: list[tuple[str, dict[str, Any]]]
    transaction_ids: list[str]

    @on("BootNotification")
    def on_boot(self, **fields: Any) -> Any:
        self.log.append(("BootNotification", fields))
        return self.results.BootNotification(current_time=now(), interval=300, status="Accepted")

    @on("Heartbeat")
    def on_heartbeat(self) -> Any:
        self.log.append(("Heartbeat", {}))
        return self.results.Heartbeat(current_time=now())

    @on("StatusNotification")
    def on_status(self, **fields: Any) -> Any:
        self.log.append(("StatusNotification", fields))
        return self.results.StatusNotification()

    @on("Authorize")
    def on_authorize(self, **fields: Any) -> Any:
        self.log.append(("Authorize", fields))
        return self.results.Authorize(id_token_info={"status": "Accepted"})

    @on("TransactionEvent")
    def on_event(self, **fields: Any) -> Any:
        self.log.append(("TransactionEvent", fields))
        if fields["event_type"] == "Started":
            self.transaction_ids.append(fields["transaction_info"]["transaction_id"])
        info = {"status": "Accepted"} if "id_token" in fields else None
        return self.results.TransactionEvent(id_token_info=info)

    async def stop_transaction(self, transaction_id: int | str) -> str:
        """Stop a session remotely; returns the charger's status."""
        request = self.calls.RequestStopTransaction(transaction_id=str(transaction_id))
        answer = await self.call(request)  # type: ignore[attr-defined]  # of the package's class beside it
        return str(answer.status)


class Csms201(_Csms2, ocpp.v201.ChargePoint):
    """One 2.0.1 charger at a CSMS."""

    results, calls = result_201, call_201

    def __init__(self, identity: str, connection: ServerConnection, _: Callable[[], int]) -> None:
        super().__init__(identity, connection)
        self.log, self.transaction_ids = [], []


class Csms21(_Csms2, ocpp.v21.ChargePoint):
    """One 2.1 charger at a CSMS."""

    results, calls = result_21, call_21

    def __init__(self, identity: str, connection: ServerConnection, _: Callable[[], int]) -> None:
        super().__init__(identity, connection)
        self.log, self.transaction_ids = [], []


AnyCsms = Csms16 | Csms201 | Csms21
_CSMS: dict[str, type[AnyCsms]] = {"ocpp1.6": Csms16, "ocpp2.0.1": Csms201, "ocpp2.1": Csms21}


class PlainCsms:
    """A websocket server that makes one object per connection; ``chargers`` holds the newest of each."""

    def __init__(self, first_transaction_id: int = 1) -> None:
        self.chargers: dict[str, AnyCsms] = {}
        self._numbers = itertools.count(first_transaction_id)
        self._server: Server | None = None

    async def __aenter__(self) -> PlainCsms:
        names = [Subprotocol(name) for name in _CSMS]
        self._server = await serve(self._connected, "127.0.0.1", 0, subprotocols=names)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Its URL; the identity is put behind it."""
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def _connected(self, connection: ServerConnection) -> None:
        if connection.subprotocol is None or connection.request is None:
            return
        identity = connection.request.path.strip("/").split("/")[-1]
        point = _CSMS[connection.subprotocol](identity, connection, lambda: next(self._numbers))
        self.chargers[identity] = point
        try:
            await point.start()
        except ConnectionClosed:
            return


# --- the charger -----------------------------------------------------------------------------


class Charger16(ocpp.v16.ChargePoint):
    """A 1.6 charger. ``stopped`` is set when it has been told to stop."""

    def __init__(self, identity: str, connection: ClientConnection) -> None:
        super().__init__(identity, connection)
        self.stopped = asyncio.Event()
        self.transaction_id = 0

    @on("RemoteStopTransaction")
    def on_remote_stop(self, transaction_id: int) -> Any:
        if transaction_id != self.transaction_id:
            return result_16.RemoteStopTransaction(status="Rejected")
        self.stopped.set()
        return result_16.RemoteStopTransaction(status="Accepted")

    async def boot(self) -> str:
        """Boot and report a status; returns the registration status."""
        answer = await self.call(call_16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        await self.call(call_16.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
        return str(answer.status)

    async def begin(self, id_tag: str) -> int | str:
        """Authorise and start; returns the transaction id."""
        await self.call(call_16.Authorize(id_tag=id_tag))
        answer = await self.call(
            call_16.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=0, timestamp=now())
        )
        self.transaction_id = answer.transaction_id
        return self.transaction_id

    async def meter(self, energy_wh: int) -> None:
        """Send one reading of the running session."""
        reading = {"timestamp": now(), "sampled_value": [{"value": str(energy_wh)}]}
        await self.call(
            call_16.MeterValues(connector_id=1, transaction_id=self.transaction_id, meter_value=[reading])
        )

    async def end(self, energy_wh: int) -> None:
        """Stop the running session."""
        await self.call(
            call_16.StopTransaction(meter_stop=energy_wh, timestamp=now(), transaction_id=self.transaction_id)
        )


class _Charger2:
    """What the 2.0.1 and the 2.1 charger share."""

    calls: Any
    results: Any
    stopped: asyncio.Event
    transaction_id: str
    seq_no: int
    call: Any

    @on("RequestStopTransaction")
    def on_request_stop(self, transaction_id: str) -> Any:
        if transaction_id != self.transaction_id:
            return self.results.RequestStopTransaction(status="Rejected")
        self.stopped.set()
        return self.results.RequestStopTransaction(status="Accepted")

    async def boot(self) -> str:
        """Boot and report a status; returns the registration status."""
        station = {"model": "M", "vendor_name": "V"}
        answer = await self.call(self.calls.BootNotification(charging_station=station, reason="PowerUp"))
        await self.call(
            self.calls.StatusNotification(
                timestamp=now(), connector_status="Available", evse_id=1, connector_id=1
            )
        )
        return str(answer.status)

    async def begin(self, id_tag: str) -> int | str:
        """Authorise and start; returns the transaction id."""
        self.transaction_id, self.seq_no = str(uuid.uuid4()), 0
        token = {"id_token": id_tag, "type": "ISO14443"}
        await self.call(self.calls.Authorize(id_token=token))
        await self._event("Started", "Authorized", id_token=token, evse={"id": 1, "connector_id": 1})
        return self.transaction_id

    async def meter(self, energy_wh: int) -> None:
        """Send one reading of the running session."""
        reading = {"timestamp": now(), "sampled_value": [{"value": float(energy_wh)}]}
        await self._event("Updated", "MeterValuePeriodic", meter_value=[reading])

    async def end(self, energy_wh: int) -> None:
        """Stop the running session."""
        reading = {"timestamp": now(), "sampled_value": [{"value": float(energy_wh)}]}
        await self._event("Ended", "RemoteStop", meter_value=[reading])

    async def _event(self, event_type: str, reason: str, **more: Any) -> None:
        await self.call(
            self.calls.TransactionEvent(
                event_type=event_type,
                timestamp=now(),
                trigger_reason=reason,
                seq_no=self.seq_no,
                transaction_info={"transaction_id": self.transaction_id},
                **more,
            )
        )
        self.seq_no += 1


class Charger201(_Charger2, ocpp.v201.ChargePoint):
    """A 2.0.1 charger."""

    calls, results = call_201, result_201

    def __init__(self, identity: str, connection: ClientConnection) -> None:
        super().__init__(identity, connection)
        self.stopped, self.transaction_id, self.seq_no = asyncio.Event(), "", 0


class Charger21(_Charger2, ocpp.v21.ChargePoint):
    """A 2.1 charger."""

    calls, results = call_21, result_21

    def __init__(self, identity: str, connection: ClientConnection) -> None:
        super().__init__(identity, connection)
        self.stopped, self.transaction_id, self.seq_no = asyncio.Event(), "", 0


AnyCharger = Charger16 | Charger201 | Charger21
_CHARGERS: dict[str, type[AnyCharger]] = {"1.6": Charger16, "2.0.1": Charger201, "2.1": Charger21}


class PlainCharger:
    """``async with PlainCharger(url, "1.6") as charger``: connected, and closed at the end."""

    def __init__(self, url: str, ocpp_version: str) -> None:
        self.url, self.ocpp_version = url, ocpp_version
        self._connection: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AnyCharger:
        self._connection = await connect(
            self.url, subprotocols=[Subprotocol(f"ocpp{self.ocpp_version}")], proxy=None
        )
        charger = _CHARGERS[self.ocpp_version](self.url.rsplit("/", 1)[-1], self._connection)
        self._reading = asyncio.create_task(self._read(charger))
        return charger

    async def __aexit__(self, *_: object) -> None:
        assert self._connection is not None
        assert self._reading is not None
        await self._connection.close()
        await self._reading

    @staticmethod
    async def _read(charger: AnyCharger) -> None:
        try:
            await charger.start()
        except ConnectionClosed:
            return
