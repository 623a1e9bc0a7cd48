"""Mail to people, where the installation has a way to send some."""

from __future__ import annotations

import logging
import threading
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail

logger = logging.getLogger(__name__)


def send(to: str, subject: str, text: str) -> bool:
    """Whether a mail could be handed over; without EMAIL_URL none is."""
    if not settings.PROXY_MAIL:
        return False
    try:
        return send_mail(" ".join(subject.split()), text, None, [to]) == 1  # a name may have several lines
    except (SMTPException, OSError) as error:
        name = type(error).__name__  # its text may hold addresses
        logger.warning("a mail could not be sent (%s); check EMAIL_URL and the server that it names", name)
        return False


def send_later(to: str, subject: str, text: str) -> threading.Thread:
    """As ``send``, without that anybody waits: how long an answer takes tells whether there was a mail."""
    thread = threading.Thread(target=send, args=(to, subject, text), name="mail", daemon=True)
    thread.start()
    return thread
