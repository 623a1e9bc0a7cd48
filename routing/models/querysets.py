"""Whose rows of chargers a user sees."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from accounts.querysets import OwnedQuerySet

ModelT = TypeVar("ModelT", bound=models.Model)


class ChargerRowQuerySet(OwnedQuerySet[ModelT]):
    """Rows with a ``charger``."""

    owner = "charger__organisation"
