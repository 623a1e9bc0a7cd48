"""Every kind of alarm: what it means, and what helps. Lower case words, as a person says them.

An alarm lasts until what it is about is over; ``state.raise_alarm`` and ``state.clear_alarm`` are called
with the kinds of this table and no others.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Alarm(msgspec.Struct, frozen=True):
    """A kind of alarm in words: what it means, what a person does about it, and when it is over."""

    meaning: str
    remedy: str
    over: str


ALARMS: Mapping[str, Alarm] = {
    "dead letters": Alarm(
        "A backoffice did not take messages that it should have got; they are kept, and not sent any more.",
        "Look at the error of each letter in the list of deliveries, have the backoffice mended, then send "
        "the letters again or discard them.",
        "no dead letter of the route is left",
    ),
    "queue thinned": Alarm(
        "More waits for a backoffice than is kept: every second periodic meter value was left out. Starts, "
        "ends and signed values are all there.",
        "Bring the backoffice back or switch its route off. A larger queue_limit keeps more.",
        "nothing waits for the backoffice any more",
    ),
    "version mismatch": Alarm(
        "A backoffice does not take the OCPP version that the charger speaks, and gets nothing.",
        "Have the backoffice accept the version, or pin (pinned) the charger to one that all speak.",
        "the backoffice takes the charger's version",
    ),
    "password refused": Alarm(
        "A backoffice has set a new password for this charger and refuses it. The one before still works.",
        "Ask the backoffice which password counts; an action on the route has the new one forgotten.",
        "the link opens with the password that was meant",
    ),
    "clock differs": Alarm(
        "The clock of a backoffice is more than a minute off. Chargers may set theirs by it.",
        "Have the backoffice's clock set right; until then clock_source: proxy keeps its time from chargers.",
        "the next boot or heartbeat is answered with the right time",
    ),
    "limit not set": Alarm(
        "The charger has not taken its static limit: it may draw more current than its connection allows.",
        "Set the limit at the charger itself, or ask its maker for firmware that takes charging profiles.",
        "the charger accepts the limit, or the limit is removed",
    ),
    "local list full": Alarm(
        "The charger's list of cards has no room for those of this backoffice: they start only while the "
        "backoffice is there to be asked.",
        "Shorten the lists of the backoffices, or let one alone have the list (local_list: exclusive).",
        "the cards of the backoffice are on the list",
    ),
    "identity conflict": Alarm(
        "Two devices connect with this identity in turn, and push each other off.",
        "Find the other device by the addresses in the text, give it an identity of its own, and give this "
        "charger a password.",
        "there was no such change of address for ten minutes",
    ),
    "possible migration": Alarm(
        "A backoffice has told the charger, under an override of the guard, to connect elsewhere, and the "
        "charger does not come back.",
        "Ask that backoffice whether it was meant; set the address at the charger itself to get it back.",
        "the charger connects here",
    ),
}
"""By kind, the most urgent first."""
