"""OCPP 2.0.1: the table (ocpp-semantics 2.3)."""

from __future__ import annotations

from routing.core.actions import columns as to
from routing.core.actions import qualifiers as by
from routing.core.actions.denials import refusal
from routing.core.actions.types import Answer, Both, Down, Queue, Up, by_name
from routing.core.actions.v201_down import DOWN
from routing.core.actions.v201_up import REJECTED, UP

DATA_TRANSFER = Both(
    Up("DataTransfer", "data-transfer", to.VENDOR_DATA, Answer.BILLING, Queue.NEVER, fallback=REJECTED),
    Down("DataTransfer", "data-transfer", to.BILLING_ONLY, refusal("UnknownVendorId"), qualifier=by.VENDOR),
)

TABLE = by_name(*UP, DATA_TRANSFER, *DOWN)
