"""What is to be translated: found in Python, templates, models and tables, as gettext's tools would not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import Engine
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation

from proxy_site.translating.catalogue import Entry, Key
from proxy_site.translating.naming import OURS, names
from proxy_site.translating.tables import tabled

_SINGLE = ("_", "gettext", "gettext_lazy", "gettext_noop")
_PLURAL = ("ngettext", "ngettext_lazy")
_WITH_CONTEXT = ("pgettext", "pgettext_lazy")

Found = tuple[Entry, str]
"""A text, and the file that it stands in."""


def wanted() -> list[Entry]:
    """All that is to be translated, by the first file that has it and by its English."""
    places: dict[Key, set[str]] = {}
    entries: dict[Key, Entry] = {}
    with translation.override(None):  # what is lazy says its English
        found = list(_all())
    for entry, place in found:
        known = entries.get(entry.key)
        if entry.english and (known is None or not known.plural):
            entries[entry.key] = entry
        places.setdefault(entry.key, set()).add(place)
    whole = [
        Entry(one.english, one.texts, one.plural, one.context, tuple(sorted(places[key])))
        for key, one in entries.items()
    ]
    return sorted(whole, key=lambda entry: (entry.places[0], entry.key))


def _all() -> Iterator[Found]:
    for path in _files("*.py"):
        yield from ((entry, _place(path)) for entry in in_python(path.read_text()))
    for path in _files("*.html", "*.txt"):
        yield from ((entry, _place(path)) for entry in in_template(path.read_text()))
    for text, module in names():
        yield Entry(text), module.replace(".", "/") + ".py"
    for text, place in tabled():
        yield Entry(text), place


def _files(*patterns: str) -> Iterator[Path]:
    for package in OURS:
        for pattern in patterns:
            yield from sorted((Path(settings.BASE_DIR) / package).rglob(pattern))


def _place(path: Path) -> str:
    return path.relative_to(settings.BASE_DIR).as_posix()


def in_python(source: str) -> Iterator[Entry]:
    """The texts in calls of gettext; a variable there is looked up, and is in a table."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = list(_constants(node.args))
            if name in _SINGLE and texts[:1]:
                yield Entry(texts[0])
            elif name in _PLURAL and len(texts) > 1:
                yield Entry(texts[0], ("", ""), texts[1])
            elif name in _WITH_CONTEXT and len(texts) > 1:
                yield Entry(texts[1], context=texts[0])


def _constants(args: Iterable[ast.expr]) -> Iterator[str]:
    """The leading arguments that are written out."""
    for arg in args:
        if not (isinstance(arg, ast.Constant) and isinstance(arg.value, str)):
            return
        yield arg.value


def in_template(source: str) -> Iterator[Entry]:
    """The texts in ``{% translate %}`` and ``{% blocktranslate %}``."""
    for node in _nodes(_engine().from_string(source).nodelist):
        if isinstance(node, TranslateNode):
            text = node.filter_expression.var
            context = node.message_context
            if isinstance(text, str):
                yield Entry(text.replace("%%", "%"), context=_literal(context))
            elif getattr(text, "literal", None) is not None:
                yield Entry(str(text.literal).replace("%%", "%"), context=_literal(context))
        elif isinstance(node, BlockTranslateNode):
            single: Any = node.render_token_list(node.singular)[0]
            plural: Any = node.render_token_list(node.plural)[0] if node.plural else ""
            texts = ("", "") if plural else ("",)
            yield Entry(single, texts, plural, _literal(node.message_context))


def _literal(expression: Any) -> str:
    return str(expression.resolve({})) if expression else ""


def _nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    """All nodes of a template; not those that it extends or includes, which are files of their own."""
    for node in nodes:
        yield node
        for name in node.child_nodelists:
            yield from _nodes(getattr(node, name, None) or ())


def _engine() -> Engine:
    return Engine.get_default()
