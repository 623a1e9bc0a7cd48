from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChargersConfig(AppConfig):
    name = "chargers"
    verbose_name = _("Chargers")  # type: ignore[assignment]  # the stubs know no lazy text
    default_auto_field = "django.db.models.BigAutoField"
