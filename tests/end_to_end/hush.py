"""Secrets for a test that looks for them afterwards: each another, all remembered."""

from __future__ import annotations

import itertools


class Secrets:
    """Makes them, each another, and knows all that were made."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def text(self, what: str) -> str:
        """A secret that is text."""
        return self.keep(what, f"hush{next(self._numbers):04}-hush-hush")

    def hexadecimal(self, what: str) -> str:
        """A secret of 16 bytes in hexadecimal, kept neither so nor as its bytes."""
        digits = self.keep(what, f"5ec7e7{next(self._numbers):026x}")
        self.made[f"{what}, its bytes"] = bytes.fromhex(digits).decode("latin-1")
        return digits

    def url(self, what: str, scheme: str = "ftp") -> str:
        """A URL with a secret in it."""
        return f"{scheme}://user:{self.text(what)}@files.example/x"

    def urls(self, what: str) -> list[str]:
        """URLs that let in whoever has them, in other ways."""
        return [
            f"https://{self.text(f'{what}, a user')}@files.example/x",
            f"https://files.example/x?n=1&access_token={self.text(f'{what}, a token')}",
            f"https://files.example/x?X-Amz-Credential={self.text(f'{what}, AWS')}&X-Amz-Date=1"
            f"&X-Amz-Signature={self.text(f'{what}, signature')}",
            f"https://files.example/x?sv=1&sig={self.text(f'{what}, SAS')}#part",
        ]

    def keep(self, what: str, secret: str) -> str:
        self.made[f"{what} ({len(self.made)})"] = secret
        return secret

    def found_in(self, text: bytes) -> list[str]:
        """Whose secrets stand there."""
        return [what for what, secret in self.made.items() if secret.encode("latin-1") in text]
