"""A simulated charger: what all OCPP versions have in common."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from simulators import schemas
from simulators.charger.car import Car, Reading
from simulators.charger.configuration import Configuration
from simulators.charger.errors import CallFailed, NotConnected
from simulators.charger.outbox import Outbox, Queued
from simulators.charger.points import call_error, call_result
from simulators.charger.profiles import Profiles
from simulators.charger.state import Connector, Habits, Transaction
from simulators.charger.uplink import Dialling, Uplink
from simulators.record import Entry, Record, Where
from simulators.times import utc_now

logger = logging.getLogger(__name__)

Answering = Callable[[dict[str, Any]], dict[str, Any]]


class SimulatedCharger(ABC):
    """A charger to be scripted by a test, or to live on its own (``simulators.charger.life``).

    ``record`` holds every frame of all of its connections. What a backoffice asks is done without
    further ado. Transaction messages wait in ``outbox`` while there is no connection.
    """

    heartbeat_action: Any

    def __init__(self, dialling: Dialling, habits: Habits, configuration: Configuration) -> None:
        self.habits = habits
        self.record = Record()
        self.uplink = Uplink(dialling, self.record, self, self._opened)
        self.configuration = configuration
        self.connectors = {n: Connector(n) for n in range(1, habits.connectors + 1)}
        self.profiles = Profiles()
        self.outbox = Outbox(self.call, self._may_send, attempts=habits.attempts, retry_s=habits.retry_s)
        self.registration = ""
        self.heartbeat_interval_s = 300
        self.firmware_version = habits.firmware_version
        self.local_list: dict[str, str] = {}
        self.local_list_version = 0
        self.authorization_cache: dict[str, str] = {}
        self.failures: list[BaseException] = []
        self.when_idle: list[Callable[[], Coroutine[Any, Any, Any]]] = []
        self._registered = asyncio.Event()
        self._reboot_reason = ""
        self._afterwards: list[Coroutine[Any, Any, Any]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._heart: asyncio.Task[Any] | None = None
        self._pump: asyncio.Task[Any] | None = None
        self._answers = self.answers()

    # --- what a version adds ---------------------------------------------------------------

    @abstractmethod
    def answers(self) -> Mapping[str, Answering]:
        """How each CALL from the backoffice is answered, by action."""

    @abstractmethod
    def boot_call(self, reason: str) -> Any:
        """A BootNotification."""

    @abstractmethod
    def status_call(self, connector: Connector) -> Any:
        """A StatusNotification."""

    @abstractmethod
    def authorize_call(self, id_tag: str) -> Any:
        """An Authorize."""

    @abstractmethod
    def verdict(self, answer: Any) -> str:
        """The authorisation status in an answer, "Accepted" where it holds none."""

    @abstractmethod
    def start_call(self, transaction: Transaction, reading: Reading, offline: bool) -> Callable[[], Any]:
        """What makes the message that begins a transaction."""

    @abstractmethod
    def meter_call(self, connector: Connector, reading: Reading, offline: bool) -> Callable[[], Any]:
        """What makes the message with a reading of the meter."""

    @abstractmethod
    def stop_call(
        self, transaction: Transaction, reading: Reading, reason: str, offline: bool
    ) -> Callable[[], Any]:
        """What makes the message that ends a transaction."""

    def begun(self, transaction: Transaction, answer: Any) -> None:
        """Take over what the answer to the start says. Versions add to it."""
        transaction.accepted = self.verdict(answer) == "Accepted"

    # --- connection ------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """The charger's identity toward what it is connected to."""
        return self.uplink.dialling.identity

    @property
    def ocpp_version(self) -> str:
        """The OCPP version it speaks."""
        return self.uplink.dialling.ocpp_version

    @property
    def is_online(self) -> bool:
        """Whether there is a connection now."""
        return self.uplink.online.is_set()

    @property
    def is_busy(self) -> bool:
        """Whether a transaction runs on any connector."""
        return any(connector.transaction for connector in self.connectors.values())

    async def __aenter__(self) -> SimulatedCharger:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self, *, patient: bool = False) -> None:
        """Connect and stay connected. Raises NotAdmitted, unless ``patient``."""
        if self._pump is None:
            self._pump = self.spawn(self.outbox.run())
        await self.uplink.connect(patient=patient)

    async def disconnect(self) -> None:
        """Go offline, with what waits in the outbox kept, until ``connect``."""
        await self.uplink.disconnect()

    async def close(self) -> None:
        """End the charger. Raises what went wrong in its background work, so that a test fails."""
        await self.uplink.disconnect()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self.failures:
            raise self.failures[0]

    async def call(self, payload: Any) -> Any:
        """Send a CALL of the ``ocpp`` package. Raises NotConnected, NoAnswer or Refused."""
        return await self.uplink.call(payload)

    async def call_exact(self, action: str, payload: dict[str, Any]) -> Any:
        """Send a CALL with a payload as on the wire; returns the answer's payload likewise."""
        return await self.uplink.call_exact(action, payload)

    async def exchange(self, text: str, timeout_s: float = 10) -> Entry:
        """Send the text of a CALL byte for byte and wait for its answer."""
        return await self.uplink.exchange(text, timeout_s)

    async def wait_for(
        self, action: str, *, count: int = 1, where: Where | None = None, timeout_s: float = 10
    ) -> Entry:
        """The ``count``-th CALL of this action, sent or received, once it is answered."""
        return await self.record.wait_for(
            action, count=count, where=where, answered=True, timeout_s=timeout_s
        )

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something in the background. A CALL that fails is the backoffice's affair, the rest a bug."""
        task = asyncio.create_task(self._quietly(work))
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something once the answer that is being made has been sent."""
        self._afterwards.append(work)

    async def pause(self, seconds: float) -> None:
        """Wait for ``seconds`` of simulated time."""
        await asyncio.sleep(seconds / self.habits.time_scale)

    # --- what a charger says ---------------------------------------------------------------

    async def boot(self, reason: str = "PowerUp", *, persistent: bool = True) -> str:
        """Send BootNotification until accepted (once, if not ``persistent``); returns the status.

        Between attempts it waits the interval it was given. Heartbeats follow an acceptance.
        """
        while True:
            answer = await self.call(self.boot_call(reason))
            self._take_registration(str(answer.status), int(answer.interval))
            if self.registration == "Accepted" or not persistent:
                return self.registration
            wait_s = (self.heartbeat_interval_s or 10) / self.habits.time_scale
            try:
                await asyncio.wait_for(self._registered.wait(), wait_s)
            except TimeoutError:
                continue
            return self.registration

    async def status(self, connector_id: int, status: str, error_code: str = "NoError") -> None:
        """Set a connector's status and report it. Raises NotConnected and the like."""
        connector = self.connector(connector_id)
        connector.status, connector.error_code, connector.unreported = status, error_code, True
        await self.call(self.status_call(connector))
        connector.unreported = False

    async def report_statuses(self, *, all_of_them: bool = True) -> None:
        """Report the status of each connector, or of those only that changed unseen."""
        for connector in self.connectors.values():
            if all_of_them or connector.unreported:
                await self.status(connector.number, connector.status, connector.error_code)

    async def heartbeat(self) -> Any:
        """Send a Heartbeat; returns its answer."""
        return await self.call(self.heartbeat_action())

    async def authorize(self, id_tag: str) -> bool:
        """Whether this card may charge: asked, or while offline by local list, cache and setting."""
        try:
            status = self.verdict(await self.call(self.authorize_call(id_tag)))
        except NotConnected:
            known = self.local_list.get(id_tag) or self.authorization_cache.get(id_tag)
            status = known or ("Accepted" if self.allows_unknown_offline() else "Invalid")
        else:
            self.authorization_cache[id_tag] = status
        return status == "Accepted"

    def allows_unknown_offline(self) -> bool:
        """Whether a card nobody knows may charge while the charger is offline."""
        names = ("AllowOfflineTxForUnknownId", "AuthCtrlr.OfflineTxForUnknownIdEnabled")
        return any(self.configuration.is_true(name) for name in names)

    async def start(
        self,
        connector_id: int,
        id_tag: str,
        meter_wh: int | None = None,
        *,
        remote_start_id: int | None = None,
    ) -> Transaction:
        """Begin a transaction; returns when it is answered, or at once while offline.

        A transaction that the backoffice does not accept is stopped, as StopTransactionOnInvalidId says.
        """
        connector = self.connector(connector_id)
        if meter_wh is not None:
            connector.car.energy_wh = meter_wh
        reading = self.read(connector_id)
        transaction = Transaction(
            connector_id, id_tag, reading.energy_wh, datetime.now(UTC), remote_start_id=remote_start_id
        )
        connector.transaction = transaction
        connector.reservation = None
        build = self.start_call(transaction, reading, not self.is_online)
        queued = self.outbox.put(build, lambda answer: self.begun(transaction, answer))
        await self._settled(queued)
        if queued.done.done():
            await self._stop_refused(transaction)
        else:
            queued.done.add_done_callback(lambda _: self.spawn(self._stop_refused(transaction)))
        return transaction

    async def meter(self, connector_id: int, *, energy_wh: int | None = None, seconds: float = 0) -> Reading:
        """Charge for ``seconds`` and send the meter values; ``energy_wh`` sets the register by hand.

        Returns when it is answered, or at once while offline.
        """
        connector = self.connector(connector_id)
        if energy_wh is not None:
            connector.car.energy_wh = energy_wh
        reading = connector.car.advance(seconds, self.limit_w(connector_id))
        await self._settled(self.outbox.put(self.meter_call(connector, reading, not self.is_online)))
        return reading

    async def stop(self, connector_id: int, *, reason: str = "Local", meter_wh: int | None = None) -> None:
        """End the connector's transaction; returns when it is answered, or at once while offline."""
        await self._settled(self._end(connector_id, reason, meter_wh))

    # --- whole sequences, as things happen at a charger ------------------------------------

    async def begin(self, connector_id: int, id_tag: str, *, remote_start_id: int | None = None) -> None:
        """A car is plugged in and charges: statuses around the start."""
        await self._try_status(connector_id, "Preparing")
        transaction = await self.start(connector_id, id_tag, remote_start_id=remote_start_id)
        await self._try_status(connector_id, "Available" if transaction.stopped else "Charging")

    async def finish(self, connector_id: int, reason: str = "Local") -> None:
        """The session ends and the car leaves: statuses around the stop."""
        await self.stop(connector_id, reason=reason)
        await self._try_status(connector_id, "Finishing")
        connector = self.connector(connector_id)
        connector.car = Car(energy_wh=connector.car.energy_wh)
        await self._try_status(connector_id, "Available" if connector.operative else "Unavailable")
        if not self.is_busy:
            waiting, self.when_idle = self.when_idle, []
            for work in waiting:
                self.spawn(work())

    async def reset(self, reason: str, boot_reason: str, *, at_once: bool) -> None:
        """Stop what runs, go away, come back and boot. ``at_once``: the stops are told after the boot."""
        for connector in self.connectors.values():
            if connector.transaction and at_once:
                self._end(connector.number, reason)
            elif connector.transaction:
                await self.stop(connector.number, reason=reason)
        self._take_registration("Rebooting", self.heartbeat_interval_s)
        self._reboot_reason = boot_reason
        await self.uplink.redial()

    # --- state -----------------------------------------------------------------------------

    def connector(self, connector_id: int) -> Connector:
        """A connector by number. Raises ValueError with those there are."""
        if connector_id not in self.connectors:
            there = ", ".join(map(str, self.connectors))
            raise ValueError(f"{self.identity} has no connector {connector_id}; it has {there}")
        return self.connectors[connector_id]

    def read(self, connector_id: int) -> Reading:
        """The connector's meter now."""
        return self.connector(connector_id).car.read(self.limit_w(connector_id))

    def limit_w(self, connector_id: int) -> float:
        """Watts that the charging profiles allow on a connector now."""
        transaction = self.connectors[connector_id].transaction
        began = transaction.started_at if transaction else None
        return self.profiles.limit_w(connector_id, datetime.now(UTC), began)

    def running(self, transaction_id: int | str) -> Connector | None:
        """The connector on which this transaction runs."""
        for connector in self.connectors.values():
            if connector.transaction and connector.transaction.transaction_id == transaction_id:
                return connector
        return None

    def free(self, connector_id: int | None, id_tag: str) -> Connector | None:
        """A connector where this card could start now; None where there is none."""
        for connector in self.connectors.values():
            for_another = connector.reservation is not None and connector.reservation[1] != id_tag
            is_idle = connector.operative and connector.transaction is None
            if connector_id in (None, connector.number) and is_idle and not for_another:
                return connector
        return None

    def meter_interval_s(self) -> int:
        """Seconds of simulated time between meter values in a session, as configured."""
        names = ("MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval")
        return max(1, *(self.configuration.number(name, 0) for name in names))

    def stops_invalid(self) -> bool:
        """Whether a session that the backoffice does not accept is ended."""
        names = ("StopTransactionOnInvalidId", "TxCtrlr.StopTxOnInvalidId")
        return any(self.configuration.is_true(name) for name in names)

    # --- CALLs of the backoffice -----------------------------------------------------------

    def answer(self, call: Entry) -> tuple[str, Callable[[bool], None]]:
        """The answer to a CALL, judged by the schema first, and what follows when it was sent, or was not."""
        version, action = self.ocpp_version, call.action
        handler = self._answers.get(action)
        if handler is None:
            code = "NotSupported" if schemas.is_known(version, action) else "NotImplemented"
            return call_error(call.message_id, code, f"{action} is not in this charger"), _nothing
        wrong = schemas.problems(version, action, call.payload)
        if wrong:
            code = "FormationViolation" if version == "1.6" else "FormatViolation"
            return call_error(call.message_id, code, wrong[0].sentence), _nothing
        text = call_result(call.message_id, handler(call.payload))
        afterwards, self._afterwards = self._afterwards, []

        def go_on(is_sent: bool) -> None:
            for work in afterwards:
                if is_sent:
                    self.spawn(work)
                else:
                    work.close()

        return text, go_on

    def interval_changed(self, seconds: int) -> None:
        """Heartbeats come at this interval from now on; 0 for none."""
        self.heartbeat_interval_s = seconds
        if self._heart:
            self._heart.cancel()
        if self.registration == "Accepted" and seconds > 0:
            self._heart = self.spawn(self._heartbeats(seconds))

    # --- machinery -------------------------------------------------------------------------

    def _opened(self) -> None:
        self.spawn(self._come_back())

    async def _come_back(self) -> None:
        reason, self._reboot_reason = self._reboot_reason, ""
        if reason:
            await self.boot(reason)
        if self.registration == "Accepted":
            await self.report_statuses(all_of_them=bool(reason))

    def _take_registration(self, status: str, interval_s: int) -> None:
        self.registration = status
        if status == "Accepted":
            self._registered.set()
        else:
            self._registered.clear()
        self.interval_changed(interval_s)

    async def _heartbeats(self, seconds: int) -> None:
        while True:
            await self.pause(seconds)
            try:
                await self.heartbeat()
            except CallFailed as error:
                logger.info("%s: heartbeat failed: %s", self.identity, error)

    async def _may_send(self) -> None:
        while True:
            await self.uplink.online.wait()
            if self.registration in ("", "Accepted"):  # "": never booted; some chargers begin before
                return
            await self._registered.wait()

    async def _settled(self, queued: Queued) -> None:
        offline = asyncio.ensure_future(self.uplink.offline.wait())
        await asyncio.wait({queued.done, offline}, return_when=asyncio.FIRST_COMPLETED)
        offline.cancel()

    def _end(self, connector_id: int, reason: str, meter_wh: int | None = None) -> Queued:
        connector = self.connector(connector_id)
        transaction = connector.transaction
        if transaction is None:
            raise ValueError(f"no transaction runs on connector {connector_id}; start one first")
        if meter_wh is not None:
            connector.car.energy_wh = meter_wh
        transaction.stopped, connector.transaction = True, None
        self.profiles.end_transaction(connector_id)
        reading = connector.car.read(0)
        return self.outbox.put(self.stop_call(transaction, reading, reason, not self.is_online))

    async def _stop_refused(self, transaction: Transaction) -> None:
        running = self.connectors[transaction.connector_id].transaction is transaction
        if transaction.accepted is False and running and self.stops_invalid():
            await self.stop(transaction.connector_id, reason="DeAuthorized")

    async def _try_status(self, connector_id: int, status: str) -> None:
        try:
            await self.status(connector_id, status)
        except CallFailed as error:
            logger.info("%s: status %s not reported: %s", self.identity, status, error)

    async def _quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except CallFailed as error:
            logger.info("%s at %s: %s", self.identity, utc_now(), error)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s: %s", self.identity, error, exc_info=error)
            self.failures.append(error)


def _nothing(is_sent: bool) -> None:
    """No work follows."""
