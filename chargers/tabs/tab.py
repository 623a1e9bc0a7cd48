"""What a tab of a charger's page is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

if TYPE_CHECKING:
    from chargers.models import Charger

Shown = Callable[[HttpRequest, "Charger"], Mapping[str, Any]]
Done = Callable[[HttpRequest, "Charger"], HttpResponse]


def tab_address(charger_key: int, slug: str) -> str:
    """Where a tab of a charger (its primary key) is, if it has a page of its own."""
    return reverse("admin:chargers_charger_tab", args=[charger_key, slug])


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A tab: a page of its own under ``<charger>/<slug>/``, or a link to one elsewhere.

    ``context`` gives what ``template`` shows (which extends ``admin/chargers/charger/tab.html``). ``pieces``
    are GET addresses ``<slug>/<name>/`` for what a page fetches. ``actions`` are POST addresses
    ``<slug>/do/<name>/``: they get a charger that the user may change, and answer with a redirect.
    ``link``: the address of a page elsewhere, in place of ``template``.
    """

    slug: str
    title: Any
    template: str = ""
    context: Shown | None = None
    link: Callable[[Charger], str] | None = None
    pieces: Mapping[str, Done] = field(default_factory=dict)
    actions: Mapping[str, Done] = field(default_factory=dict)
