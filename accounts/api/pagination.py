"""``{"data", "meta", "links"}``: pages by number for what is counted, by cursor for what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.response import Response

MOST = 500


def _schema(meta: dict[str, Any], schema: Any) -> dict[str, Any]:
    link = {"type": "string", "format": "uri", "nullable": True}
    return {
        "type": "object",
        "required": ["data", "meta", "links"],
        "properties": {
            "data": schema,
            "meta": {"type": "object", "properties": meta, "required": list(meta)},
            "links": {
                "type": "object",
                "properties": {"next": link, "prev": link},
                "required": ["next", "prev"],
            },
        },
    }


class Pages(PageNumberPagination):
    """``?page=2&page_size=50``; ``meta`` says how many there are."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MOST

    def get_paginated_response(self, data: Any) -> Response:
        assert self.page is not None
        meta = {
            "page": self.page.number,
            "page_size": self.page.paginator.per_page,
            "total": self.page.paginator.count,
        }
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        return Response({"data": data, "meta": meta, "links": links})

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        whole = {"type": "integer"}
        return _schema({"page": whole, "page_size": whole, "total": whole}, schema)


class Cursors(CursorPagination):
    """``?cursor=...``, from the newest on; never counted, and rows that are added do not shift it."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MOST
    ordering: Any = "-pk"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        self._model = queryset.model
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Any) -> Any:
        """Where to go on, None for the beginning. Raises NotFound for what no page has given."""
        cursor: Any = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        try:
            self._read(cursor.position)
        except (ValidationError, OverflowError) as error:
            raise NotFound(self.invalid_cursor_message) from error
        return cursor

    def _read(self, position: str) -> None:
        """Read a value of the column that pages are ordered by."""
        name = self.ordering[0].lstrip("-")
        field = self._model._meta.pk if name == "pk" else self._model._meta.get_field(name)
        value = field.to_python(position)
        if isinstance(value, datetime):
            value.astimezone(UTC)

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        return Response({"data": data, "meta": {"page_size": self.page_size}, "links": links})

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        return _schema({"page_size": {"type": "integer"}}, schema)
