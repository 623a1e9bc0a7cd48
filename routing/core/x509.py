"""As much of an X.509 certificate as OCPP names it by: its serial number and its issuer (RFC 5280, 4.1)."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,20000})-----END CERTIFICATE-----")

INTEGER, EXPLICIT_VERSION = 0x02, 0xA0


class Names(NamedTuple):
    """``serial`` in small hexadecimal digits without zeros in front; ``issuer`` the DER of the name."""

    serial: str
    issuer: bytes


def names(pem: str) -> Names | None:
    """What names the first certificate in a PEM text, None where there is none that can be read."""
    found = _PEM.search(pem)
    if found is None:
        return None
    try:
        der = binascii.a2b_base64(found[1])
        _, content, _ = _element(der, 0)  # Certificate
        _, at, _ = _element(der, content)  # TBSCertificate
        tag, start, end = _element(der, at)
        if tag == EXPLICIT_VERSION:
            tag, start, end = _element(der, end)
        _, _, after_algorithm = _element(der, end)
        _, _, after_issuer = _element(der, after_algorithm)
    except (binascii.Error, IndexError):
        return None
    if tag != INTEGER or after_issuer > len(der):
        return None
    return Names(der[start:end].hex().lstrip("0"), der[after_algorithm:after_issuer])


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of a DER element. Raises IndexError beyond the end."""
    tag, size, start = der[at], der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count]), start + count
    if start + size > len(der):
        raise IndexError("longer than the certificate")
    return tag, start, start + size
