from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # By name: it needs models, and this module is there before them.
        import_string("accounts.edges.connect")()
        if settings.PROXY_SSO_READY:
            import_string("accounts.sso.edges.connect")()
