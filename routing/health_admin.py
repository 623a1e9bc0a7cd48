"""How rows are, on their pages: asked once for a whole page of rows, by ``routing.health``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_base import OwnedAdmin

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Any]
else:
    _Admin = object


class HealthList(ChangeList):
    """A list that knows how its rows are."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        admin: Any = self.model_admin
        admin.know(request, list(self.result_list))


class HealthMixin(_Admin):
    """Rows of lists and pages get ``health``, where they have any: a row that is being added has none."""

    def health_of(self, request: HttpRequest, rows: list[Any]) -> Mapping[int, Any]:
        """How these rows are, by primary key."""
        raise NotImplementedError  # each admin asks its own service

    def know(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask for all at once."""
        note(rows, self.health_of(request, rows))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return HealthList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        self.know(request, [found])
        return found


def note(rows: Iterable[Any], known: Mapping[int, Any]) -> None:
    """Keep with each row how it is."""
    for row in rows:
        row.health = known.get(row.pk)


def known_of(row: Any) -> Any:
    """How a row is, None where nobody has asked."""
    return getattr(row, "health", None)


def sentence(text: str) -> SafeString:
    """A cell of a list with room to be read: narrow ones break a sentence into words."""
    return format_html('<div style="min-width: 11em">{}</div>', text)
