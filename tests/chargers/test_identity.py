"""The identity of a charger in its URL."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargers.identity import BadIdentity, IdentityFault, read_identity


@pytest.mark.parametrize(
    ("raw_path", "identity"),
    [
        (b"/ocpp/CP-1", "CP-1"),
        (b"/ocpp/CP-1/", "CP-1"),
        (b"/ocpp/CP-1//", "CP-1"),
        (b"//ocpp///CP-1", "CP-1"),
        (b"/ocpp/tenant-token/CP-1", "CP-1"),
        (b"/ocpp/CP-1?token=/x", "CP-1"),
        (b"/proxy/ocpp/CP-1", "CP-1"),
        (b"/ocpp/ocpp", "ocpp"),
        (b"/ocpp/CP%201", "CP 1"),
        (b"/ocpp/-", "-"),
        (b"/ocpp/DE%2AABC%2AE1", "DE*ABC*E1"),
        (b"/ocpp/CP%3A1", "CP:1"),
        (b"/ocpp/CP:1", "CP:1"),
        (b"/ocpp/CP%252F1", "CP%2F1"),
        (b"/ocpp/100%", "100%"),
        (b"/ocpp/a+b", "a+b"),
        (b"/ocpp/S%C3%A4ule%201", "S\u00e4ule 1"),
        (b"/ocpp/" + b"x" * 255, "x" * 255),
        (b"/ocpp/" + b"%C3%A4" * 255, "\u00e4" * 255),
    ],
)
def test_identity_is_the_last_segment_decoded_once(raw_path, identity):
    assert read_identity(raw_path) == identity


@pytest.mark.parametrize(
    ("raw_path", "fault", "words"),
    [
        (b"/ocpp/", IdentityFault.EMPTY, "without an identity"),
        (b"/ocpp", IdentityFault.EMPTY, "without an identity"),
        (b"/", IdentityFault.EMPTY, "/ocpp/<identity>"),
        (b"/CP-1", IdentityFault.EMPTY, "/ocpp/<identity>"),
        (b"/ocpp/%20", IdentityFault.EMPTY, "spaces"),
        (b"/ocpp/CP%2F1", IdentityFault.SLASH, "encoded slash"),
        (b"/ocpp/CP%00", IdentityFault.UNPRINTABLE, "U+0000"),
        (b"/ocpp/CP%0A1", IdentityFault.UNPRINTABLE, "U+000A"),
        (b"/ocpp/CP%E2%80%A81", IdentityFault.UNPRINTABLE, "U+2028"),
        (b"/ocpp/CP%FF", IdentityFault.NOT_UTF8, "byte 3"),
        (b"/ocpp/..", IdentityFault.DOTS, "dots"),
        (b"/ocpp/%2e", IdentityFault.DOTS, "dots"),
        (b"/ocpp/" + b"x" * 256, IdentityFault.LONG, "256 characters"),
    ],
)
def test_what_names_no_charger_is_refused_in_words(raw_path, fault, words):
    found = read_identity(raw_path)
    assert isinstance(found, BadIdentity)
    assert found.fault is fault
    assert words in found.sentence


def test_a_long_segment_is_shortened_in_the_sentence():
    found = read_identity(b"/ocpp/" + b"x" * 5000)
    assert isinstance(found, BadIdentity)
    assert len(found.sentence) < 200
    assert found.written == "x" * 5000


@given(st.binary())
def test_any_bytes_have_an_answer(path):
    assert isinstance(read_identity(path), str | BadIdentity)


@given(st.text(min_size=1, max_size=255))
def test_an_accepted_identity_survives_its_own_url(text):
    found = read_identity(b"/ocpp/" + quote(text, safe="").encode(errors="surrogatepass"))
    assert isinstance(found, BadIdentity) or found == text
