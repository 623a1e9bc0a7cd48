"""What chargers measure, are set to and run, as lists: nothing here is edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import RecordAdmin
from routing.cards_admin import sees_cards
from routing.models import ConfigurationKey, FirmwareEvent, Reading


@admin.register(Reading)
class ReadingAdmin(RecordAdmin[Reading]):
    list_display = ["moment", "charger", "place", "power", "energy", "current", "voltage", "charge"]
    list_select_related = ["charger"]
    search_fields = ["charger__identity"]

    @admin.display(description=_("time"), ordering="at")
    def moment(self, reading: Reading) -> str:
        return f"{localtime(reading.at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description=_("connector"))
    def place(self, reading: Reading) -> str:
        if reading.evse_id:
            return f"EVSE {reading.evse_id}"
        return str(reading.connector_id) if reading.connector_id else str(_("main meter"))

    @admin.display(description=_("power"))
    def power(self, reading: Reading) -> str:
        return _figure(reading.power_w, 1000, 2, "kW")

    @admin.display(description=_("meter"))
    def energy(self, reading: Reading) -> str:
        return _figure(reading.energy_wh, 1000, 3, "kWh")

    @admin.display(description=_("current L1, L2, L3"))
    def current(self, reading: Reading) -> str:
        return _phases("A", reading.current_l1_a, reading.current_l2_a, reading.current_l3_a)

    @admin.display(description=_("voltage L1, L2, L3"))
    def voltage(self, reading: Reading) -> str:
        return _phases("V", reading.voltage_l1_v, reading.voltage_l2_v, reading.voltage_l3_v)

    @admin.display(description=_("state of charge"))
    def charge(self, reading: Reading) -> str:
        return _figure(reading.soc_percent, 1, 0, "%")


def _figure(value: float | None, per: int, digits: int, unit: str) -> str:
    return "" if value is None else f"{value / per:.{digits}f} {unit}"


def _phases(unit: str, *values: float | None) -> str:
    if all(value is None for value in values):
        return ""
    return " / ".join("-" if value is None else f"{value:.1f}" for value in values) + f" {unit}"


@admin.register(ConfigurationKey)
class ConfigurationKeyAdmin(RecordAdmin[ConfigurationKey]):
    """Cards in values are whole on the page of a row only, for those who may see them."""

    list_display = ["charger", "name", "value_masked", "readonly", "seen_at"]
    list_display_links = ["name"]
    list_select_related = ["charger"]
    list_filter = ["readonly"]
    search_fields = ["charger__identity", "component", "variable"]
    readonly_fields = ["value_masked"]

    def get_fields(self, request: HttpRequest, obj: ConfigurationKey | None = None) -> Any:
        value = "value" if obj is not None and sees_cards(request, obj) else "value_masked"
        return ["charger", "component", "variable", "instance", value, "readonly", "seen_at"]

    @admin.display(description=_("value"))
    def value_masked(self, setting: ConfigurationKey) -> str:
        return setting.masked_value


@admin.register(FirmwareEvent)
class FirmwareEventAdmin(RecordAdmin[FirmwareEvent]):
    list_display = ["at", "charger", "kind", "status", "detail"]
    list_select_related = ["charger"]
    list_filter = ["kind"]
    search_fields = ["charger__identity", "status"]
