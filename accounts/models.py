"""People, the organisations they work for, and what they may do there."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.acting import acting
from accounts.deeds import Deed, Subject
from accounts.kept import LEAST_DAYS, MOST_DAYS
from accounts.recording import RecordedModel, RecordedQuerySet
from accounts.telling import Manners

__all__ = ["Deed", "Membership", "Organisation", "User"]


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

    objects: ClassVar[People] = People()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A hash that Django renews when somebody logs in is not another password."""
        renewed = kwargs.get("update_fields") == ["password"] and self.__dict__.get("_password") is None
        with acting(words="The hash of the password was renewed.") if renewed else nullcontext():
            super().save(*args, **kwargs)

    def organisations(self, *, changing: bool = False) -> QuerySet[Membership, int]:
        """Primary keys of the user's organisations, as a subquery. What has ended counts for nothing.

        ``changing``: without those where the user may only read.
        """
        memberships = Membership.objects.live().filter(user=self)
        if changing:
            memberships = memberships.exclude(role=Membership.Role.READ_ONLY)
        return memberships.values_list("organisation_id", flat=True)


class OrganisationQuerySet(RecordedQuerySet["Organisation"]):
    owner = "pk"


class Organisation(RecordedModel):
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
    owner = ""  # who may do what is for superusers to see and to say

    def live(self) -> Self:
        """Memberships that count now: without an end, or before it."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=timezone.now()))


class Membership(RecordedModel):
    """What a user is to an organisation. ``ends_at``: when that ends by itself; None: it does not."""

    class Role(models.TextChoices):
        """From the most that somebody may do to the least; ``accounts.rights`` says what each is."""

        OPERATOR = "operator", "Operator"
        OWNER = "owner", "Owner"
        INSTALLER = "installer", "Installer"
        READ_ONLY = "read_only", "Read only"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.READ_ONLY)
    ends_at = models.DateTimeField(
        "ends",
        null=True,
        blank=True,
        help_text="From then on it gives no access, anywhere. Empty: without end.",
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

    def subject(self) -> Subject:
        return Subject.of(self, name=f"{self.user} in {self.organisation}")
