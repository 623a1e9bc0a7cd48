"""Files of a language: ``django.po`` for people, ``django.mo`` for programs. Needs no tool of gettext.

Of the format of .po only what we write is read: comments, flags, contexts, plurals, texts over several lines.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

PLURALS = "nplurals=2; plural=(n != 1);"
"""Holds for Dutch and German, as for English."""

_LINE = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)?\s*(".*")$')
_PLACEHOLDER = re.compile(
    r"%%|%\(\w+\)[#0\- +]*[\d.]*[a-z]|%[#0\- +]*[\d.]*[a-z](?!\w)|\{[a-z_]\w*(?::[^}]*)?\}|\{\}"
)

Key = tuple[str, str]
"""Context ("" for none) and English."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A text and what it is in a language; ``texts`` has two where ``plural`` is not "", otherwise one."""

    english: str
    texts: tuple[str, ...] = ("",)
    plural: str = ""
    context: str = ""
    places: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.context, self.english

    @property
    def is_done(self) -> bool:
        return all(self.texts) and "fuzzy" not in self.flags


@dataclass(slots=True)
class _Draft:
    parts: dict[str, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


def read(text: str) -> dict[Key, Entry]:
    """The entries of a .po file, without its header."""
    found = (_entry(draft) for draft in _drafts(text))
    return {entry.key: entry for entry in found if entry.english}


def _drafts(text: str) -> Iterator[_Draft]:
    for block in re.split(r"\n\s*\n", text):
        draft, name = _Draft(), ""
        for line in block.splitlines():
            if line.startswith("#:"):
                draft.places += line[2:].split()
            elif line.startswith("#,"):
                draft.flags += [flag.strip() for flag in line[2:].split(",")]
            elif match := _LINE.match(line):
                name = match[1] or name
                draft.parts[name] = draft.parts.get(name, "") + ast.literal_eval(match[2])
        if "msgid" in draft.parts:
            yield draft


def _entry(draft: _Draft) -> Entry:
    parts = draft.parts
    plural = parts.get("msgid_plural", "")
    names = ("msgstr[0]", "msgstr[1]") if plural else ("msgstr",)
    return Entry(
        english=parts["msgid"],
        texts=tuple(parts.get(name, "") for name in names),
        plural=plural,
        context=parts.get("msgctxt", ""),
        places=tuple(draft.places),
        flags=tuple(draft.flags),
    )


def merged(wanted: Iterable[Entry], known: Mapping[Key, Entry]) -> list[Entry]:
    """What is wanted, with the texts that are known of it; what nobody wants any more is gone."""
    return [_kept(entry, known.get(entry.key)) for entry in wanted]


def _kept(entry: Entry, old: Entry | None) -> Entry:
    if old is None or len(old.texts) != len(entry.texts):
        return entry
    return replace(entry, texts=old.texts, flags=old.flags)


def write(language: str, entries: Iterable[Entry]) -> str:
    """The text of a .po file."""
    return "\n".join([f'msgid ""\nmsgstr ""\n{_header(language)}', *map(_block, entries)])


def _header_lines(language: str) -> list[str]:
    return [
        f"Language: {language}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {PLURALS}",
    ]


def _header(language: str) -> str:
    return "".join(f"{_quoted(line + chr(10))}\n" for line in _header_lines(language))


def _block(entry: Entry) -> str:
    lines = [f"#: {place}" for place in entry.places]
    if entry.flags:
        lines.append(f"#, {', '.join(entry.flags)}")
    if entry.context:
        lines.append(f"msgctxt {_quoted(entry.context)}")
    lines.append(f"msgid {_quoted(entry.english)}")
    if entry.plural:
        lines.append(f"msgid_plural {_quoted(entry.plural)}")
        lines += [f"msgstr[{n}] {_quoted(text)}" for n, text in enumerate(entry.texts)]
    else:
        lines.append(f"msgstr {_quoted(entry.texts[0])}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def compiled(language: str, entries: Iterable[Entry]) -> bytes:
    """The .mo file: header, table of English, table of translations, all texts; sorted by English."""
    pairs = {b"": "".join(f"{line}\n" for line in _header_lines(language)).encode()}
    for entry in entries:
        if entry.is_done:
            context = f"{entry.context}\x04" if entry.context else ""
            english = f"{context}{entry.english}" + (f"\x00{entry.plural}" if entry.plural else "")
            pairs[english.encode()] = "\x00".join(entry.texts).encode()
    keys = sorted(pairs)
    at_keys, at_texts = 28, 28 + 8 * len(keys)
    offset, tables, texts = at_texts + 8 * len(keys), b"", b""
    for some in (keys, [pairs[key] for key in keys]):
        for one in some:
            tables += struct.pack("<II", len(one), offset + len(texts))
            texts += one + b"\x00"
    return struct.pack("<7I", 0x950412DE, 0, len(keys), at_keys, at_texts, 0, 0) + tables + texts


def placeholders(text: str) -> list[str]:
    """What a text leaves open: ``%(name)s``, ``%s``, ``{name}``."""
    return sorted(one for one in _PLACEHOLDER.findall(text) if one != "%%")


def faults(entry: Entry) -> list[str]:
    """What is wrong with a translation, in words."""
    if not entry.is_done:
        return [f"{entry.english!r} is not translated"]
    wanted = placeholders(entry.plural or entry.english)
    named = wanted if not entry.plural else sorted({*wanted, *placeholders(entry.english)})
    return [
        f"{entry.english!r}: {text!r} leaves open {placeholders(text)}, expected {named}"
        for n, text in enumerate(entry.texts)
        if placeholders(text) != (placeholders(entry.english) if entry.plural and n == 0 else wanted)
    ]
