"""What is wrong with the installation itself: processes, Redis, lost rows, upkeep. For superusers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from routing.health import at
from routing.loading import RUNTIME_ALIVE
from routing.models import RuntimeProcess, Upkeep
from routing.upkeep import trouble_of

LIVES = Q(beat_at__gte=Now() - RUNTIME_ALIVE)
"""A process that has proved its life lately, by the database's clock."""

Trouble = tuple[bool, str, str, str]
"""Whether it is urgent, what is wrong, what helps, and on which list (of the app routing) the rest is."""

PROCESSES, UPKEEP = "runtimeprocess", "upkeep"


def troubles() -> Iterator[Trouble]:
    """All of it; two queries."""
    rows = list(RuntimeProcess.objects.annotate(lives=LIVES))
    alive = [row.report for row in rows if row.lives]
    if rows and not alive:
        remedy = _("Start the proxy again (manage.py runproxy); its log says why it ended.")
        yield True, _("No process runs: no charger can connect."), remedy, PROCESSES
    for row in rows:
        if not row.lives and "stopped_at" not in row.report:
            yield bool(not alive), *_died(row), PROCESSES
        yield from _losses(row.report, row.pk)
    for report in alive:
        yield from _of_process(report)
    if len(alive) > 1 and not settings.REDIS_URL:
        remedy = _("Set REDIS_URL for all of them.")
        yield False, _("Several processes run without Redis: live views show a part only."), remedy, PROCESSES
    for step in Upkeep.objects.all():
        if trouble := trouble_of(step):
            yield False, _("Upkeep, %(step)s: %(trouble)s") % {"step": step, "trouble": trouble}, "", UPKEEP


def _died(row: RuntimeProcess) -> tuple[str, str]:
    told = {"process": row.pk, "time": at(row.beat_at, timezone.now())}
    what = _("The process %(process)s has died, or is cut off from the database: no word since %(time)s.")
    return what % told, _("Its chargers have connected again elsewhere if another process runs; see its log.")


def _losses(report: Mapping[str, Any], process: str) -> Iterator[Trouble]:
    writer = report.get("writer", {})
    lost = writer.get("dropped", 0) + writer.get("refused", 0)
    if lost:
        what = _("The process %(process)s has lost %(lost)d rows of the audit log.")
        remedy = _("PROXY_SPOOL_BYTES and the disk decide how much may wait while the database is away.")
        yield True, what % {"process": process, "lost": lost}, remedy, PROCESSES


def _of_process(report: Mapping[str, Any]) -> Iterator[Trouble]:
    if report.get("database", {}).get("away_since"):
        yield True, _("The database did not answer a process just now."), _("See its log."), PROCESSES
    if waiting := report.get("writer", {}).get("in_spool", 0):
        what = _("%(rows)d rows of the audit log wait on disk: the database was away, or is too slow.")
        yield False, what % {"rows": waiting}, _("They are stored by themselves when it is back."), PROCESSES
    if report.get("redis_away"):
        remedy = _("Start Redis again. Chargers stay connected; moves between processes are slower.")
        yield False, _("A process does not reach Redis: live views show a part only."), remedy, PROCESSES
