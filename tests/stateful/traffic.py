"""Random traffic, outages, silence, kills and slow disks around the machine, and what must hold in it.

``MACHINE_EXAMPLES`` sets how many runs are tried of each kind (always the same ones by default); set,
each test run tries others. Every frame that the proxy sends is judged by the schemas.
"""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, RouteSnapshot
from tests.routing.core import complete
from tests.routing.core.harness import BOOT, BOOT_2, World, event, meter, route, start, stop
from tests.routing.core.schemas import judge
from tests.stateful.peer import SESSION, Peer, mark_of, session_of

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))


def profile(examples: int, steps: int = 40) -> settings:
    """So many runs of so many steps, unless the environment asks for other runs."""
    return settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )


NAMES = ("billing", "energy", "watcher")
NUMBERS = {"billing": range(1000, 2000), "energy": range(2000, 3000), "watcher": range(3000, 4000)}
PATIENT: dict[str, Any] = {"retry_attempts": 10**6, "retry_interval": 1.0, "foreign_tx": "full"}
T_CMD = 45.0

names = st.sampled_from(NAMES)
connectors = st.integers(1, 3)


class Traffic(RuleBasedStateMachine):
    """One charger with three backoffices. Its messages of sessions are numbered, to be found again."""

    version = "1.6"

    @initialize()
    def begin(self) -> None:
        """A world in which everybody is there."""
        routes = (
            route(n, name, r, **PATIENT) for n, (name, r) in enumerate(zip(NAMES, ROLES, strict=True), 1)
        )
        self.start_world(tuple(routes), ChargerOptions(auth_offline="accept"))

    def start_world(self, routes: tuple[RouteSnapshot, ...], options: ChargerOptions) -> None:
        """A world with these routes."""
        self.world = World(*routes, version=self.version, options=options)
        self.world.backoffices = {key: self.make_peer(key, name) for key, name in enumerate(NAMES, 1)}
        self.world.obey = self.obey
        self.marks = itertools.count(1)
        self.said: list[str] = []
        self.running: dict[int, tuple[Any, Any]] = {}
        self.waiting: tuple[str, str, Any, str] | None = None
        self.obedient = True
        self.commands: dict[str, tuple[float, str, Any]] = {}
        self.connected = False
        self.reconnect(boots=True)

    def make_peer(self, key: int, name: str) -> Peer:
        """A backoffice of this world."""
        return Peer(self.world, key, NUMBERS[name].start)

    def peer(self, name: str) -> Peer:
        """The backoffice of this name."""
        found = self.world[name]
        assert isinstance(found, Peer)
        return found

    # -- the charger -----------------------------------------------------------------------------------

    def obey(self, _: World, frame: Any) -> None:
        young = [m for m, (at, _, _) in self.commands.items() if self.world.now < at + T_CMD]
        assert young == [], f"{frame} while {young} are outstanding"
        judge(self.version, json.dumps(frame))
        self.commands[frame[1]] = (self.world.now, frame[2], frame[3])
        if self.obedient:
            self.answer_command(frame[1])

    def answer_command(self, message_id: str) -> None:
        """The charger answers what it was asked."""
        _, action, payload = self.commands.pop(message_id)
        answer = json.dumps([3, message_id, self.result(action, payload)])
        judge(self.version, answer, action)
        self.world.frame(answer)

    def result(self, action: str, payload: Any) -> Any:
        """What the charger answers to a command."""
        match action:
            case "GetConfiguration":
                return {"unknownKey": payload.get("key", [])}
            case "GetVariables":
                items = payload["getVariableData"]
                return {"getVariableResult": [{"attributeStatus": "UnknownVariable", **i} for i in items]}
        return {"status": "Accepted"}

    def say(self, action: str, payload: Any, mark: str = "") -> None:
        """Send a CALL; messages of sessions have a ``mark`` and are repeated until they are answered."""
        message_id = f"m{next(self.marks)}"
        if mark and mark not in self.said:
            self.said.append(mark)
        self.waiting = (message_id, action, payload, mark)
        judge(self.version, json.dumps([2, message_id, action, payload]))
        self.world.call(action, payload, message_id)
        self.hear()

    def hear(self) -> None:
        """Take the answer, if it is there."""
        if self.waiting is None or (answer := self.world.answer_to(self.waiting[0])) is None:
            return
        _, action, payload, mark = self.waiting
        self.waiting = None
        judge(self.version, json.dumps(answer), action)
        self.answered(action, payload, mark, answer)

    def answered(self, action: str, payload: Any, mark: str, answer: Any) -> None:
        """What an answer changes for the charger."""
        if action == "StartTransaction":
            number = answer[2]["transactionId"]
            assert number not in [n for n, _ in self.running.values()]
            self.running[payload["connectorId"]] = (number, payload["timestamp"])

    def reconnect(self, *, boots: bool) -> None:
        """A new socket, on which the charger repeats what was not answered."""
        self.commands.clear()
        self.connected = True
        waiting, self.waiting = self.waiting, None
        self.world.connect()
        if boots:
            self.say("BootNotification", json.loads(BOOT if self.version == "1.6" else BOOT_2))
            self.patience()
        if waiting is not None and waiting[3]:
            self.say(*waiting[1:])

    def patience(self) -> None:
        """Wait for the answer: it must come, whatever the backoffices do."""
        self.world.commit()
        if self.waiting is not None:
            self.pass_time(16)
            self.world.commit()
            self.hear()
            assert self.waiting is None, f"not answered: {self.waiting}"

    def pass_time(self, seconds: float) -> None:
        """Time passes."""
        self.world.wait(seconds)
        self.hear()

    def go_on(self, connector: int) -> None:
        """Send a message of a session that is running."""
        raise NotImplementedError

    @property
    def free(self) -> bool:
        """Whether the charger may send a CALL."""
        return self.connected and self.waiting is None

    # -- faults ----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 1, 3, 9, 31, 70, 400]))
    def wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    @precondition(lambda self: self.waiting is not None and self.connected)
    @rule()
    def wait_for_the_answer(self) -> None:
        self.patience()

    @precondition(lambda self: self.waiting is not None and self.connected and self.waiting[3])
    @rule()
    def give_up(self) -> None:
        """The answer does not come: the charger says the same again, under another id."""
        self.pass_time(31)
        if self.waiting is not None:
            self.say(*self.waiting[1:])

    @precondition(lambda self: self.free and self.running)
    @rule(data=st.data(), boots=st.booleans())
    def kill_before_the_answer(self, data: st.DataObject, boots: bool) -> None:
        """What was said is safe, but the charger does not know that: it says it to the next process."""
        self.disk(False)
        self.go_on(data.draw(st.sampled_from(sorted(self.running))))
        self.world.restart(committed=True)
        self.reconnect(boots=boots)

    @rule(name=names)
    def break_link(self, name: str) -> None:
        if self.peer(name).up:
            self.peer(name).lose()
            self.hear()

    @rule(name=names)
    def dial(self, name: str) -> None:
        peer = self.peer(name)
        if peer.wanted and not peer.up:
            peer.open()
            self.hear()

    @rule(name=names)
    def refuse_dial(self, name: str) -> None:
        if self.peer(name).wanted and not self.peer(name).up:
            self.peer(name).refuse()
            self.hear()

    @rule(name=names, mode=st.sampled_from(["answer", "hold", "ignore", "refuse"]))
    def behave(self, name: str, mode: str) -> None:
        peer = self.peer(name)
        peer.mode = mode
        if mode == "answer":
            peer.release()
            self.hear()

    @rule(auto=st.booleans())
    def dialling(self, auto: bool) -> None:
        self.world.auto_open = auto

    @rule(at_once=st.booleans())
    def disk(self, at_once: bool) -> None:
        self.world.commit_at_once = self.world.loads_at_once = at_once
        self.world.load()
        self.hear()

    @rule(at_once=st.booleans(), count=st.integers(0, 3))
    def slots(self, at_once: bool, count: int) -> None:
        self.world.grants_at_once = at_once
        self.world.grant(100 if at_once else count)
        self.hear()

    @rule()
    def commit(self) -> None:
        self.world.commit()
        self.hear()

    @rule(committed=st.booleans(), boots=st.booleans())
    def kill(self, committed: bool, boots: bool) -> None:
        self.world.restart(committed=committed)
        self.reconnect(boots=boots)

    @precondition(lambda self: self.connected)
    @rule()
    def disconnect(self) -> None:
        self.connected = False
        self.world.disconnect()

    @rule(boots=st.booleans())
    def connect(self, boots: bool) -> None:
        self.reconnect(boots=boots)

    @rule(name=names)
    def redial(self, name: str) -> None:
        if self.peer(name).wanted:
            self.world.do(self.world.machine.redial(NAMES.index(name) + 1, *self.world.time))
            self.hear()

    @precondition(lambda self: not self.connected)
    @rule()
    def deliver_backlog(self) -> None:
        self.world.do(self.world.machine.deliver_backlog(self.version, *self.world.time))

    @rule(name=names)
    def command(self, name: str) -> None:
        if self.peer(name).up:
            variable = {"component": {"name": "A"}, "variable": {"name": "B"}}
            if self.version == "1.6":
                self.peer(name).ask(f"b{next(self.marks)}", "GetConfiguration", {"key": ["A"]})
            else:
                asked = {"getVariableData": [variable]}
                self.peer(name).ask(f"b{next(self.marks)}", "GetVariables", asked)

    @rule(obedient=st.booleans())
    def obedience(self, obedient: bool) -> None:
        self.obedient = obedient
        for message_id in list(self.commands) if obedient and self.connected else ():
            self.answer_command(message_id)

    # -- traffic of every version ------------------------------------------------------------------------

    @precondition(lambda self: self.free)
    @rule()
    def heartbeat(self) -> None:
        self.say("Heartbeat", {})
        assert self.waiting is None

    @precondition(lambda self: self.free)
    @rule()
    def boot(self) -> None:
        self.say("BootNotification", json.loads(BOOT if self.version == "1.6" else BOOT_2))

    @precondition(lambda self: self.free)
    @rule(connector=connectors, state=st.sampled_from(["Available", "Faulted"]))
    def status(self, connector: int, state: str) -> None:
        payload = {"connectorId": connector, "errorCode": "NoError", "status": state}
        if self.version != "1.6":
            payload = {"evseId": connector, "connectorId": 1, "connectorStatus": state, "timestamp": "t"}
        self.say("StatusNotification", payload)
        assert self.waiting is None

    # -- what holds --------------------------------------------------------------------------------------

    @invariant()
    def each_call_is_answered_at_most_once(self) -> None:
        if hasattr(self, "world"):
            assert [m for m, answers in self.world.answered.items() if len(answers) > 1] == []
            for name in NAMES:
                assert [m for m, count in self.peer(name).asked.items() if count > 1] == []

    @invariant()
    def nobody_sees_the_number_of_another(self) -> None:
        if hasattr(self, "world"):
            for name in NAMES:
                for action, payload in self.peer(name).of("MeterValues", "StopTransaction"):
                    number = payload.get("transactionId")
                    if number is not None:
                        assert number in NUMBERS[name], f"{name} got {number} in {action}"
                        assert self.peer(name).given[number] == session_of(action, payload)

    @invariant()
    def slots_are_out_only_for_what_is_unanswered(self) -> None:
        for key in self.world.slots_out if hasattr(self, "world") else ():
            assert self.peer(NAMES[key - 1]).unanswered, f"{NAMES[key - 1]} keeps a slot for nothing"

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        self.slots(True, 0)
        world.commit_at_once = world.loads_at_once = world.auto_open = self.obedient = True
        world.load()
        for name in NAMES:
            self.behave(name, "answer")
        self.reconnect(boots=True)
        for name in NAMES:
            self.dial(name)
        self.pass_time(50)
        if self.waiting is not None:
            self.patience()
        self.obedience(True)
        self.pass_time(4000)
        for name in NAMES:
            assert list(dict.fromkeys(map(mark_of, self.peer(name).of(*SESSION)))) == self.said, name
            assert set(self.peer(name).asked.values()) <= {1}, "a command was not answered"
        assert world.database.deliveries == {}
        assert world.database.dead == []
        assert (world.slots_asked, world.slots_out) == ([], set())
        self.each_call_is_answered_at_most_once()
        self.nobody_sees_the_number_of_another()
        complete.check(world)


ROLES = (Role.BILLING, Role.CONTROL, Role.OBSERVE)


class Traffic16(Traffic):
    """Sessions of 1.6, where every backoffice has its own number."""

    @precondition(lambda self: self.free)
    @rule(card=st.sampled_from(["A", "B"]))
    def authorize(self, card: str) -> None:
        self.say("Authorize", {"idTag": card})

    @precondition(lambda self: self.free)
    @rule(connector=connectors, card=st.sampled_from(["A", "B"]))
    def start(self, connector: int, card: str) -> None:
        if connector not in self.running:
            mark = f"s{next(self.marks)}"
            self.say("StartTransaction", start(connector, card, at=mark), mark)

    @precondition(lambda self: self.free and self.running)
    @rule(data=st.data())
    def meter(self, data: st.DataObject) -> None:
        self.go_on(data.draw(st.sampled_from(sorted(self.running))))

    def go_on(self, connector: int) -> None:
        number, session = self.running[connector]
        mark = f"{session}/{next(self.marks)}"
        self.say("MeterValues", meter(number, connector, value=mark), mark)

    @precondition(lambda self: self.free and self.running)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        connector = data.draw(st.sampled_from(sorted(self.running)))
        number, session = self.running.pop(connector)
        mark = f"{session}/{next(self.marks)}"
        self.say("StopTransaction", stop(number, at=mark), mark)


class Traffic201(Traffic):
    """Sessions of 2.x, whose events carry the charger's own id and a running number."""

    version = "2.0.1"

    @precondition(lambda self: self.free)
    @rule(evse=connectors, card=st.booleans())
    def begin_session(self, evse: int, card: bool) -> None:
        if evse not in self.running:
            self.running[evse] = (f"s{next(self.marks)}", 0)
            self.tell("Started", evse, "A" if card else None)

    @precondition(lambda self: self.free and self.running)
    @rule(data=st.data(), card=st.sampled_from([None, None, "A"]))
    def update(self, data: st.DataObject, card: str | None) -> None:
        self.tell("Updated", data.draw(st.sampled_from(sorted(self.running))), card)

    @precondition(lambda self: self.free and self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        evse = data.draw(st.sampled_from(sorted(self.running)))
        self.tell("Ended", evse, None)
        del self.running[evse]

    def go_on(self, evse: int) -> None:
        self.tell("Updated", evse, None)

    def tell(self, kind: str, evse: int, card: str | None) -> None:
        """Send the next event of the session on this EVSE."""
        session, seq_no = self.running[evse]
        self.running[evse] = (session, seq_no + 1)
        payload = {**event(kind, seq_no, session, card), "timestamp": session, "evse": {"id": evse}}
        self.say("TransactionEvent", payload, f"{session}{seq_no}")


class Traffic21(Traffic201):
    """The same on 2.1."""

    version = "2.1"
