"""A password in a form, which can be set and never read: its two fields, and what was typed into them."""

from __future__ import annotations

import binascii
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


def new_password(help_text: Any) -> forms.CharField:
    """The field ``new_password``: it never shows what is set, and empty keeps it."""
    return forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        label=gettext_lazy("New password"),
        help_text=help_text,
    )


def password_is_hex(help_text: Any) -> forms.BooleanField:
    """The field ``password_is_hex``, beside it."""
    return forms.BooleanField(required=False, label=gettext_lazy("It is hexadecimal"), help_text=help_text)


def bytes_of(text: str, *, is_hex: bool) -> bytes:
    """What a typed password is on the wire. Raises ValueError where it should be hexadecimal and is not."""
    return binascii.unhexlify(text) if is_hex else text.encode()


def typed_password(form: forms.BaseForm) -> bytes | None:
    """The bytes that were typed into the fields of these names, once they are clean; None for none.

    What is not hexadecimal, and should be, is None too, and an error of the form.
    """
    text = form.cleaned_data.get("new_password")
    if not text:
        return None
    try:
        return bytes_of(text, is_hex=bool(form.cleaned_data.get("password_is_hex")))
    except ValueError:
        form.add_error("new_password", _("This is not hexadecimal; expected pairs of 0-9 and a-f."))
        return None
