"""Names of models and fields, help texts and choices in the reader's language, without a mark in every model.

What is written there is English, and the text that is looked up; a field without a name is called what Django
makes of its attribute. Migrations keep the English.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Field, Model
from django.db.models.signals import class_prepared
from django.utils.translation import gettext_lazy

OURS = ("accounts", "backoffices", "chargers", "routing", "proxy_site")


def start() -> None:
    """Give the models that are about to be loaded their names."""
    class_prepared.connect(_name, dispatch_uid="translating")


def _name(sender: type[Model], **_kwargs: Any) -> None:
    if not is_ours(sender):
        return
    options: Any = sender._meta
    # Django adds an "s" to whatever the language says.
    plural = str(options.verbose_name_plural)
    options.verbose_name, options.verbose_name_plural = _lazy(options.verbose_name), gettext_lazy(plural)
    for field in options.local_fields + options.local_many_to_many:
        field.verbose_name, field.help_text = _lazy(field.verbose_name), _lazy(field.help_text)
        if field.choices and not hasattr(field.choices, "func"):  # a function's are made when asked for
            field.choices = [(value, _lazy(label)) for value, label in field.flatchoices]


def _lazy(text: Any) -> Any:
    return gettext_lazy(text) if isinstance(text, str) and text else text


def is_ours(model: type[Model]) -> bool:
    """Whether it is a model of this project, and not one as a migration sees it."""
    return model.__module__.split(".")[0] in OURS


def names() -> Iterator[tuple[str, str]]:
    """Every such text in English, with the module that it stands in. Django's own are left to Django."""
    for model in filter(is_ours, apps.get_models()):
        options = model._meta
        for text in (options.verbose_name, options.verbose_name_plural):
            yield str(text), model.__module__
        for field in (*options.local_fields, *options.local_many_to_many):
            if isinstance(field, Field) and field.name not in _DJANGOS:
                for text in _texts(field):
                    yield text, model.__module__


_DJANGOS = ("password", "last_login", "is_superuser", "groups", "user_permissions", "username", "first_name",
            "last_name", "is_staff", "is_active", "date_joined")  # fmt: skip


def _texts(field: Field[Any, Any]) -> Iterator[str]:
    yield from (str(field.verbose_name), str(field.help_text or ""))
    for value, label in field.flatchoices or []:
        if str(label) != str(value):  # otherwise it is a word of programs
            yield str(label)
