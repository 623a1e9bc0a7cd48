from django.apps import AppConfig


class BackofficesConfig(AppConfig):
    name = "backoffices"
    verbose_name = "Backoffices"
    default_auto_field = "django.db.models.BigAutoField"
