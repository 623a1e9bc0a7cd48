"""Edits of permissions act on open connections, without closing them."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async

from accounts.models import Organisation
from backoffices.live import Pace
from routing.models import PermissionPreset, Route
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Backend, Socket, backend, charger, links_open, request, runtime

pytestmark = pytest.mark.django_db(transaction=True)

BOOT = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'


class Charger(Socket):
    """A charger that accepts every command, and remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.attachment = None

    def send(self, text):
        super().send(text)
        frame = json.loads(text)
        if frame[0] == 2 and self.attachment is not None:
            self.asked.append(frame[2])
            self.attachment.up(json.dumps([3, frame[1], {"status": "Accepted"}]))


async def status_of_a_reset(there: Backend, number: int) -> str:
    """What the backoffice is answered that wants a reset."""
    await there.connected["/CP-1"].send(f'[2,"reset-{number}","Reset",{{"type":"Soft"}}]')
    async with asyncio.timeout(PATIENCE):
        answer = json.loads(await there.answers.get())
    assert answer[1] == f"reset-{number}"
    return str(answer[2]["status"])


@sync_to_async
def with_preset(key):
    organisation = Organisation.objects.create(name="Installers")
    preset = PermissionPreset.objects.create(organisation=organisation, name="Night", role="control")
    route = Route.objects.get(charger=key)
    route.charger.organisation = organisation
    route.charger.save()
    route.preset = preset
    route.save()
    return preset, route


@sync_to_async
def edit(row, **permissions):
    row.permissions = permissions
    row.save()


async def test_edits_of_a_preset_and_of_a_route_act_on_the_open_link():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url, role="control")
        preset, route = await with_preset(key)
        socket = Charger()
        socket.attachment = await here.attach(request(key), socket)
        await there.until(lambda there: "/CP-1" in there.connected)
        await links_open(here, 1)
        socket.attachment.up(BOOT)

        assert await status_of_a_reset(there, 1) == "Rejected"
        await edit(preset, Reset="allow")
        await here._follow_configuration()
        assert await status_of_a_reset(there, 2) == "Accepted"
        await edit(route, **{"Reset:Soft": "deny"})
        await here._follow_configuration()
        assert await status_of_a_reset(there, 3) == "Rejected"

        assert socket.asked == ["Reset"]
        assert there.gone == []


def test_a_runtime_looks_for_edits_more_than_once_a_second():
    assert Pace().poll <= 0.5
