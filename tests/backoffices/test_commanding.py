"""Commands from their row to the charger and back, on both databases; what a dead process leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.live import Pace
from routing.commands import claims, service, waking
from routing.core.decisions import CommandEnded, CommandSent
from routing.models import ChargerSession, Command
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Socket, request, runtime

BOOT = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
OFTEN = Pace(beat=3600, poll=3600, sweep=0.02, mourn=3600, health=3600)


class Charger(Socket):
    """A charger that answers commands as ``says`` does, None for not at all."""

    def __init__(self, says: Callable[[str, Any], Any] = lambda action, payload: {"status": "Accepted"}):
        super().__init__()
        self.says = says
        self.asked: list[tuple[str, Any]] = []
        self.arrived = asyncio.Event()
        self.attachment: Any = None

    def send(self, text):
        super().send(text)
        frame = json.loads(text)
        if frame[0] == 2:
            self.asked.append((frame[2], frame[3]))
            self.arrived.set()
            answer = self.says(frame[2], frame[3])
            if answer is not None:
                self.attachment.up(json.dumps([3, frame[1], answer]))


class World:
    """An organisation with members of each role, and a charger that is the organisation's."""

    def __init__(self) -> None:
        self.organisation = Organisation.objects.create(name="Ours")
        other = Organisation.objects.create(name="Theirs")
        self.root = User.objects.create_superuser("root")
        self.installer = self.member("installer", self.organisation)
        self.operator = self.member("operator", self.organisation)
        self.reader = self.member("read_only", self.organisation)
        self.foreigner = self.member("installer", other, "foreigner")
        self.model = apps.get_model("chargers", "Charger")
        self.charger = self.model.objects.create(identity="CP-1", organisation=self.organisation)

    def member(self, role: str, organisation: Organisation, name: str = "") -> User:
        user = User.objects.create_user(name or role)
        Membership.objects.create(user=user, organisation=organisation, role=role)
        return user

    def online(self, version: str = "1.6") -> None:
        ChargerSession.objects.create(charger=self.charger, online=True, ocpp_version=version)

    def submit(self, verb: str = "clear_cache", arguments: Any = None, **how: Any) -> Command:
        how = {"user": self.installer, "via": "api", **how}
        user = how.pop("user")
        return service.submit(user, how.pop("charger", self.charger), verb, arguments, **how)


@pytest.fixture
def ours(database):
    return database.here(World)


@pytest.fixture(autouse=True)
def nobody_is_woken_afterwards():
    yield
    waking.install(None)


@pytest.fixture
def woken():
    """Chargers for which somebody was woken."""
    chargers: list[int] = []
    waking.install(chargers.append)
    return chargers


async def connected(here, world: World, charger: Charger) -> Any:
    charger.attachment = await here.attach(request(world.charger.pk), charger)
    charger.attachment.up(BOOT)
    await here._presence.settled()
    return charger.attachment


async def ended(database, command: Command) -> Command:
    """The command once it has ended; rows tell of nothing, so it is asked again."""
    async with asyncio.timeout(PATIENCE):
        while not command.is_finished:
            await asyncio.sleep(0.01)
            await database.orm(command.refresh_from_db)
    return command


# -- who may, and what is stored -----------------------------------------------------------------------


def test_a_command_is_a_row_a_deed_and_a_waking(database, ours, woken):
    def story():
        ours.online()
        command = ours.submit("limit", {"limit": 10})
        (deed,) = Deed.objects.filter(verb="did")
        return command, deed

    command, deed = database.here(story)
    assert (command.state, command.verb, command.action) == ("queued", "limit", "SetChargingProfile")
    assert (command.command_class, command.via, command.actor_name) == ("energy", "api", "installer")
    assert (deed.words, deed.actor_name, deed.via) == ("Asked CP-1 for limit.", "installer", "api")
    assert deed.charger_id == ours.charger.pk
    assert woken == [ours.charger.pk]


@pytest.mark.parametrize(
    ("who", "verb", "arguments", "error"),
    [
        ("foreigner", "start", {"id_tag": "A"}, service.NoSuchCharger),
        ("reader", "start", {"id_tag": "A"}, service.Forbidden),
        ("installer", "InstallCertificate", {}, service.Invalid),
        (
            "installer",
            "write_configuration",
            {"key": "BackOffice-URL", "value": "ws://elsewhere"},
            service.Forbidden,
        ),
        ("installer", "no_such_verb", {}, service.Invalid),
    ],
)
def test_what_is_not_given_leaves_nothing(database, ours, woken, who, verb, arguments, error):
    def story():
        ours.online()
        with pytest.raises(error):
            ours.submit(verb, arguments, user=getattr(ours, who))
        return Command.objects.count(), Deed.objects.filter(verb="did").count()

    assert database.here(story) == (0, 0)
    assert woken == []


@pytest.mark.parametrize("who", ["operator", "root"])
def test_who_may_what_is_dangerous(database, ours, who):
    def story():
        ours.online()
        return ours.submit(
            "write_configuration", {"key": "BackOffice-URL", "value": "x"}, user=getattr(ours, who)
        )

    assert database.here(story).command_class == "dangerous"


def test_who_sees_commands(database, ours):
    def story():
        ours.online()
        ours.submit()
        users = (ours.installer, ours.reader, ours.root, ours.foreigner)
        return [Command.objects.visible_to(user).count() for user in users]

    assert database.here(story) == [1, 1, 1, 0]


def test_the_same_key_twice_is_one_command(database, ours, woken):
    def story():
        ours.online()
        one = ours.submit(idempotency_key="k")
        two = ours.submit(idempotency_key="k")
        other = ours.submit(idempotency_key="k", user=ours.operator)
        with pytest.raises(service.KeyReused):
            ours.submit("restart", idempotency_key="k")
        return one.pk, two.pk, other.pk, Command.objects.count()

    one, two, other, count = database.here(story)
    assert (one == two, one == other, count) == (True, False, 2)
    assert len(woken) == 2


def test_a_charger_that_is_away_ends_a_command_at_once_unless_it_may_wait(database, ours, woken):
    def story():
        ChargerSession.objects.create(charger=ours.charger, online=False, ocpp_version="1.6")
        later = timezone.now() + timedelta(hours=1)
        return ours.submit(), ours.submit(valid_until=later)

    at_once, waits = database.here(story)
    assert (at_once.state, at_once.is_finished) == ("offline", True)
    assert waits.state == "queued"


def test_secrets_are_kept_sealed_and_only_until_the_end(database, ours):
    def story():
        ours.online()
        location = "ftp://user:hush@files/"
        command = ours.submit("diagnostics", {"location": location})
        shown = json.dumps(command.payload) + json.dumps(list(Deed.objects.values("words", "after")))
        (sent,) = claims.claim(ours.charger.pk, "here")
        claims.note([CommandEnded(id=sent.id, outcome="answered", payload="{}")])
        command.refresh_from_db()
        return shown, sent.payload, command.sealed

    shown, sent, sealed = database.here(story)
    assert "hush" not in shown
    assert "hush" in sent
    assert sealed is None


@pytest.mark.parametrize("late", [False, True])
def test_a_refusal_that_quotes_what_was_asked_shows_no_card(database, ours, late):
    told = {
        "statusInfo": {"reasonCode": "x", "additionalInfo": "04A2B3C4D5 is blocked"},
        "status": "Rejected",
    }
    words = "idTag 04a2b3c4d5 is not known"
    told_of_each: list[dict[str, Any]] = [
        {"outcome": "error", "code": "FormationViolation", "words": words},
        {"outcome": "answered", "payload": json.dumps(told)},
    ]

    def story():
        ours.online()
        commands = [ours.submit("start", {"id_tag": "04A2B3C4D5"}) for _ in range(2)]
        for sent, news in zip(claims.claim(ours.charger.pk, "here"), told_of_each, strict=True):
            before = [CommandEnded(id=sent.id, outcome="timeout")] if late else []
            claims.note([CommandSent(sent.id, 1), *before, CommandEnded(id=sent.id, late=late, **news)])
        for command in commands:
            command.refresh_from_db()
        return commands

    refused, rejected = database.here(story)
    assert "idTag ****c4d5 is not known" in refused.words
    assert "****C4D5 is blocked" in rejected.words
    assert rejected.answer["statusInfo"]["additionalInfo"] == "****C4D5 is blocked"


@pytest.mark.parametrize(
    "answer",
    [
        '{"status":[]}',
        '{"status":{"\\u0000":1}}',
        '{"status":"Re\\u0000jected"}',
        '{"status":null,"statusInfo":{"reasonCode":["\\ud800"]}}',
    ],
)
def test_an_answer_that_is_none_ends_the_command(database, ours, answer):
    def story():
        ours.online()
        command = ours.submit()
        (sent,) = claims.claim(ours.charger.pk, "here")
        claims.note([CommandSent(sent.id, 1), CommandEnded(id=sent.id, outcome="answered", payload=answer)])
        command.refresh_from_db()
        return command.is_finished

    assert database.here(story)


def test_words_that_no_database_takes_end_the_command(database, ours):
    def story():
        ours.online()
        command = ours.submit()
        (sent,) = claims.claim(ours.charger.pk, "here")
        claims.note([CommandEnded(id=sent.id, outcome="error", code="X\0", words="a\0b")])
        command.refresh_from_db()
        return command.state, command.words

    assert database.here(story) == ("failed", "X\\u0000: a\\u0000b")


# -- to the charger and back ---------------------------------------------------------------------------


async def test_a_command_goes_to_the_charger_and_its_answer_into_the_row(database, ours):
    async with runtime() as here:
        waking.install(here.commands.wake)
        charger = Charger()
        await connected(here, ours, charger)
        command = await database.orm(ours.submit, "reset", {"how": "hard"})
        command = await ended(database, command)
        assert charger.asked == [("Reset", {"type": "Hard"})]
        assert (command.state, command.answer) == ("accepted", {"status": "Accepted"})
        assert None not in (command.sent_at, command.finished_at, command.exchange)


async def test_a_lost_waking_is_found_by_looking(database, ours):
    async with runtime(pace=OFTEN) as here:
        await connected(here, ours, Charger(lambda action, payload: {"status": "Rejected"}))
        command = await ended(database, await database.orm(ours.submit))
        assert (command.state, command.words) == ("rejected", "Rejected")


async def test_another_process_hears_of_it_by_a_message(database, ours):
    async with runtime("runtime-a") as owner, runtime("runtime-b") as other:
        charger = Charger()
        await connected(owner, ours, charger)
        waking.install(other.commands.wake)
        command = await ended(database, await database.orm(ours.submit))
        assert command.state == "accepted"


async def test_an_error_and_a_refusal_of_the_proxy_are_told_apart(database, ours):
    async with runtime(pace=OFTEN) as here:
        await connected(here, ours, Charger())
        payload = {"transactionId": 4711}
        command = await ended(database, await database.orm(ours.submit, "RemoteStopTransaction", payload))
        assert command.state == "rejected"
        assert command.words.startswith("refused by the proxy: ")


async def test_what_may_wait_is_sent_when_the_charger_comes(database, ours):
    def waits():
        ChargerSession.objects.create(charger=ours.charger, online=False, ocpp_version="1.6")
        return ours.submit(valid_until=timezone.now() + timedelta(hours=1))

    async with runtime(pace=OFTEN) as here:
        command = await database.orm(waits)
        await connected(here, ours, Charger())
        assert (await ended(database, command)).state == "accepted"


async def test_commands_that_follow_each_other_wait_for_the_answer(database, ours):
    def two():
        first = ours.submit("write_configuration", {"key": "ResetRetries", "value": "1"})
        return first, ours.submit("write_configuration", {"key": "ResetRetries", "value": "2"}, after=first)

    held = []

    def says(action, payload):
        if payload["value"] == "1":
            held.append(payload)
            return None
        return {"status": "Accepted"}

    async with runtime(pace=OFTEN) as here:
        charger = Charger(says)
        await connected(here, ours, charger)
        first, second = await database.orm(two)
        async with asyncio.timeout(PATIENCE):
            await charger.arrived.wait()
        await here.commands.look()
        assert len(charger.asked) == 1
        message_id = json.loads(charger.sent[-1])[1]
        charger.attachment.up(json.dumps([3, message_id, {"status": "Rejected"}]))
        assert (await ended(database, second)).state == "accepted"
        await database.orm(first.refresh_from_db)
        assert first.state == "rejected"


async def test_a_process_that_dies_leaves_a_command_that_ends_as_timed_out(database, ours):
    async with runtime() as here:
        waking.install(here.commands.wake)
        charger = Charger(lambda action, payload: None)
        await connected(here, ours, charger)
        command = await database.orm(ours.submit)
        async with asyncio.timeout(PATIENCE):
            await charger.arrived.wait()
        await here.commands.settled()
        here.commands.told = lambda news: None  # from here on nobody hears of it
        here._live[ours.charger.pk].session._told = None
        waking.install(None)

        def later():
            Command.objects.filter(pk=command.pk).update(deadline=timezone.now() - timedelta(seconds=1))
            return claims.end_overdue()

        assert await database.orm(later) == 1
        await database.orm(command.refresh_from_db)
        assert (command.state, command.claimed_by) == ("timed_out", "runtime-a")
        assert command.sentence == "Timed out: the charger may still do it"


def test_what_nobody_took_was_not_sent_and_says_so(database, ours):
    def story():
        ours.online()
        command = ours.submit()
        behind = ours.submit(after=command)
        Command.objects.filter(pk=command.pk).update(deadline=timezone.now() - timedelta(seconds=1))
        claims.end_overdue()
        command.refresh_from_db()
        behind.refresh_from_db()
        return command.state, behind.state, behind.words

    assert database.here(story) == ("offline", "failed", "not sent: the one before it was not answered")


def test_two_processes_never_send_the_same(database, ours):
    def story():
        ours.online()
        ours.submit()
        return len(claims.claim(ours.charger.pk, "a")), len(claims.claim(ours.charger.pk, "b"))

    assert database.here(story) == (1, 0)


def test_a_late_answer_stands_beside_the_end(database, ours):
    def story():
        ours.online()
        command = ours.submit()
        (sent,) = claims.claim(ours.charger.pk, "here")
        told = CommandEnded
        claims.note([CommandSent(sent.id, 1), told(id=sent.id, outcome="timeout")])
        claims.note([told(id=sent.id, outcome="answered", payload='{"status":"Accepted"}', late=True)])
        claims.note([told(id=sent.id, outcome="answered", payload='{"status":"Rejected"}')])
        command.refresh_from_db()
        return command

    command = database.here(story)
    assert (command.state, command.late, command.words) == ("timed_out", True, "answered late: Accepted")
    assert command.answer == {"status": "Accepted"}


# -- many ----------------------------------------------------------------------------------------------


def test_many_chargers_end_each_on_their_own_and_foreign_ones_are_skipped(database, ours, woken):
    def story():
        ours.online()
        foreign = ours.model.objects.create(
            identity="CP-X", organisation=Organisation.objects.get(name="Theirs")
        )
        away = ours.model.objects.create(identity="CP-2", organisation=ours.organisation)
        ChargerSession.objects.create(charger=away, online=False, ocpp_version="2.0.1")
        never = ours.model.objects.create(identity="CP-3", organisation=ours.organisation)
        chargers = [ours.charger, foreign, away, never]
        bulk = service.submit_many(ours.installer, chargers, "restart", via="api", idempotency_key="k")
        again = service.submit_many(ours.installer, chargers, "restart", via="api", idempotency_key="k")
        found = Command.objects.visible_to(ours.installer).in_group(bulk.group)
        states = sorted(found.values_list("charger__identity", "state"))
        return states, bulk.skipped[foreign.pk], bulk.skipped[never.pk], bulk.group == again.group

    states, foreign, never, same = database.here(story)
    assert states == [("CP-1", "queued"), ("CP-2", "offline")]
    assert foreign == "skipped_forbidden"
    assert "has never connected" in never
    assert same


def test_firmware_goes_in_waves(database, ours):
    def story():
        chargers = []
        for number in range(5):
            one = ours.model.objects.create(identity=f"W-{number}", organisation=ours.organisation)
            ChargerSession.objects.create(charger=one, online=True, ocpp_version="1.6", runtime="here")
            chargers.append(one)
        arguments = {"location": "http://files/fw"}
        service.submit_many(
            ours.installer, chargers, "firmware", arguments, via="task", wave_size=2, pause_s=600
        )
        at_once = len(claims.waiting_at("here"))
        waiting = sorted(Command.objects.values_list("not_before", flat=True))
        Command.objects.update(not_before=timezone.now())
        return (
            at_once,
            [round((at - waiting[0]).total_seconds(), -2) for at in waiting],
            len(claims.waiting_at("here")),
        )

    assert database.here(story) == (2, [0, 0, 600, 600, 1200], 5)


def test_waiting_for_the_end(database, ours):
    def story():
        ours.online()
        command = ours.submit()
        still = service.wait(command, 0).state
        Command.objects.filter(pk=command.pk).update(state="accepted")
        return still, service.wait(command, 5).state

    assert database.here(story) == ("queued", "accepted")
