"""Who belongs to an organisation: invited, extended, ended. Whoever does so gives no more than they have."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.acting import acting
from accounts.deeds import in_english
from accounts.models import INVITED_FOR_DAYS, Invitation, Membership, Organisation, User
from accounts.rights import MANAGERS, RANKS

TOKEN_BYTES = 32

EXTENSIONS: dict[str, int | None] = {"14": 14, "90": 90, "none": None}
"""How far an access can be extended with one click, in days from now; None: without end."""


def _told(words: str, invitation: Invitation) -> str:
    """What is recorded of an invitation, in English."""
    with in_english():
        return words.format(invitation)


class Refused(Exception):
    """Somebody may not do this; the text says why, for them to read."""


class LastManager(Refused):
    """Nobody may do this: the organisation would have nobody who looks after it."""


@dataclass(frozen=True)
class Standing:
    """What a manager of an organisation can give at most: a role's rank, until when."""

    rank: int
    until: datetime | None = None
    is_superuser: bool = False

    def covers(self, role: str, ends_at: datetime | None) -> bool:
        """Whether this role, until then, is not more than their own."""
        within = self.until is None or (ends_at is not None and ends_at <= self.until)
        return RANKS[role] <= self.rank and within

    def roles(self) -> list[str]:
        """The roles that may be given, the least first."""
        return [role for role, rank in RANKS.items() if rank <= self.rank]


def standing(user: User, organisation: Organisation) -> Standing | None:
    """What the user may give in the organisation; None for who does not manage it."""
    if not user.is_active:
        return None
    if user.is_superuser:
        return Standing(rank=max(RANKS.values()), is_superuser=True)
    own = Membership.objects.live().filter(user=user, organisation=organisation, role__in=MANAGERS).first()
    return Standing(RANKS[own.role], own.ends_at) if own else None


def managed_by(user: User) -> list[Organisation]:
    """The organisations whose people the user looks after; of a superuser all."""
    if user.is_superuser:
        return list(Organisation.objects.all())
    return list(Organisation.objects.filter(pk__in=user.organisations(managing=True)))


def extended(how: str, now: datetime | None = None) -> datetime | None:
    """When an access ends that is extended now; None for never. Raises Refused for what there is not."""
    if how not in EXTENSIONS:
        raise Refused(_("Choose how long the access lasts."))
    days = EXTENSIONS[how]
    return None if days is None else (now or timezone.now()) + timedelta(days=days)


def set_end(actor: User, membership: Membership, ends_at: datetime | None) -> None:
    """Extend a membership, or end it: at once, where the moment has passed. Raises Refused."""
    ends_now = ends_at is not None and ends_at <= timezone.now()
    with _touching(actor, membership) as may:
        if membership.user_id == actor.pk and not ends_now and not may.is_superuser:
            raise Refused(_("Nobody extends their own access."))
        if not ends_now and not may.covers(membership.role, ends_at):
            raise Refused(_("Nobody gives access for longer than their own."))
        if ends_at is not None:
            _keep_a_manager(membership, may)
        membership.ends_at = ends_at
        membership.save()


def set_role(actor: User, membership: Membership, role: str) -> None:
    """Make a member something else. Raises Refused."""
    with _touching(actor, membership) as may:
        if role not in RANKS or not may.covers(role, membership.ends_at):
            raise Refused(_("Nobody gives a role above their own."))
        if role not in MANAGERS:
            _keep_a_manager(membership, may)
        membership.role = role
        membership.save()


def set_cards(actor: User, membership: Membership, *, sees: bool) -> None:
    """Grant or take the right to see whole numbers of cards. Raises Refused."""
    with _touching(actor, membership):
        membership.sees_cards = sees
        membership.save()


@contextmanager
def _touching(actor: User, membership: Membership) -> Iterator[Standing]:
    """Within: nobody else changes members of the organisation, and the row is as it is stored."""
    with transaction.atomic():
        try:
            Organisation.objects.select_for_update().get(pk=membership.organisation_id)
            membership.refresh_from_db()
        except ObjectDoesNotExist:
            raise Refused(_("Who that was is no member any more.")) from None
        may = standing(actor, membership.organisation)
        if may is None or RANKS[membership.role] > may.rank:
            raise Refused(_("Only somebody with this role or one above may do that."))
        yield may


def _keep_a_manager(membership: Membership, may: Standing) -> None:
    """An organisation of which nobody could let anybody in would be lost."""
    if may.is_superuser or membership.role not in MANAGERS or membership.ends_at is not None:
        return
    managers = Membership.objects.filter(
        organisation=membership.organisation_id, role__in=MANAGERS, ends_at=None, user__is_active=True
    )
    if not managers.exclude(pk=membership.pk).exists():
        raise LastManager(_("This is the last one who looks after the organisation; name another one first."))


# -- invitations --------------------------------------------------------------------------------------


def invite(
    actor: User,
    organisation: Organisation,
    *,
    email: str,
    role: str,
    ends_at: datetime | None = None,
    sees_cards: bool = False,
) -> tuple[Invitation, str]:
    """An invitation and the end of its link, which is known to nobody afterwards. Raises Refused.

    An open one for the same address is replaced.
    """
    may = standing(actor, organisation)
    if may is None or role not in RANKS or not may.covers(role, ends_at):
        raise Refused(_("Nobody gives a role above their own, or access for longer."))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        for older in Invitation.objects.open().filter(organisation=organisation, email__iexact=email):
            _revoke(older)
        made = Invitation.objects.create(
            organisation=organisation,
            email=email,
            role=role,
            sees_cards=sees_cards,
            access_ends_at=ends_at,
            token_hash=_hash(token),
            created_by=actor,
        )
    return made, token


def renew(actor: User, invitation: Invitation) -> str:
    """Another link for an open invitation; the one before is worth nothing then. Raises Refused."""
    _may_handle(actor, invitation)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires = timezone.now() + timedelta(days=INVITED_FOR_DAYS)
    with acting(words=_told("Sent the invitation {} again.", invitation)):
        changed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
            token_hash=_hash(token), expires=expires
        )
    if not changed:
        raise Refused(_("This invitation has been accepted or revoked."))
    return token


def revoke(actor: User, invitation: Invitation) -> None:
    """Make a link worth nothing. Raises Refused."""
    _may_handle(actor, invitation)
    _revoke(invitation)


def invitation_of(token: str) -> Invitation | None:
    """The open invitation whose link ends so. None for one that never was, is used, revoked or too old."""
    found = Invitation.objects.open().filter(token_hash=_hash(token))
    return found.select_related("organisation", "created_by").first()


def accept(invitation: Invitation, user: User) -> Membership:
    """Make the user a member, once. Who already is one gets what they did not have. Raises Refused."""
    now = timezone.now()
    with transaction.atomic(), acting(user, words=_told("Accepted the invitation {}.", invitation)):
        taken = Invitation.objects.open().filter(pk=invitation.pk, token_hash=invitation.token_hash)
        if not taken.update(accepted_at=now, accepted_by=user):
            raise Refused(_("This invitation is not valid any more."))
        giver = invitation.created_by
        may = standing(giver, invitation.organisation) if giver is not None else None
        if may is None or not may.covers(invitation.role, invitation.access_ends_at):
            raise Refused(_("Who has sent this invitation may not invite any more."))
        if invitation.access_ends_at is not None and invitation.access_ends_at <= now:
            raise Refused(_("The access that this invitation gives has ended."))
        membership, is_new = Membership.objects.get_or_create(
            user=user,
            organisation=invitation.organisation,
            defaults={
                "role": invitation.role,
                "ends_at": invitation.access_ends_at,
                "sees_cards": invitation.sees_cards,
            },
        )
        if not is_new:
            _add_to(membership, invitation)
    return membership


def _add_to(membership: Membership, invitation: Invitation) -> None:
    """A live membership with a higher role stays as it is; otherwise the invitation says what it is."""
    if membership.is_live and RANKS[membership.role] > RANKS[invitation.role]:
        return
    if membership.is_live and membership.role == invitation.role:
        ends = (membership.ends_at, invitation.access_ends_at)
        membership.ends_at = None if None in ends else max(end for end in ends if end is not None)
        membership.sees_cards = membership.sees_cards or invitation.sees_cards
    else:
        membership.role, membership.ends_at = invitation.role, invitation.access_ends_at
        membership.sees_cards = invitation.sees_cards
    membership.save()


def _may_handle(actor: User, invitation: Invitation) -> None:
    may = standing(actor, invitation.organisation)
    if may is None or not may.covers(invitation.role, invitation.access_ends_at):
        raise Refused(_("Only somebody with this role or one above may do that."))


def _revoke(invitation: Invitation) -> None:
    with acting(words=_told("Revoked the invitation {}.", invitation)):
        Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=timezone.now())


def _hash(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
