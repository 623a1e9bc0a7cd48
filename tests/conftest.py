"""What every test may ask for."""

from django.conf import settings


def pytest_configure() -> None:
    # A test that logs in must not spend a quarter of a second of CPU on the hash.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
