"""The whole installation in the admin, for superusers: its processes, upkeep and changes of configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin, RecordAdmin, SuperuserMixin
from routing.loading import RUNTIME_ALIVE
from routing.models import ConfigChange, RuntimeProcess, Upkeep
from routing.upkeep import trouble_of

LOST: Mapping[str, str] = {
    "dropped": "of the audit log lost: there was no room for them",
    "refused": "lost: the database will never take them",
}

ROWS: Mapping[str, str] = {
    "written": "stored",
    "waiting": "waiting in memory",
    "in_spool": "waiting on disk",
    "spooled": "of the audit log put aside on disk while the database was away",
    **LOST,
    "fenced": "not stored: another process had taken the session",
    "batches": "transactions of the database",
    "retries": "times a transaction was tried again",
    "away_s": "seconds since the database has taken anything",
}
"""What the figures of the writer mean; one that is not here is shown by its name."""

FRAMES: Mapping[str, str] = {
    "charger_received": "from chargers",
    "charger_sent": "to chargers",
    "backoffice_received": "from backoffices",
    "backoffice_sent": "to backoffices",
}


class _InstallationAdmin(SuperuserMixin, ReadOnlyAdmin[Any]):
    """Records of the whole installation."""

    has_add_permission = ReadOnlyAdmin.has_add_permission
    has_change_permission = ReadOnlyAdmin.has_change_permission
    has_delete_permission = ReadOnlyAdmin.has_delete_permission


@admin.register(RuntimeProcess)
class RuntimeProcessAdmin(_InstallationAdmin):
    """Processes that run, and those of the last day that died or lost something."""

    list_display = ["id", "is_well", "state", "program", "chargers", "links", "waiting_rows", "lost_rows"]
    ordering = ["-beat_at"]
    fields = [
        *("id", "is_well", "state", "program", "started", "chargers", "links", "rows", "frames"),
        *("lateness", "last_outage"),
    ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        for step in Upkeep.objects.all():
            if trouble := trouble_of(step):
                self.message_user(request, f"Upkeep, {step}: {trouble}", messages.WARNING)
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> Any:
        """By the database's clock, as everything about life is."""
        return super().get_queryset(request).annotate(lives=Q(beat_at__gte=Now() - RUNTIME_ALIVE))

    @admin.display(boolean=True, description=_("well"))
    def is_well(self, process: Any) -> bool:
        away = _part(process, "database").get("away_since")
        return bool(process.lives and not away and not _lost(process))

    @admin.display(description=_("state"), ordering="beat_at")
    def state(self, process: Any) -> str:
        if stopped := process.report.get("stopped_at"):
            return f"Stopped {_shown(stopped)}, listed because it has lost rows."
        if process.lives:
            return "Runs."
        seen = date_format(localtime(process.beat_at), "DATETIME_FORMAT")
        return f"No word since {seen}: it died, or is cut off from the database."

    @admin.display(description=_("program"))
    def program(self, process: RuntimeProcess) -> str:
        report = process.report
        if not report.get("version"):
            return "unknown"
        return f"{report['version']}, {report['role']}, on {report['host']} ({report['pid']})"

    @admin.display(description=_("started"))
    def started(self, process: RuntimeProcess) -> str:
        return _shown(process.report.get("started_at"))

    @admin.display(description=_("chargers"))
    def chargers(self, process: RuntimeProcess) -> str:
        report = process.report
        return f"{report.get('online', 0)} connected, {report.get('sessions', 0)} in memory"

    @admin.display(description=_("links"))
    def links(self, process: RuntimeProcess) -> str:
        report = process.report
        return f"{report.get('open_links', 0)} of {report.get('links', 0)} open"

    @admin.display(description=_("rows waiting"))
    def waiting_rows(self, process: RuntimeProcess) -> str:
        rows = _part(process, "writer")
        waiting, spooled = rows.get("waiting", 0), rows.get("in_spool", 0)
        return f"{waiting}, and {spooled} on disk" if spooled else str(waiting)

    @admin.display(description=_("rows lost"))
    def lost_rows(self, process: RuntimeProcess) -> str:
        return "; ".join(f"{count} {ROWS[cause]}" for cause, count in _lost(process).items()) or "none"

    @admin.display(description=_("rows"))
    def rows(self, process: RuntimeProcess) -> SafeString:
        return _lines(_part(process, "writer"), ROWS)

    @admin.display(description=_("messages"))
    def frames(self, process: RuntimeProcess) -> SafeString:
        return _lines(_part(process, "frames"), FRAMES)

    @admin.display(description=_("lateness"))
    def lateness(self, process: RuntimeProcess) -> str:
        lag = process.report.get("loop_lag_ms")
        return "" if lag is None else f"{lag} ms at most in the last two seconds"

    @admin.display(description=_("database last away"))
    def last_outage(self, process: RuntimeProcess) -> str:
        outage = _part(process, "database").get("last_outage")
        return " to ".join(map(_shown, outage)) if outage else "never since the start"


@admin.register(Upkeep)
class UpkeepAdmin(_InstallationAdmin):
    """What the hourly upkeep has come to, a line for each step."""

    list_display = ["step", "is_well", "trouble", "done_at", "tried_at"]
    fields = ["step", "is_well", "trouble", "done_at", "tried_at"]

    @admin.display(boolean=True, description=_("well"))
    def is_well(self, step: Upkeep) -> bool:
        return not trouble_of(step)

    @admin.display(description=_("trouble"))
    def trouble(self, step: Upkeep) -> str:
        return trouble_of(step) or "none"


@admin.register(ConfigChange)
class ConfigChangeAdmin(_InstallationAdmin):
    list_display = ["id", "charger_id", "at"]
    fields = ["id", "charger_id", "at"]
    paginator = RecordAdmin.paginator


def _part(process: RuntimeProcess, name: str) -> dict[str, Any]:
    """A part of the report; empty where another version of the program does not write it."""
    part: dict[str, Any] = process.report.get(name, {})
    return part


def _lost(process: RuntimeProcess) -> dict[str, int]:
    """How many rows will never be stored, by cause; without those that are none."""
    rows = _part(process, "writer")
    return {cause: rows[cause] for cause in LOST if rows.get(cause)}


def _shown(time: str | None) -> str:
    """A time of a report, as the other times of the admin are shown."""
    return date_format(localtime(datetime.fromisoformat(time)), "DATETIME_FORMAT") if time else ""


def _lines(counts: Mapping[str, Any], words: Mapping[str, str]) -> SafeString:
    ordered = {**{key: counts[key] for key in words if key in counts}, **counts}
    said = ((count, words.get(key, key.replace("_", " "))) for key, count in ordered.items())
    return format_html_join("", "<div>{} {}</div>", said)
