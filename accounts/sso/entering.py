"""Whom a directory's word lets in: people that are known here, or invited. Nobody signs up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import transaction

from accounts import people
from accounts.acting import acting
from accounts.models import Invitation, User

NAME_LENGTH = 140
"""Of a user's name, before a number that makes it the only one."""


def person_for(emails: Sequence[str], *, username: str = "", first: str = "", last: str = "") -> User | None:
    """Who has one of these addresses, which the directory vouches for; None for a stranger.

    That is the one active person with the address, or somebody new, for whom an invitation to it is open:
    it is accepted. Of several with one address nobody is meant.
    """
    for email in filter(None, emails):
        known = [user for user in User.objects.filter(email__iexact=email) if _same(user.email, email)]
        if known:
            return known[0] if len(known) == 1 and known[0].is_active else None
        if joined := _joined(email, username, first, last):
            return joined
    return None


def _same(one: str, other: str) -> bool:
    # A database's own idea of case takes other letters for the same (the dotless i).
    return one.casefold() == other.casefold()


def _joined(email: str, username: str, first: str, last: str) -> User | None:
    """A new person, who has accepted what they were invited to; None where nothing could be accepted."""
    invitations = [
        one
        for one in Invitation.objects.open().filter(email__iexact=email).select_related("organisation")
        if _same(one.email, email)
    ]
    if not invitations:
        return None
    name = free_name(username or email)
    with transaction.atomic(), acting(actor_name=name):
        user = User(username=name, email=email, first_name=first[:150], last_name=last[:150])
        user.set_unusable_password()
        user.save()
        accepted = [one for one in invitations if _accepts(one, user)]
        if accepted:
            return user
        transaction.set_rollback(True)
    return None


def _accepts(invitation: Invitation, user: User) -> bool:
    try:
        people.accept(invitation, user)
    except people.Refused:
        return False
    return True


def free_name(wanted: str) -> str:
    """A name to log in with that nobody has. Others see it: it is never the whole address."""
    base = re.sub(r"[^\w.+-]", "_", wanted.partition("@")[0])[:NAME_LENGTH] or "person"
    name, number = base, 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{base}-{number}"
    return name
