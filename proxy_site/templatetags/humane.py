"""Numbers as people read them."""

from __future__ import annotations

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def number(value: int) -> str:
    """A whole number with its thousands apart, as the language has them."""
    return number_format(value, use_l10n=True, force_grouping=True)
