"""What the OpenAPI document says of every operation alike: how it goes wrong."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["message", "code", "errors"],
    "properties": {
        "message": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "description": "A word for programs."},
        "errors": {"type": "object", "description": "Sentences by field.", "additionalProperties": {}},
    },
}

ALWAYS = {
    "401": "No token, or one that is not valid (any more).",
    "403": "The scope of the token or the role of the person does not allow it.",
    "429": "Asked too often; `Retry-After` says when to ask again.",
}
OF_ROWS = {"404": "There is no such thing, or it is not yours to see."}
OF_LISTS = {"400": "A parameter is not valid.", "404": "There is no such page."}
OF_CHANGES = {
    "400": "Some values are not valid.",
    "409": "It does not go with what there is, or the Idempotency-Key was used for something else.",
    "415": "The body is not JSON.",
    "422": "Well formed, but not something that can be done.",
}
KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "The same key with the same request again: it is done once.",
}
METHODS = ("get", "post", "patch", "put", "delete")


def tell_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the answers that any operation may give, where it does not say better itself."""
    result["components"]["schemas"]["Error"] = ERROR
    for path, item in result["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                for status, words in _errors(path, method).items():
                    operation["responses"].setdefault(status, _answer(words))
            if method == "post":
                operation.setdefault("parameters", []).append(KEY)
    return result


def _errors(path: str, method: str) -> dict[str, str]:
    found = dict(ALWAYS)
    if method == "get":
        found |= OF_LISTS
    else:
        found |= OF_CHANGES
    return found | (OF_ROWS if "{" in path else {})


def _answer(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": words, "content": {"application/json": {"schema": schema}}}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # theirs
    """Found by drf-spectacular as soon as it is imported."""

    target_class = "accounts.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Made in the admin under API tokens."}


class LinksSerializer(serializers.Serializer[Any]):
    """Where the pages beside this one are."""

    next = serializers.URLField(allow_null=True)
    prev = serializers.URLField(allow_null=True)


def listed(rows: type[serializers.Serializer[Any]], meta: serializers.Field[Any, Any, Any, Any]) -> Any:
    """The serializer of ``{"data": [...], "meta": ..., "links": ...}``, for lists that are made by hand."""
    name = rows.__name__.removesuffix("Serializer") + "List"
    fields = {"data": rows(many=True), "meta": meta, "links": LinksSerializer()}
    made = type(f"{name}Serializer", (serializers.Serializer,), fields)
    return extend_schema_serializer(many=False)(made)
