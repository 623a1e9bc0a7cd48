"""Which settings of a charger hold a secret: nobody reads them, no log keeps them (ocpp-semantics 3.9)."""

from __future__ import annotations

import re

PATTERN = (
    r"passw|passphrase|passcode|pass$|pwd|(?:^|[._-])pw(?:$|[._-])|secret|psk|credential|auth.{0,40}key|private.?key"
    r"|(?<!public)(?<!public[ ._-])key[ 0-9\[\]._-]*$|token$|pin.?code|pin$"
)

_SECRET = re.compile(PATTERN, re.IGNORECASE | re.MULTILINE)

_URL = re.compile(r"(?::|\\u003a)(?:\\?/|\\u002f){2}", re.IGNORECASE)
_PORT = re.compile(r"[0-9]{0,5}(?:[/?#]|\\/|\\u00)")
_AT = re.compile(r"@|\\u0040")
_COLON = re.compile(r":|\\u003a", re.IGNORECASE)
_NO_USER = re.compile(r"[/\[]|\\u002f", re.IGNORECASE)
_QUOTE = re.compile(r'(?<!\\)"')


_QUERY = re.compile(r"(?:[?&;]|\\u003f|\\u0026)(?P<name>[^=&?;\"\s\\]{1,80})(?:=|\\u003d)", re.IGNORECASE)
_VALUE = re.compile(r"(?:[^&;\"\s#\\]|\\[^\"u]|\\u(?!0026|003b|0023))*", re.IGNORECASE)
_IN_QUERY = re.compile(
    r"token|secret|^sig|signature|credential|^code$|^auth|^key|api.?key|access.?key|session|jwt", re.I
)
"""What the value of a query says by its name that lets whoever knows it in; besides what ``is_secret``."""

_TOKEN = re.compile(
    r"(?P<before>(?::|\\u003a)(?:\\?/|\\u002f){2})(?:[^:@/?#\"\s\\<>]|\\u(?!0040|002f|003a|003f|0023))+(?=@|\\u0040)",
    re.IGNORECASE,
)
"""A user without a password: then it is the secret itself."""

_FILE = re.compile(
    r"((?:\\?/|\\u002f)(?:uploads|firmware)(?:\\?/|\\u002f))[\w-]{43}(?![\w-])", re.ASCII | re.IGNORECASE
)
"""The address of a file that is kept here: whoever knows it may use it (routing/files)."""


def is_secret(*names: str) -> bool:
    """Whether the value of a key (or of what component, variable and instances name) is for nobody to read.

    Public keys of meters and counts of keys are none: people need them to check what was billed.
    """
    return bool(_SECRET.search("\n".join([name.strip() for name in names])))


def without_passwords(text: str) -> str:
    """Text, or JSON that holds it, in which URLs have no password: ``ftp://user:***@host``.

    Where a URL can be read in two ways rather more of it is hidden.
    """
    if "@" not in text and "\\u0040" not in text:
        return text
    return '"'.join([_without_password(part) for part in _QUOTE.split(text)])


def without_credentials(text: str) -> str:
    """The same, and without what lets in as the user, in the query (``?token=***``) or as the path."""
    if "/" not in text and "\\" not in text:  # one character each is quick to look for
        return text  # most messages; those with another way to write a URL have escapes
    text = without_passwords(text)
    if "uploads" in text or "firmware" in text:
        text = _FILE.sub(r"\1***", text)
    escaped = "\\u00" in text
    if escaped or "@" in text:
        text = _TOKEN.sub(r"\g<before>***", text)
    return _without_values(text) if escaped or ("=" in text and "://" in _plain(text)) else text


def _plain(text: str) -> str:
    return text.replace("\\/", "/") if "\\/" in text else text


def _without_values(text: str) -> str:
    parts, position = [], 0
    for found in _QUERY.finditer(text):
        is_one = _IN_QUERY.search(found["name"]) or is_secret(found["name"])
        if is_one and found.start() >= position and (value := _VALUE.match(text, found.end())):
            parts.append(f"{text[position : found.end()]}***")
            position = value.end()
    return "".join([*parts, text[position:]])


def _without_password(text: str) -> str:
    """The same of what stands between quotes: from the first password on to the last ``@``."""
    position = 0
    while (begin := _URL.search(text, position)) and (at := _AT.search(text, begin.end())):
        position = at.end()
        found = _COLON.search(text, begin.end(), at.start())
        if (
            found is None
            or _PORT.match(text, found.end())
            or _NO_USER.search(text, begin.end(), found.start())
        ):
            continue
        last = max(text.rfind("@"), text.rfind("\\u0040"))
        return f"{text[: found.end()]}***{text[last:]}"
    return text
