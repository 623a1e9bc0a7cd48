"""Secrets are made once, kept private, and never replaced silently."""

import os
import stat
import threading

import pytest
from cryptography.fernet import Fernet

from proxy_site.environment import GENERATED, secrets_from

GIVEN = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": "f", "PROXY_CREDENTIAL_PEPPERS": "p"}


def test_first_start_makes_a_private_file_and_says_so(tmp_path, capsys):
    path = tmp_path / "data" / "secrets.env"
    made = secrets_from({}, path)
    assert set(made) == set(GENERATED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "back this up" in capsys.readouterr().err
    Fernet(made["FIELD_ENCRYPTION_KEYS"])


def test_later_starts_read_the_same_values_and_say_nothing(tmp_path, capsys):
    made = secrets_from({}, tmp_path / "secrets.env")
    capsys.readouterr()
    assert secrets_from({}, tmp_path / "secrets.env") == made
    assert capsys.readouterr().err == ""


def test_no_file_where_everything_is_given(tmp_path):
    assert secrets_from(GIVEN, tmp_path / "data" / "secrets.env") == GIVEN
    assert not (tmp_path / "data").exists()


def test_what_is_given_wins_over_the_file(tmp_path):
    path = tmp_path / "secrets.env"
    made = secrets_from({}, path)
    assert secrets_from({"SECRET_KEY": "given"}, path) == {**made, "SECRET_KEY": "given"}


def test_a_file_that_lost_a_secret_is_an_error_not_a_new_secret(tmp_path):
    path = tmp_path / "secrets.env"
    path.write_text("SECRET_KEY=kept\nFIELD_ENCRYPTION_KEYS=\n")
    with pytest.raises(RuntimeError, match="has no FIELD_ENCRYPTION_KEYS: restore the file"):
        secrets_from({}, path)
    assert path.read_text().startswith("SECRET_KEY=kept")


def test_two_first_starts_at_once_agree(tmp_path):
    path = tmp_path / "secrets.env"
    together = threading.Barrier(8)
    results = []

    def start(number):
        together.wait()
        results.append(secrets_from({}, path))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(result == results[0] for result in results)
    assert os.listdir(tmp_path) == ["secrets.env"]
