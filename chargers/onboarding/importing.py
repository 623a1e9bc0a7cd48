"""Chargers from a CSV file: read and judged row by row, then made all together or not at all."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.acting import acting
from accounts.admin_base import owned
from accounts.models import Organisation, User
from chargers.models import Charger, validate_identity
from chargers.onboarding import claims
from chargers.onboarding.cards import hashes_of, new_password
from chargers.onboarding.forms import organisations_of
from routing.core.snapshot import Role
from routing.explorer.exporting import FORMULA
from routing.models import Route

COLUMNS: Final = ("identity", "label", "organisation", "password", "claim", "routes")
MOST_ROWS: Final = 1000
MOST_BYTES: Final = 512 * 1024
SHORTEST_PASSWORD: Final = 16

_NO: Final = ("", "no", "0", "false")
_NO_PASSWORD: Final = ("none", "-")


class Unusable(ValueError):
    """The file as a whole is none of ours; the text says why."""


@dataclass
class Row:
    """A charger as the file has it. ``password``: "" makes one, None asks for none."""

    number: int
    identity: str
    label: str = ""
    organisation: Organisation | None = None
    password: str | None = ""
    claim: bool = False
    routes: list[tuple[Any, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def password_words(self) -> str:
        """What becomes of the password, without it."""
        if self.password is None:
            return _("none")
        return _("from the file") if self.password else _("is made")

    @property
    def route_words(self) -> str:
        return "; ".join(f"{backoffice}: {role}" for backoffice, role in self.routes)


@dataclass(frozen=True)
class Made:
    """A charger that was made, with what is told once: its new password and its claim code, "" for none."""

    charger: Charger
    password: str
    claim_code: str


def decoded(raw: bytes) -> str:
    """The text of an uploaded file. Raises Unusable."""
    if len(raw) > MOST_BYTES:
        raise Unusable(_("The file is larger than %d KB. Split it.") % (MOST_BYTES // 1024))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:  # UTF-16 without a mark; PostgreSQL takes no such character
        raise Unusable(_("The file is not in UTF-8. Save it as “CSV UTF-8”."))
    return text


def read(text: str, user: User, default: Organisation | None) -> list[Row]:
    """The rows with their problems, judged for this user. Raises Unusable."""
    cells = list(_cells(text))
    if not cells:
        raise Unusable(_("There is no row in the file."))
    if len(cells) > MOST_ROWS:
        raise Unusable(_("There are more than %d rows. Split the file.") % MOST_ROWS)
    mine = {organisation.name: organisation for organisation in organisations_of(user)}
    rows = [_row(number, cell, mine, default, user) for number, cell in cells]
    _find_routes(rows, [cell.get("routes", "") for _, cell in cells], user)
    _find_doubles(rows)
    return rows


def _cells(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        heads = [head.strip().lower() for head in next(lines, [])]
        _judge_heads(heads)
        for values in lines:
            if any(value.strip() for value in values):
                yield lines.line_num, dict(zip(heads, map(_plain, values), strict=False))
    except csv.Error as error:
        raise Unusable(_("This is not CSV: %s.") % error) from None


def _judge_heads(heads: list[str]) -> None:
    if "identity" not in heads:
        raise Unusable(_("The first line must name the columns, among them “identity”."))
    known = {*COLUMNS, "enabled"}
    if unknown := [head for head in heads if head and head not in known]:
        shown = {"unknown": ", ".join(unknown)[:100], "known": ", ".join(COLUMNS)}
        raise Unusable(_("Unknown column: %(unknown)s. Known are: %(known)s.") % shown)


def _plain(value: str) -> str:
    """A cell without the apostrophe with which exports keep a spreadsheet from calculating it."""
    value = value.strip()
    return value[1:] if value.startswith("'") and value[1:].startswith(FORMULA) else value


def _row(
    number: int,
    cell: Mapping[str, str],
    mine: Mapping[str, Organisation],
    default: Organisation | None,
    user: User,
) -> Row:
    row = Row(number, cell.get("identity", ""), cell.get("label", "")[:255], default)
    if not row.identity:
        row.problems.append(_("The identity is empty."))
    else:
        try:
            validate_identity(row.identity)
        except ValidationError as error:
            row.problems += error.messages
    if name := cell.get("organisation", ""):
        row.organisation = mine.get(name)
        if row.organisation is None:
            row.problems.append(_("You have no organisation “%s”.") % name[:60])
    elif row.organisation is None and not user.is_superuser:
        row.problems.append(_("The organisation is missing."))
    _judge_password(row, cell.get("password", ""))
    row.claim = cell.get("claim", "").lower() not in _NO
    return row


def _judge_password(row: Row, given: str) -> None:
    row.password = None if given.lower() in _NO_PASSWORD else given
    if given and row.password and len(given) < SHORTEST_PASSWORD:
        row.problems.append(
            _("The password is shorter than %d characters; leave it empty to have one made.")
            % SHORTEST_PASSWORD
        )


def _find_routes(rows: list[Row], texts: list[str], user: User) -> None:
    """Backoffices by name, as ``name:role; name:role``."""
    model: Any = Route._meta.get_field("backoffice").related_model
    known: dict[str, list[Any]] = {}
    for backoffice in owned(model).selectable_by(user) if any(texts) else ():
        known.setdefault(backoffice.name, []).append(backoffice)
    for row, text in zip(rows, texts, strict=True):
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, role = map(str.strip, part.rsplit(":", 1)) if ":" in part else (part, "")
            _add_route(row, known.get(name, []), name, role)
        roles = Counter(role for _, role in row.routes)
        if roles[Role.BILLING.value] > 1:
            row.problems.append(_("At most one route can be the billing route."))


def _add_route(row: Row, found: list[Any], name: str, role: str) -> None:
    roles = [known.value for known in Role]
    if len(found) != 1:
        row.problems.append(
            (_("There are several backoffices “%s”.") if found else _("There is no backoffice “%s”."))
            % name[:60]
        )
    elif role not in roles:
        shown = {"role": role[:40], "known": ", ".join(roles)}
        row.problems.append(_("“%(role)s” is not a role (%(known)s).") % shown)
    else:
        row.routes.append((found[0], role))


def _find_doubles(rows: list[Row]) -> None:
    times = Counter(row.identity.casefold() for row in rows)
    taken = set(
        Charger.objects.filter(identity__in=[r.identity for r in rows]).values_list("identity", flat=True)
    )
    for row in rows:
        if row.identity in taken:
            row.problems.append(_("This identity is taken."))
        if row.identity and times[row.identity.casefold()] > 1:
            row.problems.append(_("This identity stands in the file more than once."))


def carry_out(rows: Iterable[Row]) -> list[Made]:
    """Make them all. Where one can't be made none is: then ValidationError says which and why."""
    made = []
    with transaction.atomic(), acting(words="Added by a CSV file."):
        for row in rows:
            try:
                made.append(_make(row))
            except ValidationError as error:
                raise ValidationError(
                    _("Line %(number)d, %(identity)s: %(problem)s")
                    % {"number": row.number, "identity": row.identity, "problem": " ".join(error.messages)}
                ) from None
    return made


def _make(row: Row) -> Made:
    fresh = new_password() if row.password == "" else ""
    password = fresh or row.password
    charger = Charger(identity=row.identity, label=row.label, organisation=row.organisation)
    charger.password_hashes = hashes_of(row.identity, password) if password else []
    charger.full_clean()
    charger.save()
    for backoffice, role in row.routes:
        route = Route(charger=charger, backoffice=backoffice, role=role)
        route.full_clean()
        route.save()
    return Made(charger, fresh, claims.offer(charger) if row.claim else "")
