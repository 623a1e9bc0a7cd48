"""What was answered to a request with an Idempotency-Key, for who sends it again."""

from __future__ import annotations

from django.db import models


class IdempotentRequest(models.Model):
    """A request that is done once. ``owner``: the token's or person's name; ``status`` None while it runs."""

    owner = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    location = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.owner}: {self.key}"
