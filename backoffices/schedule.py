"""When the periodic tasks of the links run: entries of Celery's ``beat_schedule``.

A task that comes late is worthless, the next one repeats it: hence ``expires``.
"""

from __future__ import annotations

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "maintain_links": {
        "task": "backoffices.tasks.maintain_links",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "deliver_backlog": {
        "task": "backoffices.tasks.deliver_backlog",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "read_log": {
        "task": "backoffices.tasks.read_log",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "make_events": {
        "task": "backoffices.tasks.make_events",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "send_webhooks": {
        "task": "backoffices.tasks.send_webhooks",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "expire_deliveries": {
        "task": "backoffices.tasks.expire_deliveries",
        "schedule": 3600.0,
        "options": {"expires": 30.0},
    },
    "keep_up": {
        "task": "backoffices.tasks.keep_up",
        "schedule": 3600.0,
        "options": {"expires": 30.0},
    },
    "note_migrations": {
        "task": "backoffices.tasks.note_migrations",
        "schedule": 300.0,
        "options": {"expires": 30.0},
    },
    "take_snapshot": {
        "task": "backoffices.tasks.take_snapshot",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "recount_waiting": {
        "task": "backoffices.tasks.recount_waiting",
        "schedule": 60.0,
        "options": {"expires": 30.0},
    },
    "sample_backoffices": {
        "task": "backoffices.tasks.sample_backoffices",
        "schedule": 60.0,
        "options": {"expires": 30.0},
    },
}
