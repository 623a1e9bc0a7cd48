"""Tokens, firmware, downloads in the admin, and how files end."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from chargers.models import Charger
from routing.core import redaction
from routing.files import firmware, tokens, uploads
from routing.files.ending import drop_files
from routing.models import FirmwareFile, FirmwareLink, Upload

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Path) -> Path:
    settings.PROXY_DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def ours() -> Organisation:
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def charger(ours: Organisation) -> Charger:
    return Charger.objects.create(identity="CP-1", organisation=ours)


@pytest.fixture
def member(client: Client, ours: Organisation) -> Any:
    def member(role: str = "installer", organisation: Organisation = ours) -> Client:
        user = User.objects.create_user(f"{role}-{organisation.pk}", is_staff=True)
        Membership.objects.create(user=user, organisation=organisation, role=role)
        client.force_login(user)
        return client

    return member


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


# -- tokens -------------------------------------------------------------------------------------------


def test_a_token_says_by_itself_whose_and_until_when() -> None:
    now = timezone.now()
    token = tokens.new_token(tokens.UPLOAD, now + timedelta(minutes=1))
    assert tokens.is_ours(tokens.UPLOAD, token, now.timestamp())
    assert not tokens.is_ours(tokens.FIRMWARE, token, now.timestamp())
    assert not tokens.is_ours(tokens.UPLOAD, token, (now + timedelta(minutes=2)).timestamp())
    assert token not in tokens.hash_of(token)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1],
        lambda t: ("B" if t[0] == "A" else "A") + t[1:],
        lambda t: "é" * 43,
        lambda t: "*" * 43,
    ],
)
def test_no_other_token_is_ours(change: Any) -> None:
    now = timezone.now()
    token = tokens.new_token(tokens.UPLOAD, now + timedelta(minutes=1))
    assert tokens.is_ours(tokens.UPLOAD, token, now.timestamp())
    assert not tokens.is_ours(tokens.UPLOAD, change(token), now.timestamp())


@pytest.mark.parametrize(
    ("action", "member"),
    [("GetDiagnostics", "location"), ("GetLog", "remoteLocation"), ("UpdateFirmware", "location")],
)
def test_the_log_has_no_token(action: str, member: str) -> None:
    for kind in (tokens.UPLOAD, tokens.FIRMWARE):
        token = tokens.new_token(kind, timezone.now())
        payload = f'{{"{member}":"https://proxy/{kind}/{token}/a.bin"}}'
        assert redaction.redacted(action, payload) == f'{{"{member}":"https://proxy/{kind}/***/a.bin"}}'


# -- what chargers have sent ----------------------------------------------------------------------------


def received(charger: Charger) -> Upload:
    row, url = uploads.expect(charger, "http://proxy")
    came = uploads.path_of(row).with_suffix(".part")
    came.parent.mkdir(exist_ok=True)
    came.write_bytes(CONTENT)
    return uploads.take(url.rpartition("/")[2], came, name="log.txt", content_type="")


def test_who_may_change_the_charger_downloads_its_file(charger: Charger, member: Any) -> None:
    upload = received(charger)
    page = f"/admin/routing/upload/{upload.pk}/download/"
    client = member()
    answer = client.get(page)
    assert content_of(answer) == CONTENT
    assert "CP-1-log.txt" in answer["Content-Disposition"]
    deed = Deed.objects.latest("id")
    assert (deed.words, deed.charger_id) == ("Downloaded log.txt, which it had sent.", charger.pk)
    assert client.post(page).status_code == 405
    assert member("read_only").get(page).status_code == 403
    assert member("owner", Organisation.objects.create(name="Zebra")).get(page).status_code == 404


def test_a_file_that_is_over_is_not_given_out(charger: Charger, member: Any) -> None:
    upload = received(charger)
    Upload.objects.update(expires=timezone.now())
    assert member().get(f"/admin/routing/upload/{upload.pk}/download/").status_code == 404


def test_files_end_with_their_time_or_their_rows(charger: Charger, ours: Organisation) -> None:
    kept, over, removed = (received(charger) for _ in range(3))
    waiting, _url = uploads.expect(charger, "http://proxy")
    Upload.objects.filter(pk=over.pk).update(expires=timezone.now())
    Upload.objects.filter(pk=removed.pk).delete()
    stored = FirmwareFile(organisation=ours, name="fw.bin")
    firmware.keep(stored, [b"x"])
    stray, lately = (uploads.path_of(kept).with_name(name) for name in ("stray.part", "lately.part"))
    for path in (stray, lately):
        path.write_bytes(b"x")
    for path in (stray, uploads.path_of(kept), uploads.path_of(removed), firmware.path_of(stored)):
        os.utime(path, (1, 1))
    drop_files(timezone.now(), lambda: True)
    assert set(Upload.objects.all()) == {kept, waiting}
    assert {path.name for path in uploads.path_of(kept).parent.iterdir()} == {kept.uuid.hex, "lately.part"}
    assert not firmware.path_of(stored).exists()


# -- firmware ------------------------------------------------------------------------------------------

ADD = "/admin/routing/firmwarefile/add/"


def add(client: Client, organisation: Organisation, content: bytes = CONTENT) -> Any:
    file = SimpleUploadedFile("../fw 2.bin", content)
    return client.post(ADD, {"organisation": organisation.pk, "file": file, "version": "2.0"})


def test_an_owner_stores_a_firmware_and_a_charger_fetches_it(ours: Organisation, member: Any) -> None:
    client = member("owner")
    assert add(client, ours).status_code == 302
    stored = FirmwareFile.objects.get()
    assert (stored.name, stored.size) == ("fw 2.bin", len(CONTENT))
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert stored.sha256 in client.get(f"/admin/routing/firmwarefile/{stored.pk}/change/").content.decode()
    address = firmware.link(stored, "http://proxy").removeprefix("http://proxy")
    stranger = Client()
    assert content_of(stranger.get(address)) == CONTENT
    assert stranger.head(address)["Content-Length"] == str(len(CONTENT))
    rest = stranger.get(address, headers={"Range": "bytes=100-"})
    assert (rest.status_code, content_of(rest)) == (206, CONTENT[100:])
    assert stranger.get(address, headers={"Range": "bytes=999999999-"}).status_code == 416
    assert stranger.post(address).status_code == 405
    assert FirmwareLink.objects.get().fetched == 4
    FirmwareLink.objects.update(expires=timezone.now())
    assert stranger.get(address).status_code == 404
    other = tokens.new_token(tokens.FIRMWARE, timezone.now() + timedelta(days=1))
    assert stranger.get(f"/firmware/{other}/fw.bin").status_code == 404
    assert stranger.get("/firmware/nonsense/fw.bin").status_code == 404
    client.post(f"/admin/routing/firmwarefile/{stored.pk}/delete/", {"post": "yes"})
    assert not firmware.path_of(stored).exists()


@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_only_owners_store_firmware(ours: Organisation, member: Any, role: str) -> None:
    assert add(member(role), ours).status_code == 403
    assert not FirmwareFile.objects.exists()


def test_nobody_stores_firmware_for_others_nor_too_much_of_it(
    ours: Organisation, member: Any, settings: Any
) -> None:
    client = member("owner")
    assert add(client, Organisation.objects.create(name="Zebra")).status_code == 200
    settings.PROXY_FIRMWARE_BYTES = 1000
    assert b"at most" in add(client, ours).content
    assert not FirmwareFile.objects.exists()


# -- presets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A = 1\n# a remark\n\nOCPPCommCtrlr.B = x = y", ""),
        ("A", "expected name = value"),
        ("AuthorizationKey = 1", "is a secret"),
    ],
)
def test_a_preset_is_lines(ours: Organisation, member: Any, text: str, problem: str) -> None:
    answer = member().post(
        "/admin/routing/settingspreset/add/", {"organisation": ours.pk, "name": "P", "values": text}
    )
    assert (answer.status_code == 302) is (not problem)
    if problem:
        assert problem in answer.content.decode()
    else:
        assert ours.settings_presets.get().values == {"A": "1", "OCPPCommCtrlr.B": "x = y"}
