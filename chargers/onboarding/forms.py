"""The forms of the wizard, of a claim and of a file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation, User
from chargers.models import Charger, validate_identity
from chargers.onboarding.brands import choices

if TYPE_CHECKING:
    _OrganisationField = forms.ModelChoiceField[Organisation]
else:
    _OrganisationField = forms.ModelChoiceField

PASSWORDS = [
    ("generated", _("Make one (recommended)")),
    ("none", _("No password: anybody who knows the URL can pose as this charger")),
]

TWO_TAPS = timedelta(seconds=20)
"""So long after the first the second may come, on a slow line."""


def organisations_of(user: User) -> QuerySet[Organisation]:
    """Those into which this user may put a charger."""
    return Organisation.objects.changeable_by(user).order_by("name")


class OfOrganisation(forms.Form):
    """A form that says whose the charger will be; not asked where that is clear.

    A superuser may leave it open, and then nobody but superusers sees the charger.
    """

    organisation = _OrganisationField(
        queryset=Organisation.objects.none(), label=_("Organisation"), required=False
    )

    def __init__(self, *args: Any, user: User, may_be_nobodys: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mine = organisations_of(user)
        self.user = user
        field: Any = self.fields["organisation"]
        field.queryset = self.mine
        field.required = not (user.is_superuser and may_be_nobodys)
        only = list(self.mine[:2])
        if len(only) == 1 and field.required:
            self.only: Organisation | None = only[0]
            del self.fields["organisation"]
        else:
            self.only = None

    @property
    def whose(self) -> Organisation | None:
        """What was chosen, or what there is to choose."""
        return self.only or self.cleaned_data.get("organisation")


class NewCharger(OfOrganisation):
    """Step 1 of the wizard."""

    identity = forms.CharField(
        label=_("Identity"),
        max_length=255,
        validators=[validate_identity],
        help_text=_("As on the sticker, or as you will set it in the charger. Upper and lower case count."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    label = forms.CharField(
        label=_("Name"), max_length=255, required=False, help_text=_("For people: “Garage”, “Parking 3-2”.")
    )
    brand = forms.ChoiceField(
        label=_("Brand"), choices=choices, required=False, help_text=_("Shows first what its tool asks for.")
    )
    password = forms.ChoiceField(
        label=_("Password"), choices=PASSWORDS, initial="generated", widget=forms.RadioSelect
    )
    field_order = ["identity", "label", "organisation", "brand", "password"]
    _mine: Charger | None = None

    def just_made(self, now: datetime) -> Charger | None:
        """The charger of this identity that this person has and did not have some seconds ago.

        Of two taps on the button only the second gets an answer: it is to lead to the password, too.
        """
        mine = self._mine
        is_same = mine is not None and mine.identity == str(self["identity"].value()).strip()
        return mine if mine is not None and is_same and now - mine.created_at < TWO_TAPS else None

    def clean_identity(self) -> str:
        identity: str = self.cleaned_data["identity"]
        alike = Charger.objects.filter(identity__iexact=identity)
        self._mine = alike.visible_to(self.user).first()
        if self._mine is not None:
            raise forms.ValidationError(_("You have a charger “%s” already.") % self._mine.identity)
        if alike.filter(identity=identity).exists():
            raise forms.ValidationError(
                _("This identity is taken. If the charger came with a claim code, claim it with that.")
            )
        return identity


class ClaimForm(OfOrganisation):
    """Identity and claim code."""

    identity = forms.CharField(label=_("Identity"), max_length=255)
    code = forms.CharField(
        label=_("Claim code"),
        max_length=64,
        help_text=_("From the sticker or the box. It works once."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["identity", "code", "organisation"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, may_be_nobodys=False, **kwargs)


class AdoptForm(OfOrganisation):
    """Whose an unknown charger becomes."""

    identity = forms.CharField(label=_("Identity"), max_length=255, validators=[validate_identity])


class FileForm(OfOrganisation):
    """A CSV file with chargers; ``organisation`` is that of rows without one."""

    file = forms.FileField(
        label=_("CSV file"), widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"})
    )
