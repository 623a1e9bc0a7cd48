"""From drafts to events: whose they are, and what programs get of chargers and sessions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Prefetch
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from routing.api.transactions import TransactionSerializer
from routing.models import Event, Reading, RouteTransaction, Transaction
from routing.webhooks.service import fits
from routing.webhooks.states import Draft

RECENT = timedelta(minutes=15)
"""Readings older than this say nothing of now."""

AT_ONCE = 500


def new(drafts: Iterable[Draft]) -> list[Draft]:
    """Those of which there is no event yet, in the order in which they happened."""
    found = {draft.key: draft for draft in drafts}
    keys = list(found)
    for start in range(0, len(keys), AT_ONCE):
        told = Event.objects.filter(key__in=keys[start : start + AT_ONCE]).values_list("key", flat=True)
        for key in told:
            del found[key]
    return sorted(found.values(), key=lambda draft: draft.at)


def events(drafts: Sequence[Draft]) -> list[Event]:
    """Events that are not stored yet; none of chargers that are gone."""
    if not drafts:
        return []
    chargers = apps.get_model("chargers", "Charger")._default_manager.in_bulk(
        {draft.charger for draft in drafts if draft.charger is not None}
    )
    sessions = _sessions({draft.session for draft in drafts if draft.session is not None})
    there = [draft for draft in drafts if draft.charger is None or draft.charger in chargers]
    return [_event(draft, chargers.get(draft.charger), sessions) for draft in there]


def _event(draft: Draft, charger: Any, sessions: Mapping[UUID, dict[str, Any]]) -> Event:
    said = dict(draft.data)
    organisation = draft.organisation
    if charger is not None:
        organisation = charger.organisation_id
        said = {"charger": {"uuid": charger.uuid, "identity": charger.identity}} | said
    if draft.session is not None:
        said |= sessions.get(draft.session, {})
    return fits(
        Event(
            type=draft.type,
            at=draft.at,
            organisation_id=organisation,
            charger_id=draft.charger,
            key=draft.key,
            data=said,
        )
    )


def _sessions(keys: set[UUID]) -> dict[UUID, dict[str, Any]]:
    """What programs get of sessions, cards masked, with the last readings of each."""
    if not keys:
        return {}
    known = RouteTransaction.objects.select_related("route__backoffice")
    rows = Transaction.objects.filter(pk__in=keys).select_related("charger", "owner__backoffice")
    readings = _readings(keys)
    found = {}
    for row in rows.prefetch_related(Prefetch("route_transactions", known)):
        row.sees_cards = False  # type: ignore[attr-defined]  # as the API's own query annotates it
        said = json.loads(JSONRenderer().render(TransactionSerializer(row, context={"request": None}).data))
        found[row.pk] = {"transaction": said, "reading": readings.get(row.pk)}
    return found


def _readings(keys: set[UUID]) -> dict[UUID | None, dict[str, Any]]:
    """The newest reading of each session, without what it does not say."""
    rows = Reading.objects.filter(transaction_id__in=keys, at__gte=timezone.now() - RECENT).order_by("at")
    return {
        row.transaction_id: {
            "at": row.at,
            **{name: value for name in Reading.FIGURES if (value := getattr(row, name)) is not None},
        }
        for row in rows
    }
