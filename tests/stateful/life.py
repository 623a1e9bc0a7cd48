"""The life of one charger with three backoffices around the machine: days of traffic and faults, at random.

Other than the other worlds of this room it judges nothing that is said: it goes on for long, and fast.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, RouteSnapshot, Verdict
from tests.endurance.commands import Asker
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BOOT, BOOT_2, World, event, meter, route, start, stop
from tests.stateful.model import Model
from tests.stateful.objects import QUESTIONS_2, QUESTIONS_16

NAMES = {"billing": Role.BILLING, "energy": Role.CONTROL, "service": Role.SERVICE}
CONNECTORS = (1, 2)
CARDS = 20
MOST_THINGS = 8
"""So many of each kind a charger keeps."""

GIVES_UP_AFTER = 3
"""So often a charger repeats a CALL without an answer."""

GARBAGE = ("no frame", "[2,", '[2,"g1","NoSuchAction",{}]', '[3,"nobody",{}]', '[9,"g"]', "[2]", "{}", "[]")

Question = Callable[[str, int], tuple[str, Any]]

MORE_OF_2: list[Question] = [
    lambda name, number: ("SetVariableMonitoring", {"setMonitoringData": [{
        "id": number, "value": 5.0, "type": "Delta", "severity": 1,
        "component": {"name": name}, "variable": {"name": "V"}}]}),
    lambda name, number: ("GetMonitoringReport", {"requestId": number}),
    lambda name, number: ("CustomerInformation", {"requestId": number, "report": True, "clear": False}),
    lambda name, number: ("UpdateFirmware", {"requestId": number, "firmware": {
        "location": "https://example.org/fw", "retrieveDateTime": "2026-01-01T00:00:00Z"}}),
]  # fmt: skip

ONLY_21: list[Question] = [
    lambda name, number: ("RequestBatterySwap", {
        "requestId": number, "idToken": {"idToken": name, "type": "Central"}}),
    lambda name, number: ("SetDERControl", {
        "isDefault": False, "controlId": f"{name}{number}", "controlType": "EnterService"}),
    lambda name, number: ("ClearDERControl", {"isDefault": False, "controlId": f"{name}{number}"}),
]  # fmt: skip

ALL = {"1.6": QUESTIONS_16, "2.0.1": QUESTIONS_2 + MORE_OF_2, "2.1": QUESTIONS_2 + MORE_OF_2 + ONLY_21}


class Things(Model):
    """What is on the charger, whoever has made it: as on any, there is room for so many and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: set[str] = set()

    def _keep(self, things: dict[int, Any], number: int, thing: Any) -> None:
        things[number] = thing

    def _is_full(self, action: str, payload: Any) -> bool:
        match action:
            case "SetVariableMonitoring":
                new = [one for one in payload["setMonitoringData"] if "id" not in one]
                return bool(new) and len(self.monitors) >= MOST_THINGS
            case "SetDisplayMessage":
                return len(self.displays) >= MOST_THINGS and payload["message"]["id"] not in self.displays
            case "SetChargingProfile":
                profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
                number = profile.get("chargingProfileId", profile.get("id"))
                return len(self.profiles) >= MOST_THINGS and number not in self.profiles
            case "ReserveNow":
                return len(self.reservations) >= MOST_THINGS
            case "SetDERControl":
                self.controls.add(payload["controlId"])
                return len(self.controls) > MOST_THINGS
            case "ClearDERControl":
                self.controls.discard(payload["controlId"])
        return False

    def answer(self, action: str, payload: Any) -> Any:
        """Do what a command says; its answer, with a report to come of whatever is to be reported."""
        if self._is_full(action, payload):
            if action == "SetDERControl":
                self.controls.discard(payload["controlId"])
            if action == "SetVariableMonitoring":
                items = [self._result(one, "Rejected") for one in payload["setMonitoringData"]]
                return {"setMonitoringResult": items}
            return {"status": "Rejected"}
        match action:
            case "GetConfiguration":
                keys = payload.get("key") or ["HeartbeatInterval"]
                known = [{"key": key, "readonly": False, "value": "300"} for key in keys]
                return {"configurationKey": known}
            case "GetVariables":
                one = {"attributeStatus": "Accepted", "attributeValue": "300"}
                return {"getVariableResult": [{**one, **item} for item in payload["getVariableData"]]}
            case "SetVariables":
                items = [
                    {k: v for k, v in i.items() if k != "attributeValue"} for i in payload["setVariableData"]
                ]
                return {"setVariableResult": [{"attributeStatus": "Accepted", **item} for item in items]}
            case "GetLocalListVersion":
                return {"listVersion": 1, "versionNumber": 1}
            case "GetBaseReport":
                payload = {**payload, "componentVariable": [{"component": {"name": "Any"}}]}
                return super().answer("GetReport", payload)
        return super().answer(action, payload)


class Life:
    """``step`` lets time pass, in which everybody does something. ``seed``: the same life again.

    ``ping``: seconds between pings of the charger's; without (0) nobody is told for long that it lives.
    """

    def __init__(self, version: str, seed: int, *, ping: float = 30) -> None:
        self.version = version
        self.chance = random.Random(seed)
        free = dict.fromkeys((ask("energy", 1)[0] for ask in ALL[version]), Verdict.ALLOW)
        options: dict[str, Any] = {"retry_attempts": 10**6, "retry_interval": 5.0, "trigger_limit": 5}
        self.routes: tuple[RouteSnapshot, ...] = tuple(
            route(key, name, role, free if role is Role.CONTROL else None, **options)
            for key, (name, role) in enumerate(NAMES.items(), 1)
        )
        self.world = World(
            *self.routes,
            version=version,
            options=ChargerOptions(auth_offline="accept", local_list="merged", ping=ping),
        )
        self.world.wire.records = False  # it goes on for long
        ids = self.world.ids
        self.world.machine._state.new_id = lambda: f"p{next(ids)}"  # which does not hold this world
        self.world.obey = self._obey
        self.askers = {
            name: Asker(name, "1.6" if version == "1.6" else "2.0.1", self.chance, [5]) for name in NAMES
        }
        self.ids = itertools.count(1)
        self.things = Things()
        self.running: dict[int, Any] = {}
        self.waiting: tuple[str, str, Any] | None = None
        self.repeats = 0
        self.is_off = ""
        self.world.auto_open = False
        self.connect()

    # -- the charger -------------------------------------------------------------------------------------

    def connect(self, *, boots: bool = True) -> None:
        """A new socket of the charger."""
        self.world.connect()
        if boots:
            self.say("BootNotification", json.loads(BOOT if self.version == "1.6" else BOOT_2))

    def say(self, action: str, payload: Any) -> Any:
        """Send a CALL, unless another waits for its answer; the payload of the answer, if it came."""
        if self.waiting is not None or not self.online:
            return None
        self.waiting = (f"c{next(self.ids)}", action, payload)
        self.repeats = 0
        return self._try()

    def _try(self) -> Any:
        assert self.waiting is not None
        message_id, action, payload = self.waiting
        self.world.frame(json.dumps([2, message_id, action, payload]))
        return self._answer()

    def _answer(self) -> Any:
        if self.waiting is None or not (answers := self.world.answered.get(self.waiting[0])):
            return None
        self.waiting = None
        return answers[0][2] if answers[0][0] == 3 else None

    def _repeat(self) -> None:
        """What has no answer is said again, and given up in the end."""
        self._answer()
        if self.waiting is not None and self.online:
            self.repeats += 1
            if self.repeats > GIVES_UP_AFTER:
                self.waiting = None
            else:
                self._try()

    @property
    def online(self) -> bool:
        return self.world.machine._state.online

    @property
    def moment(self) -> str:
        """The charger's clock."""
        return self.world.utc.isoformat().replace("+00:00", "Z")

    def _card(self) -> str:
        """Mostly one of the usual; now and then somebody passes who was never here."""
        if self.chance.random() < 0.2:
            return f"GUEST-{next(self.ids)}"
        return f"CARD-{self.chance.randrange(CARDS)}"

    def _go_on(self, connector: int) -> None:
        """A session begins, goes on or ends; sometimes the charger only says how it is."""
        if self.chance.random() < 0.3:
            return self._tell_status(connector)
        if self.version == "1.6":
            return self._session_16(connector)
        return self._session_2(connector)

    def _tell_status(self, connector: int) -> None:
        status = self.chance.choice(["Available", "Faulted"])
        if self.version == "1.6":
            self.say("StatusNotification",
                     {"connectorId": connector, "errorCode": "NoError", "status": status})  # fmt: skip
        else:
            self.say("StatusNotification",
                     {"timestamp": self.moment, "connectorStatus": status, "evseId": connector,
                      "connectorId": 1})  # fmt: skip

    def _session_16(self, connector: int) -> None:
        if connector not in self.running:
            card = self._card()
            self.say("Authorize", {"idTag": card})
            answer = self.say("StartTransaction", start(connector, card, at=self.moment))
            if answer is not None:
                self.running[connector] = answer["transactionId"]
                self.askers["billing"].numbers[:] = [answer["transactionId"]]
        elif self.chance.random() < 0.8:
            self.say("MeterValues", meter(self.running[connector], connector, value=self.moment))
        elif self.waiting is None and self.online:
            self.say("StopTransaction", stop(self.running.pop(connector), at=self.moment))

    def _session_2(self, connector: int) -> None:
        if self.waiting is not None or not self.online:
            return
        if connector not in self.running:
            self.running[connector] = [f"s{next(self.ids)}", 0]
            self._tell(connector, "Started", self._card())
        elif self.chance.random() < 0.8:
            self._tell(connector, "Updated", None)
        else:
            self._tell(connector, "Ended", None)
            del self.running[connector]

    def _tell(self, connector: int, kind: str, card: str | None) -> None:
        session, seq_no = self.running[connector]
        self.running[connector][1] += 1
        payload = {**event(kind, seq_no, session, card), "timestamp": self.moment, "evse": {"id": connector}}
        if kind == "Started" and self.things.starts and self.chance.random() < 0.5:
            number, tag = self.things.starts.pop()
            payload["transactionInfo"]["remoteStartId"] = number
            payload["idToken"] = {"idToken": tag, "type": "ISO14443"}
        self.say("TransactionEvent", payload)

    def _report(self) -> None:
        """Some of what was asked for comes, some never does."""
        while self.things.reports and self.waiting is None and self.online:
            action, payload = self.things.reports.pop(0)
            if self.chance.random() < 0.9:
                self.say(action, payload)
        self.things.starts[:-5] = []
        if self.version != "1.6" and self.things.reservations and self.chance.random() < 0.2:
            number, _ = self.things.reservations.popitem()
            self.say("ReservationStatusUpdate",
                     {"reservationId": number, "reservationUpdateStatus": "Expired"})  # fmt: skip

    def _obey(self, world: World, frame: Any) -> None:
        """Answer a command: mostly well, sometimes badly or not at all."""
        chance, message_id = self.chance.random(), frame[1]
        if chance < 0.05:
            return
        if chance < 0.08:
            return world.frame(f'[4,"{message_id}","InternalError","not now",{{}}]')
        if chance < 0.10:
            return world.frame(f'[3,"{message_id}",["what"]]')
        if chance < 0.15:
            return world.frame(json.dumps([3, message_id, {"status": "Rejected"}]))
        world.frame(json.dumps([3, message_id, self.things.answer(frame[2], frame[3])]))

    # -- the backoffices ---------------------------------------------------------------------------------

    def _ask(self, name: str) -> None:
        """A command: by numbers that it uses again and again, or by new ones."""
        backoffice = self.world[name]
        if not backoffice.up:
            return
        number = self.chance.choice([self.chance.randint(1, 4), next(self.ids)])
        action, payload = self.chance.choice(ALL[self.version])(name, number)
        if self.chance.random() < 0.5:
            action, payload = self.askers[name].next()
        backoffice.call(action, payload, f"b{next(self.ids)}")

    def _serve(self, backoffice: Backoffice) -> None:
        """A link opens again, or what was held is answered."""
        if backoffice.wanted and not backoffice.up:
            backoffice.open()
        backoffice.release()

    # -- faults ------------------------------------------------------------------------------------------

    def _fault(self) -> None:
        faults: list[Callable[[], None]] = [
            self._cut, self._away, self._garbage, self._switch, self._misbehave, self._lose, self._refuse,
            self._nonsense, self._slow_disk,
        ]  # fmt: skip
        self.chance.choice(faults)()

    def _cut(self) -> None:
        self.world.disconnect()
        self.connect(boots=self.chance.random() < 0.5)

    def _away(self) -> None:
        self.world.disconnect()

    def _garbage(self) -> None:
        for _ in range(self.chance.randint(1, 12)):
            self.world.frame(self.chance.choice(GARBAGE))

    def _switch(self) -> None:
        """A route is switched off, and in the next step on."""
        self.is_off = self.chance.choice(list(NAMES))
        self.world.configure(*(one for one in self.routes if one.backoffice != self.is_off))

    def _misbehave(self) -> None:
        one = self.world[self.chance.choice(list(NAMES))]
        one.behave = self.chance.choice([Backoffice.hold, Backoffice.ignore, _refuses, _talks_nonsense])

    def _lose(self) -> None:
        one = self.world[self.chance.choice(list(NAMES))]
        if one.up:
            one.lose()

    def _refuse(self) -> None:
        one = self.world[self.chance.choice(list(NAMES))]
        if one.wanted and not one.up:
            one.refuse(f"refused {next(self.ids)}")

    def _nonsense(self) -> None:
        one = self.world[self.chance.choice(list(NAMES))]
        if one.up:
            one.say(self.chance.choice(GARBAGE))

    def _slow_disk(self) -> None:
        self.world.commit_at_once = False

    def _recover(self) -> None:
        """Most of what is wrong is right again."""
        self.world.commit_at_once = True
        self.world.commit()
        if self.is_off:
            self.is_off = ""
            self.world.configure(*self.routes)
        for backoffice in self.world.backoffices.values():
            if self.chance.random() < 0.7:
                backoffice.behave = Backoffice.answer
                self._serve(backoffice)
        if not self.online:
            self.connect(boots=self.chance.random() < 0.7)

    # -- time --------------------------------------------------------------------------------------------

    def step(self, seconds: float, *, reconnects: bool = False) -> None:
        """Let ``seconds`` pass; everybody does something, and something may go wrong."""
        self._recover()
        if reconnects:
            self._cut()
        self._repeat()
        for connector in CONNECTORS:
            self._go_on(connector)
        self._report()
        for name in NAMES:
            if self.chance.random() < 0.5:
                self._ask(name)
        if self.chance.random() < 0.1:
            self._fault()
        self.world.wait(seconds * self.chance.uniform(0.8, 1.2))
        self._forget()

    def settle(self) -> None:
        """Everybody is well, what runs ends, and the charger goes when all is said."""
        self.chance.random = lambda: 0.5  # type: ignore[method-assign] # neither faults nor surprises
        for _ in range(20):
            self._recover()
            self._repeat()
            self.world.wait(60)
        while self.running:
            connector, session = self.running.popitem()
            if self.version == "1.6":
                self.say("StopTransaction", stop(session, at=self.moment))
            else:
                self.running[connector] = session
                self._tell(connector, "Ended", None)
                del self.running[connector]
            self.world.wait(120)
            self._repeat()
        self.world.disconnect()
        self.world.wait(timedelta(hours=1).total_seconds())

    def _forget(self) -> None:
        """What only the tests keep of what has happened."""
        world = self.world
        answers = world.answered if self.waiting is not None else {}
        kept = {k: v for k, v in answers.items() if self.waiting is not None and k == self.waiting[0]}
        world.forget()
        world.answered.update(kept)
        for kept_list in (world.reports, world.closed, world.pings, world.closed_links, world.database.done):
            kept_list.clear()
        del world.database.messages[:-200]


def _refuses(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    backoffice.say(f'[4,"{message_id}","InternalError","not now",{{}}]')


def _talks_nonsense(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    backoffice.say(f'[3,"{message_id}","nonsense"]')
