"""From a form that was sent to a command that is given, with the files it may need."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from chargers.commands.boxes import ROWS, BadForm, Given, arguments_of, payload_of, read_json
from chargers.commands.offered import CONFIRMED, HERE, firmware_for
from chargers.models import Charger
from routing.commands import schemas
from routing.commands.service import CommandError, Invalid, submit
from routing.commands.verbs import Verb
from routing.files import firmware, uploads
from routing.models import Command, Upload


def give_verb(user: User, charger: Charger, verb: Verb, given: Given, site: str) -> Command:
    """Give a friendly command as its form says. ``site``: where the charger finds our files.

    Raises BadForm, or what ``submit`` raises.
    """
    if verb.name in CONFIRMED and not given.get("confirm"):
        raise BadForm([_("Tick the box: yes, now.")])
    arguments, upload = filled(user, charger, verb, given, site)
    try:
        once = given.get("once") or None
        command = submit(user, charger, verb.name, arguments, via="admin", idempotency_key=once)
    except CommandError:
        if upload is not None:
            upload.delete()
        raise
    if upload is not None:
        _join(upload, command)
    return command


def _join(upload: Upload, command: Command) -> None:
    """The file belongs to this command, unless that has ended already, or the form was sent twice."""
    if command.is_finished or command.uploads.exists():
        upload.delete()
    else:
        Upload.objects.filter(pk=upload.pk).update(command=command)


def filled(
    user: User, charger: Charger | None, verb: Verb, given: Given, site: str
) -> tuple[dict[str, Any], Upload | None]:
    """The arguments of a verb's form, with an address of ours where one was chosen. Raises BadForm.

    ``charger`` None: for several, which get no address of their own.
    """
    arguments = arguments_of(verb.arguments, given)
    if verb.name == "diagnostics" and charger is not None and given.get("f.where") == HERE:
        upload, arguments["location"] = uploads.expect(charger, site)
        return arguments, upload
    if verb.name == "firmware" and (chosen := given.get("f.file")):
        found = next((one for one in firmware_for(user, charger) if str(one.uuid) == chosen), None)
        if found is None:
            raise BadForm([_("This firmware is not there any more.")])
        arguments["location"] = firmware.link(found, site)
    return arguments, None


def give_action(
    user: User, charger: Charger, version: str, action: str, given: Given, *, rows: int = ROWS
) -> Command:
    """Give an action of OCPP: its payload out of the form's parts, or as JSON where that was written.

    Raises BadForm, or what ``submit`` raises.
    """
    if text := given.get("raw", "").strip():
        try:
            payload = read_json(text)
        except ValueError as error:
            raise BadForm([str(error)]) from None
    else:
        try:
            payload = payload_of(schemas.form_of(action, version), given, rows)
        except KeyError as error:
            raise Invalid([str(error.args[0])]) from None
    return submit(user, charger, action, payload, via="admin", idempotency_key=given.get("once") or None)
