from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BackofficesConfig(AppConfig):
    name = "backoffices"
    verbose_name = _("Backoffices")
    default_auto_field = "django.db.models.BigAutoField"
