"""The test dial of a backoffice for programs: by the rules of the admin's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Unprocessable
from accounts.api.resting import let_go
from backoffices.models import Backoffice
from backoffices.trial import STEPS, trial
from backoffices.trial_admin import NotTried, TooMany, count, of_form
from routing.core.snapshot import OCPP_VERSIONS


class TrialSerializer(serializers.Serializer[Any]):
    """What is dialled; of a backoffice that is stored, what is left out is as it is stored there.

    The stored password goes to the stored server only. ``dial_anyway``: also where that may push a connected
    route out.
    """

    url = serializers.CharField(max_length=1000, required=False)
    identity = serializers.CharField(max_length=255, required=False)
    username = serializers.CharField(max_length=255, required=False, allow_null=True, allow_blank=True)
    password = serializers.CharField(required=False, allow_null=True, trim_whitespace=False)
    password_is_hex = serializers.BooleanField(default=False)
    ocpp_versions = serializers.ListField(
        child=serializers.ChoiceField(choices=list(OCPP_VERSIONS)), required=False
    )
    dial_anyway = serializers.BooleanField(default=False)


class StepSerializer(serializers.Serializer[Any]):
    """A step: what was found, and what helps."""

    name = serializers.ChoiceField(choices=list(STEPS))
    outcome = serializers.ChoiceField(choices=["ok", "failed", "skipped"])
    found = serializers.CharField()
    remedy = serializers.CharField()
    milliseconds = serializers.FloatField(allow_null=True)


class TriedSerializer(serializers.Serializer[Any]):
    """How far it came."""

    ok = serializers.BooleanField()
    steps = StepSerializer(many=True)


def tried(request: Request, backoffice: Backoffice | None) -> Response:
    """Dial, and say how it went; at most 15 s. Raises what the answer is to be."""
    read = TrialSerializer(data=request.data)
    read.is_valid(raise_exception=True)
    said = read.validated_data
    if backoffice is None and not said.get("url"):
        raise serializers.ValidationError({"url": ["Say what is to be dialled."]})
    try:
        wanted = of_form(request.user, _as_form(said, backoffice), backoffice)
        count(request.user)
    except TooMany as reason:
        raise Throttled(wait=60, detail=str(reason.words)) from reason
    except NotTried as reason:
        how = " With dial_anyway it is dialled all the same." if reason.may_confirm else ""
        raise Unprocessable(f"{reason.words}{how}") from reason
    let_go()
    found = async_to_sync(trial)(wanted)
    is_well = not any(step.outcome == "failed" for step in found)
    return Response(TriedSerializer({"ok": is_well, "steps": found}).data)


def _as_form(said: Mapping[str, Any], backoffice: Backoffice | None) -> QueryDict:
    """The fields of the admin's form."""
    form = QueryDict(mutable=True)
    form["url"] = said.get("url") or (backoffice.url if backoffice else "")
    username = said.get("username", backoffice.username if backoffice else None)
    form["username"] = username or ""
    form["trial_identity"] = said.get("identity", "")
    form.setlist("ocpp_versions", said.get("ocpp_versions", backoffice.ocpp_versions if backoffice else []))
    password = said.get("password")
    form["new_password"] = password or ""
    for name, is_set in (
        ("password_is_hex", said["password_is_hex"]),
        ("dial_anyway", said["dial_anyway"]),
        ("remove_password", "password" in said and not password),
    ):
        if is_set:
            form[name] = "on"
    return form
