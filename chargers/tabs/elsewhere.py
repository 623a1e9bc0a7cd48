"""Tabs whose pages are somewhere else: messages, sessions, the live view, the form, the history."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chargers.models import Charger
from chargers.tabs.tab import Tab


def _messages(charger: Charger) -> str:
    return f"{reverse('admin:routing_message_changelist')}?{urlencode({'charger': charger.identity})}"


def _sessions(charger: Charger) -> str:
    return f"{reverse('admin:routing_transaction_changelist')}?charger__id__exact={charger.pk}"


def _page(name: str, charger: Charger) -> str:
    return reverse(f"admin:chargers_charger_{name}", args=[charger.pk])


LIVE = Tab(slug="live", title=_("Live"), link=lambda charger: _page("live", charger))
MESSAGES = Tab(slug="messages", title=_("Messages"), link=_messages)
SESSIONS = Tab(slug="sessions", title=_("Sessions"), link=_sessions)
SETTINGS = Tab(slug="settings", title=_("Settings"), link=lambda charger: _page("change", charger))
AUDIT = Tab(slug="audit", title=_("Audit"), link=lambda charger: _page("history", charger))
