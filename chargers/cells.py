"""Cells of a line of the list of chargers, as HTML: those of the page, and those of the live badges."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargers.models import Charger
from chargers.standing import (
    BAD,
    LETTERS,
    MARKS,
    Standing,
    link_of,
    place_of,
    since_of,
    standings,
    state_of,
    status_of,
)
from routing.health import RouteHealth
from routing.models import ROLES

Cell = Callable[[Charger, Standing], SafeString]

_ROLES = dict(ROLES)
SHOWN = 3
"""Problems in a line of the list; the overview has all."""


def state(charger: Charger, standing: Standing) -> SafeString:
    """The badge: online or not, and since when."""
    level, words = state_of(charger, standing.health)
    since = since_of(standing.health.since) if charger.enabled else ""
    return format_html('{} <span class="p-quiet p-since">{}</span>', badge(level, words), since)


def badge(level: str, words: str) -> SafeString:
    return format_html('<span class="p-badge{}">{}</span>', f" is-{level}" if level else "", words)


def connectors(charger: Charger, standing: Standing) -> SafeString:
    """Each connector with its state in words; the whole charger only where something is wrong with it."""
    rows = [row for row in standing.connectors if row.connector_id or row.status == "Faulted"]
    if not rows:
        return format_html('<span class="p-quiet">{}</span>', _("none reported"))
    lines = []
    for row in rows:
        level, words = status_of(row)
        place = f"{row.evse_id}/{row.connector_id}" if row.evse_id else str(row.connector_id)
        lines.append((place_of(row), f" is-{level}" if level else "", place, words))
    return format_html_join(
        "", '<span class="c-line" title="{}"><span class="p-dot{}"></span> {} {}</span>', lines
    )


def routes(charger: Charger, standing: Standing) -> SafeString:
    """One sign per route: the letter of its role, and how it is, in full for who points or listens."""
    if not standing.health.routes:
        return format_html('<span class="p-quiet">{}</span>', _("no route"))
    signs = [sign(route, online=standing.health.online) for route in standing.health.routes]
    return format_html(
        '<span class="c-signs">{}</span>', format_html_join(" ", "{}", ((one,) for one in signs))
    )


def sign(route: RouteHealth, *, online: bool) -> SafeString:
    """A route as ``B●``."""
    level, words = link_of(route, online=online)
    role = _(_ROLES.get(route.role, route.role))
    return format_html(
        '<span class="c-sign{}" title="{}: {} ({})"><span aria-hidden="true">{}{}</span>'
        '<span class="p-hidden">{} ({}): {}</span></span>',
        f" is-{level}" if level else "", route.backoffice, route.is_like, role,
        LETTERS.get(route.role, "?"), MARKS[level], route.backoffice, role, words,
    )  # fmt: skip


def problems(charger: Charger, standing: Standing) -> SafeString:
    """What is wrong now, the most urgent first."""
    found = standing.problems
    if not found:
        return format_html('<span class="p-quiet">{}</span>', _("nothing"))
    lines = [
        ("is-bad" if one.level == BAD else "is-quiet", f"{one.words} {one.remedy}".strip(), one.words)
        for one in found[:SHOWN]
    ]
    more = len(found) - SHOWN
    if more > 0:
        lines.append(("is-quiet", "", ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more}))
    return format_html_join("", '<span class="c-line {}" title="{}">{}</span>', lines)


CELLS: Mapping[str, Cell] = {
    "state": state,
    "connectors": connectors,
    "routes": routes,
    "problems": problems,
}
"""What changes by itself, by the name that the page gives it."""


def cell(name: str, charger: Charger, standing: Standing) -> SafeString:
    """A cell of the page, marked so that the live badges find it."""
    return format_html(
        '<div class="c-cell" data-charger="{}" data-cell="{}">{}</div>',
        charger.pk, name, CELLS[name](charger, standing),
    )  # fmt: skip


def as_json(charger: Charger, standing: Standing) -> dict[str, object]:
    """A charger as the live badges get it: ``online``, and ``cells`` as HTML by their name."""
    cells = {name: str(draw(charger, standing)) for name, draw in CELLS.items()}
    return {"id": charger.pk, "online": standing.health.online, "cells": cells}


def rendered(keys: list[int]) -> list[dict[str, object]]:
    """These chargers as the live badges get them; a caller has seen to it that their user may see them."""
    rows = list(Charger.objects.filter(pk__in=keys).select_related("session"))
    known = standings(rows)
    return [as_json(row, known[row.pk]) for row in rows]


def name(charger: Charger) -> SafeString:
    """The label, and under it the identity; or the identity alone."""
    if not charger.label:
        return format_html("<strong>{}</strong>", charger.identity)
    return format_html(
        '<strong>{}</strong><br><span class="p-quiet">{}</span>', charger.label, charger.identity
    )


def hardware(standing: Standing) -> SafeString | str:
    """Maker, model and firmware as the charger said them when it booted."""
    boot = standing.boot
    what = " ".join(part for part in (boot.vendor, boot.model) if part)
    if not (what or boot.firmware):
        return format_html('<span class="p-quiet">{}</span>', _("not said yet"))
    lines = [(line,) for line in (what, boot.firmware) if line]
    return format_html_join(mark_safe("<br>"), "{}", lines)
