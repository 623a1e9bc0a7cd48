"""What a charger says that it is."""

from __future__ import annotations

import json


def model_of(boot: str) -> dict[str, str]:
    """Vendor, model, firmware and serial number of a BootNotification's payload, of either OCPP."""
    try:
        said = json.loads(boot) if boot else {}
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    station = said.get("chargingStation")
    known = station if isinstance(station, dict) else said
    names = {
        "vendor": ("vendorName", "chargePointVendor"),
        "name": ("model", "chargePointModel"),
        "firmware": ("firmwareVersion",),
        "serial": ("serialNumber", "chargePointSerialNumber", "chargeBoxSerialNumber"),
    }
    return {
        key: next((str(known[name])[:100] for name in among if known.get(name)), "")
        for key, among in names.items()
    }
