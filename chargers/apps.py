from django.apps import AppConfig


class ChargersConfig(AppConfig):
    name = "chargers"
    verbose_name = "Chargers"
    default_auto_field = "django.db.models.BigAutoField"
