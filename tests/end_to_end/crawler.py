"""Whoever is logged in to the admin opens every page that a link leads to."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from http.cookiejar import CookieJar

NOT_FOLLOWED = ("logout", "delete", "jsi18n", "autocomplete", "password_change")
MOST_ALIKE = 8
NUMBER = re.compile(r"[0-9a-f-]*[0-9][0-9a-f-]*")
LINK = re.compile(r'(?:href|data-[a-z-]+)="(/admin/[^"#?]*)')
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """Pages of one site, with cookies. ``seen``: the text of each page by its path."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.seen: dict[str, str] = {}
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, headers: dict[str, str] | None = None) -> str:
        """A page, also one that says why not."""
        request = urllib.request.Request(self.site + path, headers=headers or {})
        return self._open(path, request)

    def post(self, path: str, form: dict[str, str]) -> str:
        """The form of a page, sent as its own page does it."""
        found = TOKEN.search(self.get(path))
        assert found, f"{path} has no form"
        data = urllib.parse.urlencode({**form, "csrfmiddlewaretoken": found[1]}).encode()
        headers = {"Referer": self.site + path}
        return self._open(f"{path} sent", urllib.request.Request(self.site + path, data, headers))

    def log_in(self, name: str, password: str) -> None:
        """Log in to the admin."""
        self.post("/admin/login/?next=/admin/", {"username": name, "password": password})

    def walk(self, start: str = "/admin/") -> None:
        """Open every page of the admin that links lead to; of those that a query narrows the whole.

        Of pages that differ by a number only, MOST_ALIKE.
        """
        waiting, known, alike = [start], {start}, Counter[str]()
        while waiting:
            page = self.get(waiting.pop())
            for path in LINK.findall(page):
                if path not in known and not any(word in path for word in NOT_FOLLOWED):
                    known.add(path)
                    shape = NUMBER.sub("N", path)
                    alike[shape] += 1
                    if alike[shape] <= MOST_ALIKE:
                        waiting.append(path)

    def _open(self, path: str, request: urllib.request.Request) -> str:
        try:
            with self._opener.open(request, timeout=30) as answer:
                text, code = str(answer.read(), errors="replace"), 200
        except urllib.error.HTTPError as error:
            text, code = error.read().decode(errors="replace"), error.code
        assert code < 500, f"{path}: {code}"
        self.seen[path] = text
        return text
