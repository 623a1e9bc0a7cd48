"""The Runtime: all sessions of one process, on one loop.

A session is opened when a charger's socket is attached, or when a backoffice still waits for
deliveries of a charger that is away; it leaves memory when it is idle. Whoever opens or drops the
session of a charger takes that charger's turn first, so that two never do it at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

from django.db import DatabaseError

from backoffices import current, records, stopping
from backoffices.care import Care
from backoffices.chores import Chores
from backoffices.commanding import Commander
from backoffices.complaint import Complaint
from backoffices.counting import Counting
from backoffices.handover import Handover
from backoffices.lag import Lag
from backoffices.life import Life, moment
from backoffices.live import Held, Links, Live, Pace, SessionWriter
from backoffices.mailbox import Mailbox
from backoffices.nudging import Nudger
from backoffices.pacing import Pacer
from backoffices.presence import Presence, PresenceBook
from backoffices.trust import Trust, go_on
from routing import loading, memories
from routing.bus import Attach, Attachment, BusUnavailable, ChargerSocket
from routing.core.decisions import Memory
from routing.core.snapshot import ChargerSnapshot
from routing.links import DialTarget
from routing.saying import say
from routing.session import Session
from routing.thinning import thin_deliveries
from routing.threads import DatabaseThreads
from routing.traffic import Traffic
from routing.watching import Watching

logger = logging.getLogger(__name__)

RESTART, MOVED = "service restart", "moved"

LOST = ("dropped", "refused")
"""What the writer calls rows that will never be stored."""

STOP_BATCH = 200
REFRESHED_AT_ONCE = 20
ASKED_AT_ONCE = 50
"""Sessions that say how their routes are before others have their turn of the loop: half a millisecond."""

Claimed = tuple[int, tuple[ChargerSnapshot, dict[int, DialTarget]] | None, Memory]
"""Of a charger: the epoch under which it is ours, its configuration, and what is remembered."""


class Runtime:
    """Sessions by charger (primary key). All methods are called on ``loop``.

    ``about``: what else the process says of itself in its ``report``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dial: Links,
        writer: SessionWriter,
        runtime_id: str,
        *,
        pace: Pace | None = None,
        about: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.loop = loop
        self.id = runtime_id
        self._dial = dial
        self._writer = writer
        self._pace = pace or Pace()
        self._live: dict[int, Live] = {}
        self._threads = DatabaseThreads(name="runtime-db")
        self._presence = PresenceBook(runtime_id, self._threads)
        self.life = Life(runtime_id, self._threads)
        self._complaint = Complaint()
        self.trust = Trust(self._sort_out, self._go_on, lambda: self.life.failed_since)
        self.lag = Lag()
        self._chores = Chores(self.life, self._complaint, self.lag)
        self.mailbox = Mailbox(runtime_id)
        self._handover = Handover(runtime_id, self.mailbox, self.hand_over, self._owners, self._pace.asks)
        self.commands = Commander(loop, runtime_id, self.mailbox, self._threads, self._live)
        self.nudges = Nudger(loop, self.mailbox, self._live)
        self.pacer = Pacer(loop)
        self.traffic = Traffic()
        self.watching = Watching(loop, runtime_id)
        self._about = about
        self._care = Care(self._live, dial, self._threads)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._last_change = 0
        self._stale: set[int] = set()
        self._stopping = False
        self._stopped: asyncio.Future[None] | None = None

    # -- start and stop ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Prove life and follow the configuration. Raises DatabaseError where there is none."""
        self._writer.lost = self._session_lost
        self._dial.may_dial = self.trust.sure
        self._last_change = await self._threads.run(loading.last_config_change)
        await self._prove_life()
        if await self._threads.run(records.may_be_taken):
            self.trust.begin()
        self._chores.every(self._pace.beat, self._prove_life)
        self._chores.every(self._pace.poll, self._follow_configuration)
        self._chores.every(self._pace.poll, self._refresh_stale)
        self._chores.every(self._pace.sweep, self._drop_idle)
        self._chores.every(self._pace.sweep, self.commands.look)
        self._chores.every(self._pace.mourn, self._record_the_dead)
        self._chores.every(self._pace.health, self._tell_health)
        self._chores.every(self._pace.count, Counting(self.traffic, self._threads).store)
        self.mailbox.start()
        current.use(self)

    async def wind_down(self) -> None:
        """Take no more chargers, send nothing new to anybody, and wait a moment for what was asked.

        A backoffice whose answer is not recorded would be asked again after the stop. Chargers stay
        connected, and are answered what the proxy itself can answer, until ``stop``.
        """
        if self._stopping:
            return
        self._stopping = True
        current.leave(self)
        self._chores.cancel()
        self._handover.give_up()
        by = self.loop.time() + self._pace.answers
        with suppress(TimeoutError):
            async with asyncio.timeout_at(by):
                await self.trust.sure()
        sessions = [live.session for live in self._live.values()]
        left = await stopping.answered(sessions, by - self.loop.time())
        if left:
            logger.warning("%d sessions stop without an answer that they wait for", left)

    async def stop(self, code: int = 1012) -> None:
        """End all sessions: chargers with ``code``, backoffices with 1001; store and release everything.

        What the database does not take within ``Pace.stop`` is left to the writer's own stop.
        """
        if self._stopped is not None:
            return await asyncio.shield(self._stopped)
        self._stopped = self.loop.create_future()
        await self.wind_down()
        await asyncio.gather(self.mailbox.stop(), self._stop_sessions(code))
        self.trust.end()
        self._presence.stop()
        try:
            async with asyncio.timeout(self._pace.stop):
                await self._writer.flush()
                await self.commands.settled()
                await self._threads.run(records.release_all, self.id, self._last_words())
        except (TimeoutError, DatabaseError) as error:
            logger.error("The sessions of %s could not be released: %r", self.id, error)
        await self._threads.close()
        self._stopped.set_result(None)

    async def _stop_sessions(self, code: int) -> None:
        """In batches, so that closing sockets get their turn of the loop; openings end by themselves."""
        while self._live:
            for charger in list(self._live)[:STOP_BATCH]:
                self._live.pop(charger).session.stop(code, RESTART)
            await asyncio.sleep(0)

    # -- chargers ----------------------------------------------------------------------------------

    async def attach(self, request: Attach, socket: ChargerSocket) -> Attachment:
        """See ``routing.bus.Bus``. Of several at once the one that asked last wins."""
        async with self._turn(request.charger):
            await self.trust.sure()
            is_old = self.trust.is_old(request.asked_at)
            live = await self._open(request.charger, "connected" if is_old else "nobody")
            live.backlog_until = None
            attachment = live.session.attach(request, socket)
            held = live.attached = Held(attachment, lambda held: self._detached(live, held))
            seen = {"ocpp_version": request.ocpp_version, "remote_address": request.remote_address[:64]}
            self._presence.note(request.charger, Presence(epoch=live.session.epoch, online=True, **seen))
            return held

    def _detached(self, live: Live, held: Held) -> None:
        if live.attached is held:
            live.attached = None
            self._presence.note(live.session.charger, Presence(epoch=live.session.epoch, online=False))

    @asynccontextmanager
    async def _turn(self, charger: int) -> AsyncIterator[None]:
        """The right to open or drop the session of a charger: first come, first served."""
        lock = self._turns.get(charger)
        if lock is None:
            lock = self._turns[charger] = asyncio.Lock()
        async with lock:
            yield

    async def _open(self, charger: int, spares: loading.Spares) -> Live:
        """The session of a charger; its turn is ours. Raises BusUnavailable.

        A handshake that had to wait, for the database or because this process stood still, is older than one
        that another has taken meanwhile.
        """
        if self._stopping:
            raise BusUnavailable(f"runtime {self.id} is stopping; connect again")
        live, pauses = self._live.get(charger), self.trust.pauses
        try:
            if live is not None and await self._is_ours(charger, live):
                return live
            epoch, loaded, memory = await self._take(charger, spares)
        except DatabaseError as error:
            raise BusUnavailable(f"the database does not answer: {type(error).__name__}") from error
        except (loading.UnknownCharger, loading.ServedElsewhere) as error:
            raise BusUnavailable(str(error)) from error
        await self.trust.sure()
        if self.trust.pauses != pauses:
            raise BusUnavailable(f"runtime {self.id} stood still; connect again")
        if loaded is None:
            raise BusUnavailable(f"charger {charger} is switched off or was deleted")
        if self._stopping:  # while it was loaded; all ownership is released by now or in a moment
            raise BusUnavailable(f"runtime {self.id} is stopping; connect again")
        snapshot, targets = loaded
        session = Session(
            loop=self.loop,
            snapshot=snapshot,
            targets=targets,
            memory=memory,
            epoch=epoch,
            writer=self._writer,
            dial=self._dial,
            load_deliveries=lambda load: self._threads.run(memories.load_deliveries, load),
            set_password=lambda route, password: self._threads.run(loading.set_password, route, password),
            thin_deliveries=lambda route, after: self._threads.run(thin_deliveries, route, after),
            pacer=self.pacer,
            traffic=self.traffic,
            trust=self.trust,
            watching=self.watching,
            told=self.commands.told,
        )
        live = self._live[charger] = Live(session, targets)
        return live

    async def _is_ours(self, charger: int, live: Live) -> bool:
        """Claim a session that is in memory; False where another process has had the charger meanwhile."""
        if self.trust.is_alone:
            return True
        try:
            epoch = await self._threads.run(loading.claim, charger, self.id, "living")
        except loading.ServedElsewhere as held:
            epoch = held.epoch
        if epoch != live.session.epoch:
            self._session_lost(charger, live.session.epoch)
        return self._live.get(charger) is live

    async def _take(self, charger: int, spares: loading.Spares) -> Claimed:
        if self.trust.is_alone:
            return await self._threads.run(self._load, charger, spares)
        return await self._handover.take(
            spares, lambda spared: self._threads.run(self._load, charger, spared)
        )

    async def _owners(self, chargers: Iterable[int]) -> Mapping[int, tuple[str, int]]:
        return await self._threads.run(loading.epochs, chargers)

    def _load(self, charger: int, spares: loading.Spares) -> Claimed:
        """In a thread: own it first, so that nobody else writes to what is read then."""
        epoch = loading.claim(charger, self.id, spares)
        loaded = loading.load_charger(charger)
        if loaded is None:
            loading.release(charger, self.id, epoch)
            return epoch, None, Memory()
        return epoch, loaded, memories.load_memory(charger)

    # -- the end of sessions -----------------------------------------------------------------------

    async def _drop_idle(self) -> None:
        """Sessions with nothing connected and nothing to wait for leave memory."""
        away = [(charger, live) for charger, live in self._live.items() if live.attached is None]
        idle = [self._drop_if_idle(charger, live) for charger, live in away if self._is_over(live)]
        await asyncio.gather(*idle)

    def _is_over(self, live: Live) -> bool:
        if live.attached is not None:
            return False
        late = live.backlog_until is not None and self.loop.time() >= live.backlog_until
        return live.session.idle or (late and not self._has_open_link(live.session.charger))

    async def _drop_if_idle(self, charger: int, live: Live) -> None:
        async with self._turn(charger):
            if self._live.get(charger) is live and self._is_over(live):  # it may have come back meanwhile
                await self._drop(charger, live, 1012, RESTART)

    async def hand_over(self, charger: int, epoch: int) -> bool | None:
        """Another process serves the charger from now on: finish the session of this epoch and release it.

        What backoffices were asked is answered and recorded first, if that comes in time. See ``Handover``.
        """
        async with self._turn(charger):
            await self.trust.sure()
            live = self._live.get(charger)
            if live is None or live.session.epoch != epoch:
                return False
            say(logger, live.session.identity, logging.INFO, "another runtime takes over")
            live.session.charger_moved()
            await stopping.answered([live.session], self._pace.moves)
            if self._live.get(charger) is not live:  # it was taken by force, or all end
                return None
            return await self._drop(charger, live, 1012, MOVED) or None

    async def _drop(self, charger: int, live: Live, code: int, reason: str) -> bool:
        """End a session and give its charger up once all it stored is committed; its turn is ours.

        Whether it is nobody's then.
        """
        del self._live[charger]
        live.session.stop(code, reason)
        await self._writer.flush()
        await self._presence.settled()
        with suppress(DatabaseError):  # then it stays ours by name, which does no harm
            return await self._threads.run(loading.release, charger, self.id, live.session.epoch)
        return False

    def _has_open_link(self, charger: int) -> bool:
        return any(link.open for link in self._dial.links if link.target.charger == charger)

    def _session_lost(self, charger: int, epoch: int) -> None:
        """Another runtime has claimed it: its socket and links are the newer ones.

        It may be ours again already, under an epoch after this one.
        """
        live = self._live.get(charger)
        if live is not None and live.session.epoch <= epoch:
            del self._live[charger]
            say(logger, live.session.identity, logging.WARNING, "another runtime has taken over")
            live.session.abandon()

    async def _sort_out(self) -> None:
        """This process stood still: abandon what others have taken meanwhile. Raises DatabaseError."""
        before = list(self._live.items())
        owned = await self._threads.run(records.owned, self.id)
        for charger, live in before:
            if self._live.get(charger) is live and owned.get(charger) != live.session.epoch:
                self._session_lost(charger, live.session.epoch)

    async def _go_on(self) -> None:
        await go_on([live.session for live in self._live.values()])

    # -- configuration -----------------------------------------------------------------------------

    async def refresh_routes(self, chargers: Sequence[int]) -> int:
        """Give live sessions of these chargers their configuration anew; how many there were."""
        done = await asyncio.gather(*(self._refresh(charger) for charger in chargers))
        return sum(done)

    async def _refresh(self, charger: int) -> bool:
        async with self._turn(charger):  # also after one that is being opened with what it read before
            live = self._live.get(charger)
            if live is None:
                return False
            loaded = await self._threads.run(loading.load_charger, charger)
            if self._live.get(charger) is not live:
                return False
            if loaded is not None:
                snapshot, targets = loaded
                live.session.configure(snapshot, targets)
                live.routes = frozenset(targets)
            else:
                say(logger, live.session.identity, logging.INFO, "switched off or deleted")
                await self._drop(charger, live, 1008, "charger switched off")
            return True

    async def _follow_configuration(self) -> None:
        """Changes of single chargers at once; one that concerns all is worked off beside them."""
        last, changed = await self._threads.run(loading.config_changes, self._last_change)
        known = set(self._live) | set(self._turns)
        if None in changed:
            self._stale |= known
        await self.refresh_routes([charger for charger in changed if charger in known])
        self._last_change = last

    async def _refresh_stale(self) -> None:
        while self._stale:
            part = [self._stale.pop() for _ in range(min(REFRESHED_AT_ONCE, len(self._stale)))]
            try:
                await self.refresh_routes(part)
            except BaseException:  # whatever it was, they are as stale as before
                self._stale.update(part)
                raise

    # -- chargers that are away --------------------------------------------------------------------

    async def deliver_backlog(self, limit: int) -> int:
        """Open sessions for chargers that are away but still owe a backoffice something.

        At most ``limit`` of them at once; how many were opened now.
        """
        running = sum(live.backlog_until is not None for live in self._live.values())
        if self._stopping or running >= limit:
            return 0
        chargers = await self._threads.run(records.backlog_chargers, self.id, limit)
        wanted = [charger for charger in chargers if charger not in self._live][: limit - running]
        opened = await asyncio.gather(*(self._open_for_backlog(charger) for charger in wanted))
        return sum(opened)

    async def _open_for_backlog(self, charger: int) -> bool:
        async with self._turn(charger):
            if charger in self._live:
                return False
            try:
                version = await self._threads.run(records.last_version, charger)
                live = await self._open(charger, "living")
            except (BusUnavailable, DatabaseError) as error:
                say(logger, charger, logging.WARNING, "its deliveries have to wait: %s", error)
                return False
            live.backlog_until = self.loop.time() + self._pace.backlog
            live.session.deliver_backlog(version)
            return True

    # -- care --------------------------------------------------------------------------------------

    async def maintain_links(self) -> dict[str, int]:
        """Compare sessions, routes and live links, repair what differs; returns ``counts`` and repairs."""
        closed, redialled = self._care.tidy_links()
        stale = [] if self.database_is_away else await self._care.stale_sessions()
        refreshed = await self.refresh_routes(stale)
        return {**self.counts(), "closed": closed, "redialled": redialled, "refreshed": refreshed}

    @property
    def database_is_away(self) -> bool:
        """Whether that is known by now. May be asked on any thread."""
        return self._complaint.is_made or self.life.away_s is not None

    def serves(self, charger: int) -> bool:
        """Whether the session of this charger is here."""
        return charger in self._live

    def counts(self) -> dict[str, int]:
        """Sessions, chargers that are online, links, links that are open."""
        links = self._dial.links
        return {
            "sessions": len(self._live),
            "online": sum(live.attached is not None for live in self._live.values()),
            "links": len(links),
            "open_links": sum(link.open for link in links),
        }

    def report(self) -> dict[str, Any]:
        """What this process says of itself, as ``RuntimeProcess.report`` keeps it.

        ``about``, ``counts``, and by name: ``frames`` and ``comings`` (Traffic), ``writer`` (Writer.counts),
        ``database`` (Life.database).
        """
        return {
            **self._about(),
            **self.counts(),
            "frames": self.traffic.counts(),
            "comings": self.traffic.comings(),
            "writer": dict(self._writer.counts()),
            "database": self.life.database(),
            "redis_away": self.mailbox.is_away,
        }

    def _last_words(self) -> dict[str, Any] | None:
        """The report that stays when this is gone; None where nothing was lost."""
        report = self.report()
        lost = any(report["writer"].get(name) for name in LOST)
        return {**report, "stopped_at": moment().utc.isoformat()} if lost else None

    async def _tell_health(self) -> None:
        """Have stored how routes are; not asked again before it is, so that nothing heaps up."""
        anything = False
        for number, live in enumerate(tuple(self._live.values()), 1):
            anything |= live.session.tell_health()
            if number % ASKED_AT_ONCE == 0:
                await asyncio.sleep(0)
        if anything:
            await self._writer.flush()

    # -- chores ------------------------------------------------------------------------------------

    async def _prove_life(self) -> None:
        report = {**self.report(), "loop_lag_ms": round(self.lag.take_worst_s() * 1000, 1)}
        was_silent = await self.life.prove(report)
        self._complaint.answered()
        if was_silent:
            online = [charger for charger, live in self._live.items() if live.attached is not None]
            await self._threads.run(records.mark_online_again, self.id, online)

    async def _record_the_dead(self) -> None:
        await self._threads.run(records.mark_offline_what_died, self.id)
        await self._threads.run(loading.forget_old_changes)
