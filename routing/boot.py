"""What a charger says that it is."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from routing.core.payloads import Lenient, read, text

LONGEST = 100
"""Characters of each that are told."""


class Boot(NamedTuple):
    """What a charger said of itself when it booted; "" for what it did not say."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""


class _Station(msgspec.Struct, gc=False):
    vendorName: Lenient = msgspec.UNSET
    model: Lenient = msgspec.UNSET
    firmwareVersion: Lenient = msgspec.UNSET
    serialNumber: Lenient = msgspec.UNSET


class _Booted(msgspec.Struct, gc=False):
    chargePointVendor: Lenient = msgspec.UNSET
    chargePointModel: Lenient = msgspec.UNSET
    firmwareVersion: Lenient = msgspec.UNSET
    chargePointSerialNumber: Lenient = msgspec.UNSET
    chargeBoxSerialNumber: Lenient = msgspec.UNSET
    chargingStation: Lenient = msgspec.UNSET


def read_boot(payload: str) -> Boot:
    """What a BootNotification says, of any OCPP version; nothing where it can't be read."""
    said = read(payload, _Booted)
    if isinstance(said.chargingStation, msgspec.Raw):
        station = read(bytes(said.chargingStation).decode(), _Station)
        values = (station.vendorName, station.model, station.firmwareVersion, station.serialNumber)
    else:
        serial = said.chargePointSerialNumber
        if not text(serial):
            serial = said.chargeBoxSerialNumber
        values = (said.chargePointVendor, said.chargePointModel, said.firmwareVersion, serial)
    return Boot(*(text(value, LONGEST) for value in values))


def model_of(payload: str) -> dict[str, str]:
    """The same as programs get it: ``vendor``, ``name``, ``firmware`` and ``serial``."""
    boot = read_boot(payload)
    return {"vendor": boot.vendor, "name": boot.model, "firmware": boot.firmware, "serial": boot.serial}
