"""``/metrics``: what is shown to whom, in the format of Prometheus.

Everybody sees totals of this process; names of backoffices and figures of the database are for who
knows PROXY_METRICS_TOKEN.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from backoffices import current
from proxy_site.metrics import installation, process
from proxy_site.metrics.installation import Gatherer
from proxy_site.plain import Answer, Scope

KEPT_S = 1.0
"""How long the figures of the process are told again: nobody keeps the loop busy by asking for them."""

BEARER = "bearer "


class Refused(Exception):
    """The credentials are not right; the message says what to do."""


def is_known(scope: Scope) -> bool:
    """Whether the request carries the token; False where it carries none. Raises Refused."""
    given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    if given is None:
        return False
    token = settings.PROXY_METRICS_TOKEN
    if not token:
        raise Refused("no token is set here; set PROXY_METRICS_TOKEN, or ask without Authorization")
    scheme, text = given[: len(BEARER)].decode("latin-1"), given[len(BEARER) :].strip()
    if scheme.lower() != BEARER or not hmac.compare_digest(text, token.encode()):
        raise Refused('this is not the token; expected "Authorization: Bearer " and PROXY_METRICS_TOKEN')
    return True


class _Ready(Collector):
    """Hands over what was collected already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def rendered(found: Iterable[Metric]) -> str:
    """As Prometheus reads it. Raises ValueError where a name comes twice."""
    registry = CollectorRegistry(auto_describe=True)
    for metric in found:
        registry.register(_Ready([metric]))
    return generate_latest(registry).decode()


class Page:
    """The page of one process."""

    def __init__(self, gatherer: Gatherer, now: Callable[[], float] = time.monotonic) -> None:
        self._gatherer = gatherer
        self._now = now
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")
        self._snapshot: process.Snapshot | None = None
        self._until = 0.0

    async def answer(self, scope: Scope) -> Answer:
        """200, or 401 where credentials are given that are not right."""
        try:
            known = is_known(scope)
        except Refused as reason:
            return Answer(401, f"{reason}\n", headers=((b"www-authenticate", b"Bearer"),))
        loop = asyncio.get_running_loop()
        taken = self._taken(loop)
        is_there = taken.database_away_s is None  # else nobody has to wait to learn it once more
        figures = await self._gatherer.figures() if known and is_there else None
        found = self._metrics(taken, figures, known=known)
        text = await loop.run_in_executor(self._threads, rendered, found)
        return Answer(200, text, CONTENT_TYPE_LATEST)

    def _taken(self, loop: asyncio.AbstractEventLoop) -> process.Snapshot:
        if self._snapshot is None or self._now() >= self._until:
            self._snapshot = process.snapshot(loop, current.get())
            self._until = self._now() + KEPT_S
        return self._snapshot

    @staticmethod
    def _metrics(
        taken: process.Snapshot, figures: installation.Figures | None, *, known: bool
    ) -> Iterator[Metric]:
        """In a thread, while iterated. ``figures``: None where the database was not asked, or is away."""
        yield from process.of_system()
        yield from process.metrics(taken)
        yield from process.database(taken.database_away_s, answers=figures is not None or not known)
        if known:
            told = {key: str(taken.report.get(key, "")) for key in ("version", "role", "host")}
            yield InfoMetricFamily("ocpp_proxy", "The process that answers.", told)
            yield from process.by_backoffice(taken)
        if figures is not None:
            yield from installation.metrics(figures)


page = Page(Gatherer())
