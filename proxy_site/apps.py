from django.apps import AppConfig


class ProxySiteConfig(AppConfig):
    name = "proxy_site"
    verbose_name = "Proxy"
    default_auto_field = "django.db.models.BigAutoField"
