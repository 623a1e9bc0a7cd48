"""Programs that the harness starts, or does without: PostgreSQL, Redis, libfaketime, mount."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import sys


def program(name: str) -> str | None:
    """Where a program is; Debian keeps those of PostgreSQL out of the way."""
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


def faketime() -> str | None:
    """The library that changes what a process's clock says."""
    places = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime")
    found = [one for place in places for one in sorted(glob.glob(f"{place}/libfaketimeMT.so.1"))]
    return found[0] if found and sys.platform == "linux" else None


def postgres_user() -> pwd.struct_passwd | None:
    """PostgreSQL does not run as root; this user has it then."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def no_postgres() -> str:
    """Why no private server can be started here, in words; "" when one can."""
    if program("initdb") is None or program("pg_ctl") is None:
        return "initdb and pg_ctl are not installed"
    if os.geteuid() == 0 and postgres_user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


def no_redis() -> str:
    """Why no private Redis can be started here, in words; "" when one can."""
    return "" if program("redis-server") else "redis-server is not installed"


def no_faketime() -> str:
    """Why no clock can be changed here, in words; "" when it can."""
    return "" if faketime() else "libfaketime is not installed"


def may_mount() -> bool:
    """Whether a small disk can be made; a container may still forbid it."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount") is not None
