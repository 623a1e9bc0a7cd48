"""Editing the elements of one array in a payload; what is not edited stays byte for byte."""

from __future__ import annotations

from collections.abc import Callable

from routing.core import spans

Edit = Callable[[str], str | None]
"""What becomes of an element, given as its JSON text: another text, the same, or None to leave it out."""


def edited(payload: str, path: spans.Path, edit: Edit) -> str:
    """The payload with each element of the array at ``path`` edited.

    Of a key that is written twice the last array counts, as for JSON parsers, and stands in both
    places. Where there is no array, the payload is returned as it is.
    """
    arrays = spans.find(payload, path)
    if not arrays or not arrays[-1].startswith("["):
        return payload
    array = arrays[-1]
    made = _edited_array(array, edit)
    return payload if made == array and len(arrays) == 1 else spans.patch(payload, {path: made})


def appended(payload: str, path: spans.Path, elements: list[str]) -> str:
    """The payload with these elements at the end of the array at ``path``; where there is none, with one."""
    if not elements:
        return payload
    present = spans.find(payload, f"{path}[]")
    arrays = spans.find(payload, path)
    if not arrays or not arrays[-1].startswith("["):
        return spans.insert(payload, path, f"[{','.join(elements)}]")
    more = ",".join(elements)
    kept = arrays[-1].rstrip()[:-1].rstrip()
    return spans.patch(payload, {path: f"{kept},{more}]" if present else f"[{more}]"})


def texts(array: str) -> list[str]:
    """The elements of an array, each as its JSON text."""
    return spans.find(f'{{"a":{array}}}', "$.a[]")


def _edited_array(array: str, edit: Edit) -> str:
    """Elements follow each other with nothing but commas and space between, so each is found by its text."""
    position, pieces = 1, [array[:1]]
    for element in texts(array):
        start = array.index(element, position)
        made = edit(element)
        if made is not None:
            between = array[position:start]
            pieces += (between if len(pieces) > 1 else between.lstrip(","), made)
        position = start + len(element)
    return "".join((*pieces, array[position:]))
