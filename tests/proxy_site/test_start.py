"""What a start does before it serves."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from proxy_site import start


def test_one_process_per_data_directory(tmp_path):
    with start.hold(tmp_path / "data") as first:
        assert first
        with pytest.raises(start.AlreadyRunning, match=r"another proxy \(process \d+\) uses .*DIR"):
            start.hold(tmp_path / "data")
    start.hold(tmp_path / "data").close()


@pytest.mark.django_db
def test_nothing_to_migrate_is_nothing_done(monkeypatch):
    monkeypatch.setattr(start, "call_command", None)
    assert start.migrate() == 0


@pytest.mark.django_db
def test_a_missing_migration_is_applied(monkeypatch):
    ran = []
    monkeypatch.setattr(start, "call_command", lambda *args, **options: ran.append(args))
    MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")
    assert start.migrate() == 1
    assert ran == [("migrate",)]


@pytest.mark.django_db
def test_the_first_user_is_admin_with_a_random_password(settings):
    settings.PROXY_ADMIN_PASSWORD = ""
    password = start.create_admin()
    admin = get_user_model().objects.get()
    assert (admin.username, admin.is_superuser, admin.check_password(password)) == ("admin", True, True)
    assert len(password) >= 16


@pytest.mark.django_db
def test_the_first_password_may_be_given(settings):
    settings.PROXY_ADMIN_PASSWORD = "given by the operator"
    assert start.create_admin() == "given by the operator"


@pytest.mark.django_db
def test_nobody_is_created_where_somebody_is():
    get_user_model().objects.create_user(username="somebody")
    assert start.create_admin() == ""
    assert get_user_model().objects.count() == 1


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("proxy.local", "proxy.local")],
)
def test_a_given_host_is_shown_as_it_is(host, shown):
    assert start.address_for_people(host) == shown


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_interfaces_are_shown_as_one_address(host):
    assert start.address_for_people(host) not in ("", "0.0.0.0", "::")
