"""What a start does before anything is served: one process per data directory, migrations, the first user."""

import os
import secrets
import socket
import sys
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.acting import Via, acting, system_user

if sys.platform != "win32":
    import fcntl


class AlreadyRunning(Exception):
    """Another process uses the data directory; the message is a sentence that says which."""


def hold(directory: Path) -> IO[str]:
    """A lock on ``directory`` for as long as the returned file is open, or the process lives.

    Raises ``AlreadyRunning``. SQLite serves one proxy; two would take each other's sessions in turn.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (directory / "running").open("a+", encoding="utf-8")
    if sys.platform == "win32":
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(
            f"another proxy (process {pid}) uses {directory}; "
            "stop it, or give this one its own PROXY_DATA_DIR"
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def migrate() -> int:
    """Bring the database to the newest form; how many migrations that took. Cheap where it is none."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    return len(plan)


def create_admin() -> str:
    """Create user ``admin`` where nobody is there yet; its password, "" if there was somebody."""
    users = get_user_model()._default_manager
    if users.exists():
        return ""
    password = settings.PROXY_ADMIN_PASSWORD or secrets.token_urlsafe(12)
    with acting(via=Via.COMMAND, actor_name=f"{system_user()} (first start)"):
        get_user_model().objects.create_superuser(username="admin", email="", password=password)
    return password


def address_for_people(host: str) -> str:
    """Where others reach a process that listens on ``host``; all interfaces stand for the default route's."""
    if host not in ("0.0.0.0", "::", ""):
        return f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses the interface
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
