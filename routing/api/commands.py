"""What programs ask chargers, and what becomes of it: ``routing.commands``, as the admin asks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

import django_filters
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.api.filters import PeriodFilter
from accounts.api.idempotency import HEADER, once
from accounts.api.pagination import Cursors
from accounts.api.permissions import HasScope, has_scope
from accounts.api.resting import let_go
from accounts.api.views import OwnedViewSet, ReadViewSet
from accounts.tokens import ApiToken
from routing.api.cards import Charger, cards_of, sees_cards
from routing.commands import service
from routing.commands.classes import CommandClass
from routing.commands.verbs import VERBS
from routing.core import masking
from routing.explorer.reading import write_key
from routing.models import Command

LONGEST_WAIT_S = 30
MOST_CHARGERS = 500
POLL_S = 0.2

_waiting = BoundedSemaphore(32)
"""Requests that wait for the end of a command: who comes then is answered at once, and looks again."""

SCOPES = {one: f"commands:{one}" for one in CommandClass}


class MayCommand(HasScope):
    """Reading needs ``commands:read``; giving needs a scope of some class, and the class decides which."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return super().has_permission(request, view)
        if not (request.user and request.user.is_authenticated):
            return False
        self.message = f"The token has none of the scopes {', '.join(SCOPES.values())}."
        return bool(classes_of(request))


def classes_of(request: Request) -> set[str]:
    """The classes of commands that the token may give; the person's role is asked by the service."""
    return {str(one) for one, scope in SCOPES.items() if has_scope(request, scope)}


# -- as JSON --------------------------------------------------------------------------------------------


class WishSerializer(serializers.Serializer[Any]):
    """What to ask: a ``verb`` with its ``arguments``, or an ``action`` of OCPP with its ``payload``."""

    verb = serializers.ChoiceField(choices=list(VERBS), required=False, help_text="See docs/commands.md.")
    arguments = serializers.DictField(required=False, help_text="Of the verb.")
    action = serializers.CharField(max_length=64, required=False, help_text="Such as Reset.")
    payload = serializers.DictField(required=False, help_text="Of the action, by its OCPP version.")
    dangerous = serializers.BooleanField(
        default=False, help_text="It may change how the charger connects: needs commands:dangerous."
    )
    valid_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="So long it waits for a charger that is away."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("verb" in attrs) == ("action" in attrs):
            raise serializers.ValidationError({"verb": ["Say either a verb or an action."]})
        other = "payload" if "verb" in attrs else "arguments"
        if other in attrs:
            raise serializers.ValidationError({other: ["A verb has arguments, an action has a payload."]})
        if "\\u0000" in json.dumps([attrs.get("arguments"), attrs.get("payload")]):
            raise serializers.ValidationError({"arguments": ["No text has the character NUL."]})
        return attrs


class GivenSerializer(WishSerializer):
    """The same, and for how many seconds the answer may wait for the end."""

    wait = serializers.FloatField(min_value=0, max_value=LONGEST_WAIT_S, default=0)


class BulkGivenSerializer(WishSerializer):
    """The same for many chargers: ``wave_size`` of them at once (0: all), more ``pause_s`` seconds later."""

    chargers = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_CHARGERS)
    wave_size = serializers.IntegerField(min_value=0, max_value=MOST_CHARGERS, default=0)
    pause_s = serializers.FloatField(min_value=0, max_value=86400, default=0)


class CommandSerializer(serializers.ModelSerializer[Command]):
    """A command. ``timed_out`` means that nobody knows: the charger may still do it.

    ``message``: its exchange among ``/messages/``, None before it was sent. Cards in ``payload`` and
    ``answer`` are masked unless the token and the person may see them.
    """

    charger = serializers.UUIDField(source="charger.uuid")
    identity = serializers.CharField(source="charger.identity")
    state = serializers.ChoiceField(choices=[state.value for state in Command.State])
    payload = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    asked_by = serializers.CharField(source="actor_name")

    class Meta:
        model = Command
        fields = [
            *("uuid", "charger", "identity", "verb", "action", "ocpp_version", "payload", "command_class"),
            *("state", "words", "error_code", "answer", "late", "message", "group", "asked_by", "via"),
            *("created_at", "not_before", "valid_until", "deadline", "sent_at", "finished_at"),
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_payload(self, command: Command) -> Any:
        return self._shown(command, command.payload)

    @extend_schema_field({})
    def get_answer(self, command: Command) -> Any:
        return self._shown(command, command.answer)

    def get_message(self, command: Command) -> str | None:
        return None if command.exchange is None else write_key((command.exchange, command.charger_id))

    def _shown(self, command: Command, payload: Any) -> Any:
        if not payload or sees_cards(self.context["request"], command):
            return payload
        return json.loads(masking.frame(json.dumps(payload)))


class SkippedSerializer(serializers.Serializer[Any]):
    """A charger that was not asked, and why: ``skipped_forbidden``, or a sentence."""

    charger = serializers.UUIDField()
    reason = serializers.CharField()


class BulkSerializer(serializers.Serializer[Any]):
    """Commands that were given together. ``states``: how many are in which state."""

    group = serializers.UUIDField()
    states = serializers.DictField(child=serializers.IntegerField())
    is_finished = serializers.BooleanField()
    commands = CommandSerializer(many=True)
    skipped = SkippedSerializer(many=True, help_text="Told to whoever asked, for a month.")


# -- giving ---------------------------------------------------------------------------------------------


def given(request: Request, charger: Any, said: Mapping[str, Any]) -> Command:
    """A command of this request, stored. Raises what the answer is to be."""
    user: Any = request.user
    command: Command = _told(lambda: service.submit(user, charger, **_wish(request, said)))
    return command


def _told(give: Callable[[], Any]) -> Any:
    """What the service says, in the words of the API."""
    try:
        return give()
    except service.NoSuchCharger as error:
        raise NotFound("There is no such charger, or it is not yours to see.") from error
    except service.Forbidden as error:
        raise PermissionDenied(str(error)) from error
    except service.Invalid as error:
        raise ValidationError({"arguments": error.problems}) from error
    except service.KeyReused as error:
        raise Conflict(str(error)) from error


def _wish(request: Request, said: Mapping[str, Any]) -> dict[str, Any]:
    key = request.headers.get(HEADER, "")
    owner = str(request.auth.uuid) if isinstance(request.auth, ApiToken) else "session"
    return {
        "verb": said.get("verb") or said["action"],
        "arguments": said.get("arguments", said.get("payload", {})),
        "via": "api",
        "idempotency_key": hashlib.sha256(f"{owner}/{key}".encode()).hexdigest() if key else None,
        "dangerous": said.get("dangerous", False),
        "valid_until": said.get("valid_until"),
        "classes": classes_of(request),
    }


def location(request: Request, command: Command) -> str:
    """Where to look what has become of it."""
    return request.build_absolute_uri(reverse("api:command-detail", args=[command.uuid]))


def accepted(request: Request, command: Command) -> Response:
    """202: it is stored, and this is where to look."""
    shown = rows_of(request).get(pk=command.pk)
    body = CommandSerializer(shown, context={"request": request}).data
    return Response(body, status=202, headers={"Location": location(request, command)})


def rows_of(request: Request) -> Any:
    """The commands that the person may see."""
    rows = Command.objects.visible_to(request.user).select_related("charger")
    return rows.annotate(sees_cards=cards_of(request.user, "charger_id"))


def waited(command: Command, seconds: float) -> Command:
    """The command when it has ended, or as it is after so long; no database connection is kept meanwhile."""
    if seconds <= 0 or command.is_finished or not _waiting.acquire(blocking=False):
        return command
    try:
        return service.wait(command, seconds, POLL_S, between=let_go)
    except Command.DoesNotExist:  # its charger was removed meanwhile
        return command
    finally:
        _waiting.release()


# -- views ----------------------------------------------------------------------------------------------


class CommandFilter(PeriodFilter):
    """``?charger=&state=&verb=&action=&group=&from=&to=``; times are ISO 8601."""

    charger = django_filters.UUIDFilter(field_name="charger__uuid")
    state = django_filters.ChoiceFilter(choices=Command.State.choices)
    group = django_filters.UUIDFilter()

    class Meta:
        model = Command
        fields = ["verb", "action"]


class NewestCommands(Cursors):
    ordering = "-id"


class CommandRows(OwnedViewSet):
    """Commands, the newest first; giving them has a limit of its own."""

    model = Command
    queryset = Command.objects.none()
    serializer_class = CommandSerializer
    pagination_class = NewestCommands
    permission_classes = [MayCommand]
    scopes = {"read": "commands:read"}

    def get_queryset(self) -> Any:
        return rows_of(self.request)

    def get_throttles(self) -> Any:
        self.throttle_scope = "read" if self.request.method in SAFE_METHODS else "commands"
        return super().get_throttles()


class CommandViewSet(CommandRows, ReadViewSet):
    """Commands, the newest first."""

    filterset_class = CommandFilter

    @extend_schema(request=BulkGivenSerializer, responses={202: BulkSerializer})
    @action(detail=False, methods=["post"], url_path="bulk", filterset_class=None)
    def bulk(self, request: Request) -> Response:
        """Ask many chargers the same. Those that may not be asked are skipped; each ends on its own."""
        read = BulkGivenSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        return once(request, lambda: self._give_many(request, read.validated_data))

    def _give_many(self, request: Request, said: Mapping[str, Any]) -> Response:
        wanted = list(dict.fromkeys(said["chargers"]))
        rows = Charger.objects.visible_to(request.user).in_bulk(wanted, field_name="uuid")
        known = [rows[uuid] for uuid in wanted if uuid in rows]
        missing = [uuid for uuid in wanted if uuid not in rows]
        wave = {"wave_size": said["wave_size"], "pause_s": said["pause_s"], "missing": missing}
        user: Any = request.user
        many = _told(lambda: service.submit_many(user, known, **_wish(request, said), **wave))
        body = self._group(request, many.group)
        where = request.build_absolute_uri(reverse("api:command-group", args=[many.group]))
        return Response(body, status=202, headers={"Location": where})

    @extend_schema(responses=BulkSerializer, filters=False)
    @action(detail=False, url_path="bulk/<uuid:group>", pagination_class=None, filterset_class=None)
    def group(self, request: Request, group: UUID) -> Response:
        """How commands are that were given together."""
        body = self._group(request, group)
        if not (body["commands"] or body["skipped"]):
            raise NotFound("There are no such commands, or they are not yours to see.")
        return Response(body)

    def _group(self, request: Request, group: UUID) -> dict[str, Any]:
        user: Any = request.user
        skipped = service.skipped_of(user, group)
        found = list(rows_of(request).in_group(group).order_by("id")[:MOST_CHARGERS])
        states: dict[str, int] = {}
        for command in found:
            states[command.state] = states.get(command.state, 0) + 1
        told = {
            "group": group,
            "states": states,
            "is_finished": all(command.is_finished for command in found),
            "commands": found,
            "skipped": [{"charger": uuid, "reason": why} for uuid, why in skipped.items()],
        }
        return dict(BulkSerializer(told, context={"request": request}).data)


@extend_schema(parameters=[OpenApiParameter("charger_uuid", OpenApiTypes.UUID, OpenApiParameter.PATH)])
class ChargerCommandViewSet(mixins.ListModelMixin, CommandRows):
    """What one charger is asked."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(charger=self._charger())

    def _charger(self) -> Any:
        row = Charger.objects.visible_to(self.request.user).filter(uuid=self.kwargs["charger_uuid"]).first()
        if row is None:
            raise NotFound("There is no such charger, or it is not yours to see.")
        return row

    @extend_schema(request=GivenSerializer, responses={200: CommandSerializer, 202: CommandSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Ask the charger. 202 and where to look, or 200 when it has ended within ``wait`` seconds."""
        charger = self._charger()
        read = GivenSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        said = read.validated_data
        answer = once(request, lambda: accepted(request, given(request, charger, said)))
        return ended(request, answer, said["wait"])


def ended(request: Request, answer: Response, seconds: float) -> Response:
    """The same answer, or 200 with what became of the command where it ends in time."""
    if not seconds:
        return answer
    rows = rows_of(request).filter(uuid=answer.data["uuid"])
    try:
        if not waited(rows.get(), seconds).is_finished:
            return answer
        answer.data = CommandSerializer(rows.get(), context={"request": request}).data
    except Command.DoesNotExist:  # as above
        return answer
    answer.status_code = 200
    return answer
