"""Exchanges as the lines of a page: everything that a template shows, ready and masked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from routing.core.masking import masked
from routing.explorer import words
from routing.explorer.comparing import Piece, compare, pretty
from routing.explorer.folding import Exchange, Leg
from routing.explorer.presenting import about, shown
from routing.explorer.search import Names, Page
from routing.explorer.why import why_refused
from routing.health import in_ms


@dataclass(frozen=True, slots=True)
class Word:
    """A word of OCPP (or a mark) with what it means; ``look`` is the class that colours it."""

    text: str
    meaning: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True)
class LegLine:
    """One socket's part of an exchange. Frames are "" where a page does not show them."""

    who: str
    way: str
    way_words: str
    at: str
    message_id: str
    outcome: Word
    status: Word | None
    error: Word | None
    rule: str
    took: str
    size: int
    is_other: bool
    frame: str = ""
    answer: str = ""
    raw: str = ""
    raw_answer: str = ""
    changes: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One exchange. ``url`` is its own page, ``around`` the list of what happened at that time.

    ``refused``: who refused what was asked, as a sentence, "" where nobody has.
    """

    url: str
    part: str
    json: str
    around: str
    charger: str
    charger_list: str
    iso: str
    day: str
    clock: str
    way: str
    way_words: str
    action: Word
    about: tuple[Word, ...]
    answered: str
    status: Word | None
    rule: str
    took: str
    marks: tuple[Word, ...]
    look: str
    session: str
    session_list: str
    card: str
    refused: str
    legs: tuple[LegLine, ...]


def lines(page: Page) -> list[Line]:
    """The lines of a list: without frames."""
    return [line(exchange, page.names, whole=False) for exchange in page.exchanges]


def line(exchange: Exchange, names: Names, *, whole: bool) -> Line:
    """An exchange ready to be shown; ``whole``: with its frames."""
    show = shown(exchange, sees_cards=names.sees_cards(exchange.charger))
    place = [exchange.charger, exchange.number]
    first = exchange.first
    return Line(
        url=reverse("admin:routing_message_exchange", args=place),
        part=reverse("admin:routing_message_part", args=place),
        json=reverse("admin:routing_message_json", args=place),
        around=_around(exchange, names),
        charger=names.charger(exchange.charger),
        charger_list=_list(_of_charger(exchange, names)),
        iso=exchange.at.isoformat(),
        day=f"{exchange.at:%Y-%m-%d}",
        clock=f"{exchange.at:%H:%M:%S}.{exchange.at.microsecond // 1000:03}",
        way=_way(exchange, names),
        way_words=words.of_kind(exchange.kind),
        action=Word(exchange.action or _("frame"), words.of_action(exchange.action)),
        about=tuple(Word(word, words.of_word(word)) for word in about(exchange)),
        answered=_answered(exchange, names),
        status=_status(first),
        rule=show(_told_rule(exchange.rule)),
        took=_took(exchange.latency_ms),
        marks=tuple(_marks(exchange, names)),
        look=exchange.group,
        session=exchange.transaction,
        session_list=_list({"transaction": exchange.transaction}) if exchange.transaction else "",
        card=_card(exchange, names),
        refused=show(_sentence(why_refused(exchange))),
        legs=tuple(_leg(exchange, leg, names, show, whole=whole) for leg in exchange.legs),
    )


def _sentence(words_: str) -> str:
    return f"{words_[0].upper()}{words_[1:]}." if words_ else ""


def _list(query: dict[str, str]) -> str:
    return f"{reverse('admin:routing_message_changelist')}?{urlencode(query)}"


def _of_charger(exchange: Exchange, names: Names) -> dict[str, str]:
    known = names.chargers.get(exchange.charger)
    return {"charger": known.identity} if known else {"charger_id": str(exchange.charger)}


def _around(exchange: Exchange, names: Names) -> str:
    """What this charger did in the minutes around."""
    ends = {"from": exchange.at.timestamp() - 120, "to": exchange.at.timestamp() + 120}
    written = {name: _moment(seconds) for name, seconds in ends.items()}
    return _list(_of_charger(exchange, names) | written | {"routine": "1"})


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _card(exchange: Exchange, names: Names) -> str:
    if not exchange.id_tag or names.sees_cards(exchange.charger):
        return exchange.id_tag
    return masked(exchange.id_tag)


def _way(exchange: Exchange, names: Names) -> str:
    """From whom to whom, in arrows."""
    proxy = _("proxy")
    begins = proxy if exchange.head is None else _name(exchange.head.route, names)
    others = list(dict.fromkeys(_name(leg.route, names) for leg in exchange.copies))
    if not others:
        return f"{begins} →" if exchange.kind == "stray" else f"{begins} → {proxy}"
    several = _("%(number)s backoffices") % {"number": len(others)}
    return f"{begins} → {others[0] if len(others) == 1 else several}"


def _name(route: int | None, names: Names) -> str:
    """The backoffice of a route, or the charger, as people read it."""
    return names.route(route) if route is not None else _("charger")


def _answered(exchange: Exchange, names: Names) -> str:
    if exchange.answered_by == "backoffice" and exchange.kind == "proxy":
        return _("%(who)s answered.") % {"who": _name(exchange.first.route, names)}
    return words.answerer(exchange)


def _took(milliseconds: float | None) -> str:
    return "< 1 ms" if milliseconds is not None and milliseconds < 1 else in_ms(milliseconds)


def _told_rule(rule: str) -> str:
    """A rule that says more than who answered."""
    return "" if rule.startswith("answered by ") else rule


def _status(leg: Leg) -> Word | None:
    return Word(leg.status, words.of_word(leg.status)) if leg.status else None


def _error(leg: Leg) -> Word | None:
    return Word(leg.error_code, words.of_word(leg.error_code)) if leg.error_code else None


def _marks(exchange: Exchange, names: Names) -> Iterable[Word]:
    """What deserves a look: how it went, and with whom it did not go well."""
    first = exchange.first
    if exchange.kind == "stray" and exchange.group == "well":
        yield Word(_("no answer wanted"), words.of_leg(first))
    elif exchange.group != "well":
        yield Word(words.of_group(exchange.group), words.of_leg(first), exchange.group)
    if error := _error(first):
        yield Word(error.text, error.meaning, exchange.group)
    if exchange.is_virtual:
        yield Word(_("by the proxy"), _("The proxy knew the answer; the charger was not asked."), "virtual")
    for leg in exchange.troubles:
        if leg.group != "well" and leg is not first:
            text = f"{_name(leg.route, names)}: {words.of_group(leg.group)}"
            yield Word(text, words.of_leg(leg), leg.group)


def _leg(exchange: Exchange, leg: Leg, names: Names, show: Callable[[str], str], *, whole: bool) -> LegLine:
    is_head = leg is exchange.head
    is_other = leg.is_other and not is_head and exchange.head is not None
    frame = exchange.frame(leg) if whole else ""
    changes: tuple[Piece, ...] = ()
    if whole and is_other and exchange.head is not None:
        changes = tuple(compare(show(exchange.head.text), show(leg.text)))
    return LegLine(
        who=_name(leg.route, names),
        way="asks" if is_head else "gets",
        way_words=_("asks") if is_head else _("gets"),
        at=f"{leg.at:%Y-%m-%d %H:%M:%S}.{leg.at.microsecond // 1000:03}",
        message_id=leg.message_id,
        outcome=Word(words.of_group(leg.group), words.of_leg(leg), leg.group),
        status=_status(leg),
        error=_error(leg),
        rule=show(_told_rule(leg.rule)),
        took=_took(leg.latency_ms),
        size=leg.size,
        is_other=is_other,
        frame=show(pretty(frame)),
        answer=show(pretty(leg.answer)) if whole else "",
        raw=show(frame),
        raw_answer=show(leg.answer) if whole else "",
        changes=changes,
    )
