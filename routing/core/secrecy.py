"""Which settings of a charger hold a secret: nobody reads them, no log keeps them (ocpp-semantics 3.9)."""

from __future__ import annotations

import re

PATTERN = (
    r"passw|passphrase|passcode|pass$|pwd|(?:^|[._-])pw(?:$|[._-])|secret|psk|credential|auth.*key|private.?key"
    r"|(?<!public)(?<!public[ ._-])key[ 0-9\[\]._-]*$|token$|pin.?code|pin$"
)

_SECRET = re.compile(PATTERN, re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether the value of a key (or of ``Component.Variable``) is for nobody to read.

    Public keys of meters and counts of keys are none: people need them to check what was billed.
    """
    return bool(_SECRET.search(name.strip()))
