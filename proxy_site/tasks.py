"""Celery tasks of the process itself."""

from celery import shared_task


@shared_task(expires=2, ignore_result=True)
def wake() -> None:
    """Does nothing: a worker that waits for work looks at its stop flag when some comes, else every 2 s."""
