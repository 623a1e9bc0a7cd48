"""What the pages about one charger's way in have in common."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from chargers.following import follow, is_done
from chargers.gathering import facts_of
from chargers.models import Charger


def steps_of(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """The steps, for a template and for what a page fetches."""
    steps = follow(facts_of(charger, _user(request)))
    return {"steps": steps, "is_done": is_done(steps)}


def _user(request: HttpRequest) -> Any:
    return request.user


def card_address(charger: Charger) -> str:
    """Where the card with the password is shown, once."""
    return reverse("admin:chargers_charger_piece", args=[charger.pk, "setup", "card"])


def secret_name(charger: Charger) -> str:
    """Under which a password of this charger waits (chargers/onboarding/once.py)."""
    return f"password of charger {charger.pk}"


def kept_nowhere(response: HttpResponse) -> HttpResponse:
    """A page with a secret: no cache keeps it, not even that of the browser."""
    add_never_cache_headers(response)
    return response
