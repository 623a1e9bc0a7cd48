"""Whatever backoffices say of cards, and whenever: the charger gets exactly one answer to each CALL."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core.options import AuthRule, ChargerOptions
from routing.core.snapshot import CardRule
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, start

NAMES = ("billing", "energy")
TAGS = ("DE-1", "NL-1", "KNOWN", "BAD")
STRATEGIES = ("primary", "prefix", "first_accept", "all_accept", "local", "free")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("authorize"), st.sampled_from(TAGS)),
        st.tuples(st.just("start"), st.sampled_from(TAGS)),
        st.tuples(st.sampled_from(["hold", "release", "lose", "open", "garbage"]), st.sampled_from(NAMES)),
        st.tuples(st.just("says"), st.sampled_from(["Accepted", "Invalid", "Blocked"])),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.35, 5, 700])),
        st.tuples(st.just("remote"), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["restart", "switch off", "switch on"]), st.just("")),
    ),
    max_size=20,
)


class Play:
    """A world, with verdicts that change and answers that wait."""

    def __init__(self, version: str, strategy: Any, then: Any) -> None:
        rules = (AuthRule(match="prefix", value="DE", backoffice="energy"),)
        options = ChargerOptions(authorization=strategy, auth_then=then, auth_rules=rules)
        self.world = World(BILLING, ENERGY, WATCHER, version=version, options=options)
        self.world.cards = {"KNOWN": CardRule(), "BAD": CardRule(blocked=True)}
        self.world.machine = self.world._machine()
        self.status = "Accepted"
        self.world.boot()
        for name in NAMES:
            self.world[name].behave = self.answer
        self.asked: list[str] = []
        self.starts = self.calls = 0

    def answer(self, backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        answer = backoffice.payload_for(action)
        if action in ("Authorize", "StartTransaction", "TransactionEvent"):
            member = "idTagInfo" if self.world.version == "1.6" else "idTokenInfo"
            answer[member] = {"status": self.status}
        backoffice.result(message_id, answer)

    def step(self, what: str, which: Any) -> None:
        world = self.world
        match what:
            case "authorize":
                token = {"idToken": {"idToken": which, "type": "ISO14443"}}
                self.call("Authorize", {"idTag": which} if world.version == "1.6" else token)
            case "start":
                self.starts += 1
                begun = start(self.starts, tag=which)
                is_16 = world.version == "1.6"
                event_ = event("Started", 0, f"T-{self.starts}", which)
                self.call("StartTransaction" if is_16 else "TransactionEvent", begun if is_16 else event_)
            case "says":
                self.status = which
            case "wait":
                world.wait(which)
            case "restart":
                world.restart()
                world.connect()
                self.asked.clear()  # its socket is gone with what it waited for
            case "switch off":
                world.configure(BILLING)
            case "switch on":
                world.configure(BILLING, ENERGY, WATCHER)
            case "remote":
                payload = {
                    "idTag": "NL-1",
                    "idToken": {"idToken": "NL-1", "type": "Central"},
                    "remoteStartId": 1,
                }
                action = "RemoteStartTransaction" if world.version == "1.6" else "RequestStartTransaction"
                self.of(which).call(action, payload)
            case _:
                self.backoffice(what, self.of(which))

    def of(self, name: str) -> Backoffice:
        return self.world.backoffices[1 if name == "billing" else 2]

    def backoffice(self, what: str, backoffice: Backoffice) -> None:
        match what:
            case "hold":
                backoffice.behave = Backoffice.hold
            case "release":
                backoffice.behave = self.answer
                held, backoffice.held = backoffice.held, []
                for message_id, action, payload in held:
                    self.answer(backoffice, message_id, action, payload)
            case "garbage":
                held, backoffice.held = backoffice.held, []
                for message_id, _, _ in held:
                    backoffice.say(f'[3,"{message_id}",{{"idTagInfo":7}}]')
            case "lose" if backoffice.up:
                backoffice.lose()
            case "open" if backoffice.wanted and not backoffice.up:
                backoffice.open()

    def call(self, action: str, payload: Any) -> None:
        self.calls += 1
        message_id = f"m{self.calls}"
        self.asked.append(message_id)
        self.world.call(action, payload, message_id)


@given(
    version=st.sampled_from(["1.6", "2.0.1", "2.1"]),
    strategy=st.sampled_from(STRATEGIES),
    then=st.sampled_from(["primary", "prefix", "first_accept", "all_accept", "free"]),
    steps=STEPS,
)
@settings(max_examples=150)
def test_one_answer_to_each_question_about_a_card(version: str, strategy: Any, then: Any, steps: Any) -> None:
    play = Play(version, strategy, then)
    for what, which in steps:
        play.step(what, which)
    play.world.wait(9)
    for message_id in play.asked:
        answer = play.world.answer_to(message_id)  # which also sees to it that there are not two
        assert answer is not None, message_id
        assert answer[0] == 3
