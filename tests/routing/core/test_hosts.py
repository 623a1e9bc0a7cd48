"""Which host a URL leads to, and whether it is on the list."""

from __future__ import annotations

import pytest

from routing.core.hosts import host_of, is_listed

ALLOWED = ("files.example.com", "*.vendor.example", "192.0.2.7", "[2001:db8::1]")


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example.com/firmware.bin",
        "https://FILES.example.com:8443/a?b=c#d",
        "ftp://user:p%40ss@files.example.com/logs/",
        "https://files.example.com./x",
        "https://files.example.com",
        "sftp://eu.vendor.example/x",
        "sftp://a.b.vendor.example/x",
        "http://192.0.2.7/x",
        "http://[2001:db8::1]:80/x",
        "http://[2001:0DB8:0:0::0001]/x",
        "https://files.example.com/x?to=https://evil.example/@",
    ],
)
def test_hosts_on_the_list(url: str) -> None:
    assert is_listed(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/files.example.com",
        "https://files.example.com@evil.example/x",
        "https://files.example.com:80@evil.example/x",
        "https://evil.example#@files.example.com/",
        "https://evil.example?@files.example.com/",
        "https://evil.example\\@files.example.com/x",
        "https://files.example.com\\.evil.example/x",
        "https://a@evil.example@files.example.com/",
        "https://a@files.example.com@evil.example/",
        "https://files.example.com.evil.example/x",
        "https://evilfiles.example.com/",
        "https://vendor.example/x",
        "https://evilvendor.example/x",
        "https://.vendor.example/x",
        "https://files.example.com%2eevil.example/x",
        "https://files%2eexample%2ecom/x",
        "https://files.example.com%00.evil.example/x",
        "https://files.example.com../x",
        "https://files.example.com\n.evil.example/",
        " https://files.example.com/x",
        "https:// files.example.com/x",
        "https://files.example.com /x",
        "https:/files.example.com/x",
        "https:files.example.com/x",
        "//files.example.com/x",
        "files.example.com/x",
        "https:///files.example.com/x",
        "https://ﬁles.example.com/x",
        "https://files。example.com/x",
        "http://0300.0.2.7/x",
        "http://3221226007/x",
        "http://192.0.2.7.evil.example/",
        "http://[::ffff:192.0.2.7]/x",
        "http://[2001:db8::1%25eth0]/x",
        "http://[2001:db8::2]/x",
        "http://[2001:db8::1].evil.example/x",
        "http://2001:db8::1/x",
        "http://[fe80::.vendor.example]/",
        "",
        "https://",
        "null",
    ],
)
def test_hosts_that_are_not(url: str) -> None:
    assert not is_listed(url, ALLOWED)


def test_what_cannot_be_read_has_no_host() -> None:
    assert host_of("https://a b/") == host_of("x" * 100_000) == host_of("a://" + "a@" * 50_000) == ""


def test_an_empty_entry_lets_nothing_through() -> None:
    assert not is_listed("https://files.example.com/", ("", "*.", " "))
