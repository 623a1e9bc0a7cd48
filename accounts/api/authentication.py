"""Who asks: a token, or the session of who has logged in."""

from __future__ import annotations

from datetime import timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.acting import address_of
from accounts.tokens import ApiToken

REFUSED = "This token is not valid: it is unknown, has ended, or does not hold for this address."
USED_EVERY = timedelta(minutes=1)


if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication as _Authentication

    from accounts.models import User
else:
    from knox.auth import TokenAuthentication as _Authentication


class ApiTokenAuthentication(_Authentication):
    """``Authorization: Bearer ocpp_...``; one query, where knox looks through all tokens of a person."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is None:
            return None
        user, token = found
        return _admitted(user, token, address_of(request._request))

    def bearer(self, authorization: str, address: str) -> tuple[User, ApiToken]:
        """The same by the header itself, for who speaks no HTTP. Raises AuthenticationFailed."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(REFUSED)
        user, token = self.authenticate_credentials(text.strip().encode())
        return _admitted(user, token, address)

    def authenticate_credentials(self, token: bytes) -> Any:
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError:
            raise AuthenticationFailed(REFUSED) from None
        key = text[: CONSTANTS.TOKEN_KEY_LENGTH]
        digest, now = hash_token(text), timezone.now()
        for found in ApiToken.objects.filter(token_key=key).select_related("user"):
            is_over = found.expiry is not None and found.expiry < now
            if compare_digest(digest, found.digest) and not is_over and found.user.is_active:
                return found.user, found
        raise AuthenticationFailed(REFUSED)


def _admitted(user: User, token: ApiToken, address: str) -> tuple[User, ApiToken]:
    """Both, with what the user sees by it narrowed to what the token may."""
    if not token.accepts(address):
        raise AuthenticationFailed(REFUSED)
    user.only_organisation = token.organisation_id
    _note_use(token)
    return user, token


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
