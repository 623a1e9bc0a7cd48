"""A model field whose value is encrypted in the database."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    _Field = models.Field[bytes | None, bytes | None]
else:
    _Field = models.Field


class Unreadable(ValueError):
    """A stored secret that none of the configured keys decrypts."""


class Sealed:
    """A secret as the database holds it, ``v1:<key id>:<token>``; opened only where it is used."""

    def __init__(self, stored: str) -> None:
        self.stored = stored

    def __repr__(self) -> str:
        return "<sealed>"

    def open(self) -> bytes:
        """The secret. Raises Unreadable when its key is missing or the text was damaged."""
        version, _, rest = self.stored.partition(":")
        key_id, _, token = rest.partition(":")
        if version != "v1" or not token:
            raise Unreadable(
                "a stored secret does not have the form v1:<key id>:<token>; set the password again"
            )
        try:
            return _fernet(_keys()).decrypt(token)
        except InvalidToken:
            known = ", ".join(_key_id(key) for key in _keys())
            raise Unreadable(
                f"a stored secret was encrypted with key {key_id}, FIELD_ENCRYPTION_KEYS has {known}; "
                "put that key back (the last place will do) or set the password again"
            ) from None


def seal(secret: bytes) -> Sealed:
    """Encrypt with the first of FIELD_ENCRYPTION_KEYS."""
    keys = _keys()
    return Sealed(f"v1:{_key_id(keys[0])}:{_fernet(keys).encrypt(secret).decode()}")


def _keys() -> tuple[str, ...]:
    keys = tuple(settings.FIELD_ENCRYPTION_KEYS)
    if not keys:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS is empty; a key is 32 random bytes in URL-safe base64: "
            'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        )
    return keys


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


@lru_cache(maxsize=8)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


class _OpenOnAccess(DeferredAttribute):
    """Decrypts when the attribute is read, so that lists and joins never touch a secret."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            super().__get__(instance, cls)  # deferred: fetches it
        value = instance.__dict__[self.field.attname]
        return value.open() if isinstance(value, Sealed) else value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedField(_Field):
    """Bytes in Python, ``v1:<key id>:<token>`` in the database.

    The first of FIELD_ENCRYPTION_KEYS encrypts, all of them decrypt. Reading the attribute raises
    ``Unreadable`` when no key fits; loading and saving the row does not. ``values()`` gives
    ``Sealed`` objects. Nothing can be looked up but whether there is a value.
    """

    descriptor_class = _OpenOnAccess
    is_secret = True  # accounts.telling asks

    def get_internal_type(self) -> str:
        return "TextField"

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name in ("isnull", "exact") else None

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return model_instance.__dict__.get(self.attname)

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Sealed):
            return value.stored
        if not isinstance(value, bytes):
            raise TypeError(f"{self.name} takes bytes, not {type(value).__name__}; encode text as UTF-8")
        return seal(value).stored

    def value_to_string(self, obj: models.Model) -> str:
        """For serialisers (dumpdata): what the database holds, never the secret."""
        return self.get_prep_value(obj.__dict__.get(self.attname)) or ""

    def to_python(self, value: Any) -> Any:
        return Sealed(value) if isinstance(value, str) and value else value or None
