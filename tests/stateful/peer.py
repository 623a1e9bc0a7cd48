"""A backoffice of random runs, and how messages of sessions are told apart."""

from __future__ import annotations

import json
from typing import Any

from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import World
from tests.routing.core.schemas import judge

T_UP = 30.0

SESSION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")


def session_of(action: str, payload: Any) -> str:
    """The session that a message says it belongs to, as the charger had marked it."""
    if action == "MeterValues":
        return str(payload["meterValue"][0]["sampledValue"][0]["value"].split("/")[0])
    return str(payload["timestamp"].split("/")[0])


def mark_of(message: tuple[str, Any]) -> str:
    """The mark under which the charger sent this message."""
    action, payload = message
    if action == "MeterValues":
        return str(payload["meterValue"][0]["sampledValue"][0]["value"])
    return f"{payload['timestamp']}{payload.get('seqNo', '')}"


class Peer(Backoffice):
    """A backoffice that keeps book: which number it gave to which session, and what is unanswered."""

    def __init__(self, world: World, key: int, first_number: int) -> None:
        super().__init__(world, key, first_number)
        self.given: dict[int, str] = {}
        self.unanswered: dict[str, float] = {}
        self.asked: dict[str, int] = {}
        self.actions: dict[str, str] = {}
        self.mode = "answer"
        self.behave = Peer.act
        self._recorded: set[str] = set()
        self._read = 0

    def take(self, text: str) -> None:
        frame = json.loads(text)
        if frame[0] == 2:
            young = [m for m, at in self.unanswered.items() if self.world.now < at + T_UP]
            assert young == [], f"{frame} while {young} are outstanding"
            self.unanswered[frame[1]] = self.world.now
            if frame[2] in SESSION:
                mark = mark_of((frame[2], frame[3]))
                assert mark not in self.recorded(), f"{mark} came again after it was recorded as answered"
        elif frame[1] in self.asked:
            self.asked[frame[1]] += 1
        judge(self.world.version, text, self.actions.get(frame[1], "") if frame[0] == 3 else "")
        super().take(text)

    def recorded(self) -> set[str]:
        """The marks of what the database knows that this one has answered: it comes no more."""
        done = self.world.database.done
        for row in done[self._read :]:
            if row.route == self.key and row.action in SESSION:
                self._recorded.add(mark_of((row.action, json.loads(row.payload))))
        self._read = len(done)
        return self._recorded

    def ask(self, message_id: str, action: str, payload: Any) -> None:
        """Send a CALL and count its answers."""
        self.asked[message_id] = 0
        self.actions[message_id] = action
        judge(self.world.version, json.dumps([2, message_id, action, payload]))
        self.call(action, payload, message_id)

    def payload_for(self, action: str) -> dict[str, Any]:
        """The usual answer; where a status has to be in it, the good one."""
        if action == "OpenPeriodicEventStream":
            return {"status": "Accepted"}
        return super().payload_for(action)

    def act(self, message_id: str, action: str, payload: Any) -> None:
        """Do as the mode says: answer, hold, ignore or refuse."""
        if self.mode == "hold":
            return self.hold(message_id, action, payload)
        if self.mode == "refuse" and action not in ("BootNotification", "Heartbeat"):
            self.unanswered.pop(message_id, None)
            return self.say(f'[4,"{message_id}","InternalError","not now",{{}}]')
        if self.mode != "ignore":
            self.answer(message_id, action, payload)

    def answer(self, message_id: str, action: str, payload: Any) -> None:
        answer = self.payload_for(action)
        if action == "StartTransaction":
            self.given[answer["transactionId"]] = payload["timestamp"]
        self.unanswered.pop(message_id, None)
        self.result(message_id, answer)

    def drop(self) -> None:
        super().drop()
        self.unanswered.clear()
        self.asked.clear()
