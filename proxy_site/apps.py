from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import apps as admin_apps

from proxy_site import checks
from proxy_site.translating import naming

__all__ = ["checks"]

naming.start()  # before models are loaded: forms of the admin take their names at import


class ProxySiteConfig(AppConfig):
    name = "proxy_site"
    verbose_name = "Proxy"


class ProxyAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site: the dashboard is its first page."""

    default = False  # ProxySiteConfig is
    default_site = "proxy_site.admin_site.ProxyAdminSite"

    def ready(self) -> None:
        """Rows of allauth hold secrets, and each has a page of its own where it is needed."""
        super().ready()
        for model in list(admin.site._registry):
            if model.__module__.startswith("allauth."):
                admin.site.unregister(model)
