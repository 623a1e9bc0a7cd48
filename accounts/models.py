"""People, the organisations they work for, and what they may do there."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.acting import acting
from accounts.deeds import Deed, Subject
from accounts.idempotency import IdempotentRequest
from accounts.kept import LEAST_DAYS, MOST_DAYS
from accounts.public import PublicModel
from accounts.recording import RecordedModel, RecordedQuerySet
from accounts.rights import INSTALLER, MANAGERS, OPERATOR, OWNER, READ_ONLY
from accounts.telling import Manners
from accounts.tokens import ApiToken

__all__ = [
    "ApiToken",
    "Deed",
    "IdempotentRequest",
    "Invitation",
    "Location",
    "Membership",
    "Organisation",
    "User",
]

INVITED_FOR_DAYS = 7
"""So long an invitation can be accepted."""


def _kept_days(kind: str, what: str) -> models.PositiveIntegerField[Any, Any]:
    """For how many days something of an organisation is kept; None as the settings say."""
    return models.PositiveIntegerField(
        f"keep {kind} for days",
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_DAYS[kind]), MaxValueValidator(MOST_DAYS)],
        help_text=f"{what} Empty: as long as the settings say.",
    )


class UserQuerySet(RecordedQuerySet["User"]):
    owner = ""


class People(UserManager["User"]):
    """Django's, on a queryset whose changes are recorded."""

    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)


class User(AbstractUser, RecordedModel):
    """A person who logs in. What they see follows from their memberships."""

    manners = Manners(untold=frozenset({"last_login"}))

    only_organisation: int | None = None
    """For the time of a request: only rows of this organisation (accounts.tokens)."""

    objects: ClassVar[People] = People()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A hash that Django renews when somebody logs in is not another password."""
        renewed = kwargs.get("update_fields") == ["password"] and self.__dict__.get("_password") is None
        with acting(words="The hash of the password was renewed.") if renewed else nullcontext():
            super().save(*args, **kwargs)

    def organisations(
        self, *, changing: bool = False, cards: bool = False, managing: bool = False
    ) -> QuerySet[Membership, int]:
        """Primary keys of the user's organisations, as a subquery. What has ended counts for nothing.

        ``changing``: without those where the user may only read. ``cards``: of these, those where the user
        sees whole numbers of cards, too. ``managing``: those whose people the user looks after.
        """
        memberships = Membership.objects.live().filter(user=self)
        if managing:
            memberships = memberships.filter(role__in=MANAGERS)
        if cards:
            memberships = memberships.filter(Q(role__in=MANAGERS) | Q(sees_cards=True))
        if changing or cards:
            memberships = memberships.exclude(role=Membership.Role.READ_ONLY)
        return memberships.values_list("organisation_id", flat=True)

    @cached_property
    def roles(self) -> frozenset[str]:
        """What the user is now to any organisation; asked once, as Django does with its own rights."""
        return frozenset(Membership.objects.live().filter(user=self).values_list("role", flat=True))

    @property
    def has_access(self) -> bool:
        """Whether there is anything that the user may look at."""
        return self.is_active and (self.is_staff or self.is_superuser or bool(self.roles))

    @property
    def called(self) -> str:
        """How other people know the user; never the address for mail."""
        return self.get_full_name() or self.get_username()


class OrganisationQuerySet(RecordedQuerySet["Organisation"]):
    owner = "pk"


class Organisation(PublicModel, RecordedModel):
    """Who owns chargers and backoffices. ``keep_..._days``: for how long something of theirs is kept."""

    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    keep_frames_days = _kept_days("frames", "Messages of which all went well.")
    keep_exchanges_days = _kept_days("exchanges", "Messages with errors or refusals, whole.")
    keep_transactions_days = _kept_days("transactions", "Ended sessions of charging.")
    keep_actions_days = _kept_days("actions", "What people have changed.")

    deeds_by = "organisation_id"
    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def subject(self) -> Subject:
        return Subject.of(self, organisation=self)


class MembershipQuerySet(RecordedQuerySet["Membership"]):
    def live(self) -> Self:
        """Memberships that count now: without an end, or before it."""
        return self.filter(_counts_now())

    def owned_by(self, user: User, *, changing: bool) -> Q:
        """Whoever belongs to an organisation sees who else does now; its managers see all, and change it."""
        managed = Q(organisation__in=user.organisations(managing=True))
        return managed if changing else managed | super().owned_by(user, changing=False) & _counts_now()


def _counts_now() -> Q:
    return Q(ends_at=None) | Q(ends_at__gt=timezone.now())


class Membership(PublicModel, RecordedModel):
    """What a user is to an organisation. ``ends_at``: when that ends by itself; None: it does not."""

    class Role(models.TextChoices):
        """From the most that somebody may do to the least; ``accounts.rights`` says what each is."""

        OPERATOR = OPERATOR, _("Operator")
        OWNER = OWNER, _("Owner")
        INSTALLER = INSTALLER, _("Installer")
        READ_ONLY = READ_ONLY, _("Read only")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.READ_ONLY)
    ends_at = models.DateTimeField(
        "ends",
        null=True,
        blank=True,
        help_text="From then on it gives no access, anywhere. Empty: without end.",
    )

    sees_cards = models.BooleanField(
        default=True,
        help_text="Whole numbers of cards. Operators and owners always see them, readers never.",
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organisation"], name="one_membership_per_organisation")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organisation}: {self.get_role_display()}"

    @property
    def is_live(self) -> bool:
        """Whether it counts now."""
        return self.ends_at is None or self.ends_at > timezone.now()

    @property
    def cards_are_granted(self) -> bool:
        """Whether ``sees_cards`` says anything: of the other roles it is clear."""
        return self.role not in (*MANAGERS, READ_ONLY)

    @property
    def shows_cards(self) -> bool:
        """Whether whole numbers of cards are seen with it."""
        return self.role in MANAGERS or (self.sees_cards and self.cards_are_granted)

    def subject(self) -> Subject:
        return Subject.of(self, name=f"{self.user} in {self.organisation}", organisation=self.organisation)


class LocationQuerySet(RecordedQuerySet["Location"]):
    """Places of organisations."""


class Location(PublicModel, RecordedModel):
    """A place where an organisation has chargers."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="locations")
    name = models.CharField(max_length=100)
    address = models.CharField(max_length=255, blank=True)
    notes = models.TextField(blank=True)

    objects = LocationQuerySet.as_manager()

    class Meta:
        ordering = ["organisation", "name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="one_location_per_name")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError where it would leave its chargers to another organisation."""
        if self.pk and self.chargers.exclude(organisation=self.organisation_id).exists():
            words = _("Chargers of another organisation are here; give them another place first.")
            raise ValidationError({"organisation": words})


def _in_a_week() -> datetime:
    return timezone.now() + timedelta(days=INVITED_FOR_DAYS)


class InvitationQuerySet(RecordedQuerySet["Invitation"]):
    def open(self) -> Self:
        """Invitations that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires__gt=timezone.now())


class Invitation(RecordedModel):
    """A link that makes who follows it a member, once. ``token_hash``: of the end of the link.

    ``access_ends_at``: when the membership will end, None for never. The address is told to nobody but
    those who may invite, and stands in no deed.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Membership.Role.choices)
    sees_cards = models.BooleanField(default=False)
    access_ends_at = models.DateTimeField(null=True, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(default=_in_a_week)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    manners = Manners(untold=frozenset({"email", "token_hash"}))
    told_with = ("organisation",)
    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"to {self.organisation} as {self.get_role_display()}"
