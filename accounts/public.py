"""What programs know a row by: the API's addresses name rows by ``uuid``, never by primary key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.db import models


class PublicModel(models.Model):
    """A row that the API serves. ``uuid`` never changes and is never given again."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)

    class Meta:
        abstract = True


def name_them(app: str, *names: str) -> Callable[[Any, Any], None]:
    """For a migration: give rows that were there before a ``uuid`` each."""

    def name(apps: Any, schema_editor: Any) -> None:
        for model in (apps.get_model(app, name) for name in names):
            rows = list(model._default_manager.filter(uuid=None).only("pk"))
            for row in rows:
                row.uuid = uuid4()
            models.QuerySet(model).bulk_update(rows, ["uuid"], batch_size=500)

    return name
