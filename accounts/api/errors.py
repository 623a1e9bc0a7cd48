"""One shape for all that goes wrong: ``{"message", "code", "errors"}``."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

log = logging.getLogger(__name__)

INVALID = "Some values are not valid."


class Conflict(exceptions.APIException):
    """What is asked for does not go with what there is."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This does not go with what there is."
    default_code = "conflict"


class Unprocessable(exceptions.APIException):
    """Well formed, but not something that can be done; names what helps."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


def answer_for(error: Exception, context: Any) -> Response | None:
    """The answer to an error; None for a fault of ours, which Django reports."""
    error = _known(error)
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = getattr(error, "detail", str(error))
    is_plain = isinstance(detail, str)
    response.data = {
        "message": str(detail) if is_plain else INVALID,
        "code": _code(error, response.status_code),
        "errors": {} if is_plain else _by_field(detail),
    }
    return response


@csrf_exempt
def nowhere(request: HttpRequest, rest: str = "") -> JsonResponse:
    """The answer at an address under the API's that is none."""
    told = {"message": "There is nothing at this address.", "code": "not_found", "errors": {}}
    return JsonResponse(told, status=status.HTTP_404_NOT_FOUND)


def _known(error: Exception) -> Exception:
    match error:
        case ModelError():
            found = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
            return exceptions.ValidationError(
                {("non_field_errors" if k == "__all__" else k): v for k, v in found.items()}
            )
        case Http404():
            return exceptions.NotFound("There is no such thing, or it is not yours to see.")
        case PermissionDenied():
            return exceptions.PermissionDenied(str(error) or "You may not do this.")
        case ProtectedError():
            return Conflict("Something else still needs it; remove that first.")
        case IntegrityError():
            log.warning("answered with 409, a constraint of the database did not hold", exc_info=error)
            return Conflict("Something like it was stored at the same moment; look again.")
        case _:
            return error


def _code(error: Exception, code: int) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "invalid"
    return str(getattr(error, "default_code", code))


def _by_field(detail: Any) -> dict[str, Any]:
    return detail if isinstance(detail, dict) else {"non_field_errors": detail}
