from django.apps import AppConfig

from proxy_site import checks

__all__ = ["checks"]


class ProxySiteConfig(AppConfig):
    name = "proxy_site"
    verbose_name = "Proxy"
