"""Who may connect: as a table of rules, and as a charger hears it over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from http import HTTPStatus
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backoffices.models import Backoffice
from chargers import admission
from chargers.admission import Admission, Choice, Door, Refusal, check_credentials, choose_version
from chargers.attempts import read_attempt
from chargers.causes import LABELS, REMEDIES, Cause
from chargers.credentials import hash_password
from chargers.limits import AttemptLimits
from chargers.models import Charger, RefusedAttempt
from routing.core.options import ChargerOptions
from routing.models import DefaultRoute, LatestValue, Route
from tests.chargers.edge import PATIENCE_S, Edge, FakeBus

KEY = "0123456789abcdefFEDC00ff99aa77bb"  # an AuthorizationKey as 1.6 writes it


def basic(user: str | bytes, password: str | bytes) -> str:
    both = [part if isinstance(part, bytes) else part.encode() for part in (user, password)]
    return "Basic " + base64.b64encode(b":".join(both)).decode()


def scope(path: str = "/ocpp/CP-1", *subprotocols: str, address: str = "10.0.0.1", **headers: str):
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "client": [address, 4711],
        "subprotocols": list(subprotocols or ["ocpp1.6"]),
        "headers": [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()],
    }


# The version

OPTIONS = {
    "none": ChargerOptions(),
    "pinned": ChargerOptions(pinned="1.6"),
    "assumed": ChargerOptions(assume_subprotocol="ocpp1.6"),
    "both": ChargerOptions(assume_subprotocol="ocpp2.0.1", pinned="1.6"),
}


@pytest.mark.parametrize(
    ("offered", "options", "billing", "version", "answer"),
    [
        (["ocpp1.6"], "none", [], "1.6", "ocpp1.6"),
        (["ocpp2.0.1", "ocpp1.6"], "none", [], "2.0.1", "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], "none", [], "1.6", "ocpp1.6"),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "none", ["1.6", "2.0.1"], "2.0.1", "ocpp2.0.1"),
        (["ocpp2.0.1"], "none", ["1.6"], "2.0.1", "ocpp2.0.1"),
        (["ocpp1.5", "soap", "ocpp1.6"], "none", [], "1.6", "ocpp1.6"),
        (["ocpp2.0.1", "ocpp1.6"], "pinned", ["2.0.1"], "1.6", "ocpp1.6"),
        ([], "assumed", [], "1.6", None),
        (["ocpp2.1"], "assumed", [], "2.1", "ocpp2.1"),
        ([], "both", [], "2.0.1", None),
    ],
)
def test_the_version_chosen(offered, options, billing, version, answer):
    assert choose_version(offered, OPTIONS[options], billing) == Choice(version, answer)


@pytest.mark.parametrize(
    ("offered", "options", "cause", "words"),
    [
        ([], "none", Cause.NO_SUBPROTOCOL, "offers no subprotocol; expected ocpp1.6, ocpp2.0.1, ocpp2.1"),
        (["ocpp1.5"], "none", Cause.UNSUPPORTED_SUBPROTOCOL, '"ocpp1.5"'),
        (["ocpp2.0"], "none", Cause.UNSUPPORTED_SUBPROTOCOL, '"ocpp2.0"'),
        (["ocpp1.5"], "assumed", Cause.UNSUPPORTED_SUBPROTOCOL, '"ocpp1.5"'),
        (["ocpp2.0.1"], "pinned", Cause.UNSUPPORTED_SUBPROTOCOL, "expected ocpp1.6 (pinned)"),
    ],
)
def test_no_common_version(offered, options, cause, words):
    refusal = choose_version(offered, OPTIONS[options], [])
    assert isinstance(refusal, Refusal)
    assert (refusal.cause, refusal.status) == (cause, HTTPStatus.SWITCHING_PROTOCOLS)
    assert words in refusal.sentence


# Credentials


@pytest.mark.parametrize(
    ("identity", "stored", "sent"),
    [
        ("CP-1", "secret", basic("CP-1", "secret")),
        ("CP-1", "sec:ret:", basic("CP-1", "sec:ret:")),
        ("CP-1", KEY, basic("CP-1", bytes.fromhex(KEY))),
        ("CP-1", KEY, basic("CP-1", KEY)),
        ("CP-1", "gr\u00fc\u00df Gott", basic("CP-1", "gr\u00fc\u00df Gott")),
        ("CP:1", "secret", basic("CP:1", "secret")),
        ("CP 1", "secret", basic("CP 1", "secret")),
        ("S\u00e4ule", "secret", basic("S\u00e4ule", "secret")),
        ("CP-1", "secret", basic("CP-1", "secret").replace("Basic", "basic")),
    ],
)
def test_credentials_that_pass(identity, stored, sent):
    assert check_credentials(identity, hash_password(identity, stored), sent.encode()) is None


@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (None, Cause.NO_CREDENTIALS),
        ("", Cause.NO_CREDENTIALS),
        ("Bearer abc", Cause.NO_CREDENTIALS),
        ("Basic ???", Cause.NO_CREDENTIALS),
        (basic("CP-2", "secret"), Cause.WRONG_USER),
        (basic("cp-1", "secret"), Cause.WRONG_USER),
        (basic("", "secret"), Cause.WRONG_USER),
        (basic("CP-1", "Secret"), Cause.WRONG_PASSWORD),
        (basic("CP-1", ""), Cause.WRONG_PASSWORD),
        (basic("CP-1", b"\xff\xfe"), Cause.WRONG_PASSWORD),
        (basic("CP-1:secret", "secret"), Cause.WRONG_PASSWORD),
    ],
)
def test_credentials_that_do_not_pass(sent, cause):
    hashes = hash_password("CP-1", "secret")
    refusal = check_credentials("CP-1", hashes, None if sent is None else sent.encode())
    assert isinstance(refusal, Refusal)
    assert (refusal.cause, refusal.status) == (cause, HTTPStatus.UNAUTHORIZED)
    assert "secret" not in refusal.sentence.lower()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("", "empty"),
        ("secret\n", "white space"),
        (b"secret".hex(), "hexadecimal"),
        ("guess", "not the one"),
    ],
)
def test_a_password_that_is_nearly_right_is_told_as_such(sent, words):
    refusal = check_credentials("CP-1", hash_password("CP-1", "secret"), basic("CP-1", sent).encode())
    assert isinstance(refusal, Refusal)
    assert words in refusal.sentence


def test_without_a_password_any_credentials_pass():
    assert check_credentials("CP-1", [], basic("somebody", "else").encode()) is None


def test_every_cause_has_its_words():
    assert set(LABELS) == set(REMEDIES) == set(Cause)
    assert all(len(cause.value) <= 32 for cause in Cause)


# At the door


@pytest.fixture
def settings_refuse(settings: Any) -> Any:
    settings.PROXY_UNKNOWN_CHARGERS = "refuse"
    settings.PROXY_REQUIRE_TLS = False
    return settings


@pytest.fixture
def backoffice(transactional_db: None) -> Backoffice:
    return Backoffice.objects.create(name="billing", url="ws://127.0.0.1:9101/")


def attempts() -> list[tuple[str, str, int]]:
    return list(RefusedAttempt.objects.order_by("id").values_list("identity", "cause", "count"))


stored_attempts = sync_to_async(attempts)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("settings_refuse")
class TestDoor:
    @pytest.mark.parametrize("path", ["/CP-1", "/steve/websocket/CP-1", "/%6Fcpp/CP-1", "/x/ocpp/CP-1"])
    async def test_a_wrong_path_is_recorded_in_the_name_at_its_end(self, path, transactional_db):
        await sync_to_async(Charger.objects.create)(identity="CP-1")
        refusal = await Door().admit(scope(path, "ocpp1.6"))
        assert isinstance(refusal, Refusal)
        assert (refusal.cause, refusal.status) == (Cause.WRONG_PATH, HTTPStatus.NOT_FOUND)
        assert await stored_attempts() == [("CP-1", "wrong_path", 1)]

    @pytest.mark.parametrize(
        ("sent", "offered", "quirks"),
        [
            (bytes.fromhex(KEY), ["ocpp1.6"], ()),
            (KEY, ["ocpp1.6"], ("hex_password",)),
            (bytes.fromhex(KEY), [], ("missing_subprotocol",)),
        ],
    )
    async def test_what_is_odd_about_a_handshake_is_told(self, sent, offered, quirks):
        hashes = hash_password("CP-1", KEY, is_hex=True)
        options = {"assume_subprotocol": "ocpp1.6"}
        await Charger.objects.acreate(identity="CP-1", options=options, password_hashes=hashes)
        asked = scope("/ocpp/CP-1", authorization=basic("CP-1", sent))
        admitted = await Door().admit({**asked, "subprotocols": offered})
        assert isinstance(admitted, Admission)
        assert admitted.quirks == quirks

    @pytest.mark.parametrize(
        ("configured", "learned", "chosen"),
        [
            ([], None, "2.1"),
            ([], {"accepted": ["2.0.1"]}, "2.0.1"),
            (["1.6"], {"accepted": ["2.0.1"]}, "1.6"),
            ([], {"refused": ["2.1"]}, "2.0.1"),
            (["2.1"], {"refused": ["2.1"]}, "2.0.1"),
            ([], {"refused": ["2.1", "2.0.1", "1.6"]}, "2.1"),
        ],
    )
    async def test_the_version_is_one_that_billing_takes(self, configured, learned, chosen):
        charger = await Charger.objects.acreate(identity="CP-1")
        billing = await Backoffice.objects.acreate(
            name="b", url="ws://127.0.0.1:9/", ocpp_versions=configured
        )
        route = await Route.objects.acreate(charger=charger, backoffice=billing, role="billing")
        if learned is not None:
            now = timezone.now()
            known = {"accepted": learned.get("accepted", []), "refused": {}}
            known["refused"] = {version: now.isoformat() for version in learned.get("refused", [])}
            await LatestValue.objects.acreate(
                charger=charger, kind="billing_versions", key=str(route.pk), payload=json.dumps(known), at=now
            )
        admitted = await Door().admit(scope("/ocpp/CP-1", "ocpp2.1", "ocpp2.0.1", "ocpp1.6"))
        assert isinstance(admitted, Admission)
        assert (admitted.ocpp_version, admitted.offered) == (chosen, ("2.1", "2.0.1", "1.6"))

    async def test_a_known_charger_is_admitted_with_its_options(self):
        charger = await Charger.objects.acreate(identity="CP-1", options={"ping": 0})
        assert await Door().admit(scope("/ocpp/CP-1", "ocpp2.0.1")) == Admission(
            charger=charger.pk,
            identity="CP-1",
            ocpp_version="2.0.1",
            subprotocol="ocpp2.0.1",
            remote_address="10.0.0.1",
            ping=0,
            offered=("2.0.1",),
        )
        assert await stored_attempts() == []

    def test_a_look_takes_three_queries(self, backoffice, django_assert_num_queries):
        charger = Charger.objects.create(identity="CP-1")
        Route.objects.create(charger=charger, backoffice=backoffice, role="billing")
        with django_assert_num_queries(3):
            assert isinstance(admission.examine(read_attempt(scope(), "CP-1")), Admission)

    async def test_wrong_options_do_not_keep_a_charger_out(self):
        await Charger.objects.acreate(identity="CP-1", options={"pign": 0})
        admitted = await Door().admit(scope())
        assert isinstance(admitted, Admission)
        assert admitted.ping == ChargerOptions().ping

    @pytest.mark.parametrize(
        ("enabled", "versions", "chosen"),
        [(True, ["1.6"], "1.6"), (True, [], "2.0.1"), (False, ["1.6"], "2.0.1")],
        ids=["known", "unknown", "switched off"],
    )
    def test_billing_narrows_the_version(self, backoffice, enabled, versions, chosen):
        Backoffice.objects.update(ocpp_versions=versions)
        charger = Charger.objects.create(identity="CP-1")
        Route.objects.create(charger=charger, backoffice=backoffice, role="billing", enabled=enabled)
        admitted = asyncio.run(Door().admit(scope("/ocpp/CP-1", "ocpp2.0.1", "ocpp1.6")))
        assert isinstance(admitted, Admission)
        assert admitted.ocpp_version == chosen

    async def test_tls_is_required_where_the_settings_say_so(self, settings):
        settings.PROXY_REQUIRE_TLS = True
        await Charger.objects.acreate(identity="CP-1")
        refusal = await Door().admit(scope())
        assert isinstance(refusal, Refusal)
        assert (refusal.cause, refusal.status) == (Cause.TLS_REQUIRED, HTTPStatus.FORBIDDEN)
        assert isinstance(await Door().admit(scope(x_forwarded_proto="https")), Admission)
        assert isinstance(await Door().admit({**scope(), "scheme": "wss"}), Admission)

    async def test_refusals_are_counted_in_one_row_without_the_password(self):
        hashes = hash_password("CP-1", "secret")
        await Charger.objects.acreate(identity="CP-1", password_hashes=hashes)
        for password in ("Hunter2", "hunter3"):
            sent = scope(authorization=basic("CP-1", password), user_agent="Charger/1")
            await Door().admit(sent)
        await Door().admit(scope(address="10.0.0.2"))
        await Door().admit(scope("/ocpp/CP%2F9"))
        assert await stored_attempts() == [
            ("CP-1", "wrong_password", 2),
            ("CP-1", "no_credentials", 1),
            ("CP%2F9", "bad_identity", 1),
        ]
        row = await RefusedAttempt.objects.order_by("id").afirst()
        assert row is not None
        assert (row.remote_address, row.user_agent, row.offered_subprotocols) == (
            "10.0.0.1",
            "Charger/1",
            "ocpp1.6",
        )
        assert row.first_at < row.last_at
        assert "unter" not in repr(vars(row))

    async def test_a_switched_off_charger_is_not_found(self):
        await Charger.objects.acreate(identity="CP-1", enabled=False)
        refusal = await Door().admit(scope())
        assert isinstance(refusal, Refusal)
        assert (refusal.cause, refusal.status) == (Cause.DISABLED, HTTPStatus.NOT_FOUND)

    async def test_guessing_is_stopped_before_the_look_up(self, monkeypatch):
        await Charger.objects.acreate(identity="CP-1", password_hashes=hash_password("CP-1", "secret"))
        door = Door()
        good, bad = (scope(authorization=basic("CP-1", password)) for password in ("secret", "guess"))
        for _ in range(30):
            refusal = await door.admit(bad)
            assert isinstance(refusal, Refusal)
            assert refusal.status is HTTPStatus.UNAUTHORIZED
        monkeypatch.setattr(admission, "examine", lambda attempt: pytest.fail("it was looked up"))
        refusal = await door.admit(good)
        assert isinstance(refusal, Refusal)
        assert refusal.status is HTTPStatus.TOO_MANY_REQUESTS
        assert ("CP-1", "too_many_attempts", 1) in await stored_attempts()

    async def test_guessing_elsewhere_does_not_keep_the_charger_out(self):
        await Charger.objects.acreate(identity="CP-1", password_hashes=hash_password("CP-1", "secret"))
        door = Door()
        good = scope(authorization=basic("CP-1", "secret"))
        assert isinstance(await door.admit(good), Admission)
        for _ in range(31):
            await door.admit(scope(authorization=basic("CP-1", "guess"), address="203.0.113.9"))
        assert isinstance(await door.admit(good), Admission)

    async def test_an_admitted_charger_that_fails_is_limited_as_any_other(self):
        await Charger.objects.acreate(identity="CP-1", password_hashes=hash_password("CP-1", "secret"))
        door = Door()
        await door.admit(scope(authorization=basic("CP-1", "secret")))
        for _ in range(30):
            await door.admit(scope(authorization=basic("CP-1", "guess")))
        refusal = await door.admit(scope(authorization=basic("CP-1", "guess")))
        assert isinstance(refusal, Refusal)
        assert refusal.status is HTTPStatus.TOO_MANY_REQUESTS

    async def test_refusals_at_the_same_moment_are_all_counted(self):
        door = Door()
        await asyncio.gather(*(door.admit(scope()) for _ in range(12)))
        assert await stored_attempts() == [("CP-1", "unknown_identity", 12)]

    async def test_an_address_that_only_fails_is_one_row_and_its_good_chargers_come_in(self):
        await Charger.objects.acreate(identity="CP-1")
        door = Door()
        door._limits = AttemptLimits(address=(2, 0))
        for number in range(5):
            refusal = await door.admit(scope(f"/ocpp/guess-{number}"))
            assert isinstance(refusal, Refusal)
            assert refusal.status is HTTPStatus.NOT_FOUND
        assert await stored_attempts() == [
            ("guess-0", "unknown_identity", 1),
            ("guess-1", "unknown_identity", 1),
            ("", "too_many_attempts", 1),
        ]
        assert isinstance(await door.admit(scope()), Admission)

    async def test_a_database_that_is_away_is_503(self, monkeypatch):
        def away(attempt):
            raise OperationalError("no connection")

        monkeypatch.setattr(admission, "examine", away)
        refusal = await Door().admit(scope())
        assert isinstance(refusal, Refusal)
        assert (refusal.cause, refusal.status) == (Cause.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE)

    def test_an_unknown_charger_is_adopted_with_the_default_routes(self, settings, backoffice):
        settings.PROXY_UNKNOWN_CHARGERS = "adopt"
        DefaultRoute.objects.create(backoffice=backoffice, role="billing", permissions={"Reset": "deny"})
        admitted = asyncio.run(Door().admit(scope("/ocpp/CP%20new")))
        assert isinstance(admitted, Admission)
        charger = Charger.objects.get(identity="CP new", adopted=True)
        route = charger.routes.get()
        assert (route.backoffice, route.role, route.permissions) == (
            backoffice,
            "billing",
            {"Reset": "deny"},
        )
        assert attempts() == []

    def test_one_that_comes_many_times_at_once_is_adopted_once(self, settings, backoffice):
        settings.PROXY_UNKNOWN_CHARGERS = "adopt"
        DefaultRoute.objects.create(backoffice=backoffice, role="billing")
        door = Door()

        async def all_at_once():
            return await asyncio.gather(*(door.admit(scope()) for _ in range(8)))

        admitted = asyncio.run(all_at_once())
        assert {type(outcome) for outcome in admitted} == {Admission}
        assert Route.objects.filter(charger__identity="CP-1").count() == 1


# Over HTTP


def refused(edge: Edge, path: str, authorization: str | None = None) -> Any:
    with pytest.raises(InvalidStatus) as error:
        edge.connect(path, ["ocpp1.6"], authorization)
    return error.value.response


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("settings_refuse", "fake_bus")
class TestOverHttp:
    @pytest.fixture(autouse=True)
    def chargers(self, transactional_db: None) -> None:
        for identity in ("CP-1", "CP 1", "-", "CP:1"):
            Charger.objects.create(identity=identity)
        Charger.objects.create(identity="locked", password_hashes=hash_password("locked", KEY))

    @pytest.mark.parametrize(
        ("path", "status", "identity", "cause"),
        [
            ("/ocpp/CP-2", 404, "CP-2", Cause.UNKNOWN_IDENTITY),
            ("/ocpp/cp-1", 404, "cp-1", Cause.UNKNOWN_IDENTITY),
            ("/ocpp/", 404, "", Cause.BAD_IDENTITY),
            ("/ocpp/CP%2F1", 404, "CP%2F1", Cause.BAD_IDENTITY),
            ("/ocpp/CP%00", 404, "CP%00", Cause.BAD_IDENTITY),
            ("/ocpp/CP%FF", 404, "CP%FF", Cause.BAD_IDENTITY),
        ],
    )
    def test_who_is_not_known(self, edge, path, status, identity, cause):
        response = refused(edge, path)
        assert response.status_code == status
        row = RefusedAttempt.objects.get()
        assert (row.identity, row.cause, row.remote_address) == (identity, cause, "127.0.0.1")
        assert response.body.decode() == row.detail

    @pytest.mark.parametrize(
        ("authorization", "cause"),
        [
            (None, Cause.NO_CREDENTIALS),
            (basic("CP-1", bytes.fromhex(KEY)), Cause.WRONG_USER),
            (basic("locked", "guess"), Cause.WRONG_PASSWORD),
            (basic("locked", b"\xff\xfe\xfd"), Cause.WRONG_PASSWORD),
        ],
    )
    def test_who_has_no_password_hears_401(self, edge, authorization, cause):
        response = refused(edge, "/ocpp/locked", authorization)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert attempts() == [("locked", cause, 1)]

    @pytest.mark.parametrize(
        ("path", "authorization"),
        [
            ("/ocpp/CP-1", None),
            ("/ocpp/CP-1/", None),
            ("//ocpp//CP-1?x=1", None),
            ("/ocpp/CP%201", None),
            ("/ocpp/-", None),
            ("/ocpp/CP%3A1", None),
            ("/ocpp/locked", basic("locked", bytes.fromhex(KEY))),
            ("/ocpp/locked", basic("locked", KEY)),
        ],
    )
    def test_who_comes_in(self, edge, path, authorization):
        with edge.connect(path, ["ocpp1.6"], authorization) as client:
            assert client.subprotocol == "ocpp1.6"
        assert attempts() == []

    @pytest.mark.parametrize(
        ("offered", "cause"),
        [(None, Cause.NO_SUBPROTOCOL), (["ocpp1.5"], Cause.UNSUPPORTED_SUBPROTOCOL)],
        ids=["none", "ocpp1.5"],
    )
    def test_no_common_version_ends_the_handshake_and_closes(self, edge, fake_bus, offered, cause):
        with edge.connect("/ocpp/CP-1", offered) as client:
            assert client.subprotocol is None
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=PATIENCE_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1002
        assert "expected ocpp1.6" in closed.value.rcvd.reason
        assert attempts() == [("CP-1", cause, 1)]
        assert fake_bus.attached.empty()

    def test_an_assumed_version_is_answered_without_the_header(self, edge, fake_bus: FakeBus):
        Charger.objects.update(options={"assume_subprotocol": "ocpp1.6"})
        with edge.connect("/ocpp/CP-1") as client:
            assert client.subprotocol is None
            assert fake_bus.newest().request.ocpp_version == "1.6"
