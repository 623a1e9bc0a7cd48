"""What the environment says: ``.env``, secrets of our own making, and the values derived from both."""

import base64
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _token() -> str:
    return secrets.token_urlsafe(48)


#: The secrets that are made at first start when nobody gives them.
GENERATED: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": _token,
    "FIELD_ENCRYPTION_KEYS": _fernet_key,
    "PROXY_CREDENTIAL_PEPPERS": _token,
}


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _create(path: Path, values: Mapping[str, str]) -> bool:
    """Write ``values`` in one step, readable by the owner alone; False if somebody else was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("# Made at first start. Without it stored credentials can't be read: back it up.\n")
        file.writelines(f"{name}={value}\n" for name, value in values.items())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike rename, it fails where the file exists: two first starts at once agree
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    return True


def secrets_from(environ: Mapping[str, str], path: Path) -> dict[str, str]:
    """Each secret of :data:`GENERATED`: as given in ``environ``, else kept in the file ``path``.

    The file is made, with a line on standard error, if one of them is neither given nor kept.
    Raises ``RuntimeError`` if the file exists and lacks one: it may have been cut short, and a new
    key would make what the old one encrypted unreadable.
    """
    given = {name: environ[name] for name in GENERATED if environ.get(name)}
    missing = [name for name in GENERATED if name not in given]
    if not missing:
        return given
    kept = _read(path)
    if not kept and _create(path, {name: make() for name, make in GENERATED.items()}):
        sys.stderr.write(f"Made new secrets in {path}: back this up, stored credentials need it.\n")
    kept = kept or _read(path)
    for name in missing:
        if not kept.get(name):
            raise RuntimeError(
                f"{path} has no {name}: restore the file from a backup, or set {name} in the environment"
            )
    return {**{name: kept[name] for name in missing}, **given}
