"""The admin's frame: its title, and who may enter."""

from __future__ import annotations

from accounts import skin


class ProxyAdminSite(skin.AdminSite):
    """The one site; models register on it as ``admin.site``."""

    site_header = site_title = "OCPP proxy"
    site_url = None
