"""What the script of the live view says, in the reader's language: it gets them with its page."""

from __future__ import annotations

import json

from django.utils.translation import gettext as _


def page_words() -> str:
    """The words of ``live.js`` and ``live_feed.js``, by the names that they have there, as JSON."""
    words = {
        "connecting": _("connecting"),
        "live": _("live"),
        "polling": _("polling"),
        "answered": _("answered"),
        "error": _("error"),
        "denied": _("denied"),
        "timeout": _("no answer in time"),
        "lost": _("connection lost"),
        "malformed": _("malformed"),
        "unsolicited": _("nobody asked for it"),
        "dropped": _("dropped"),
        "withheld": _("withheld"),
        "ended": _("ended"),
        "paused": _("paused"),
        "more": _("{number} more since"),
        "leftOut": _("{number} or more rows were left out; the message log has all."),
        "copied": _("Copied"),
        "pause": _("Pause"),
        "resume": _("Resume"),
        "sent": _("Sent"),
        "answer": _("Answer"),
        "noAnswer": _("No answer."),
        "samePayload": _("the same payload"),
        "sameFrame": _("The same payload as in the first row, under another message id."),
        "frame": _("frame"),
        "charger": _("charger"),
        "atOnce": _("at once"),
        "loggedOut": _("You are logged out. Log in again, and open this page anew."),
        "gone": _("There is nothing to see here any more."),
        "apart": _("The proxy's processes can't reach each other at the moment."),
        "interrupted": _("The live connection is interrupted, and is tried again."),
        "silent": _("The proxy does not answer; it is asked again every 5 seconds."),
    }
    return json.dumps(words)
