"""The web addresses; health is answered before Django, in :mod:`proxy_site.asgi`."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.api.errors import nowhere
from accounts.joining import invitation
from routing.files.firmware import fetch

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=static("accounts/icon.svg"), permanent=False)),
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("proxy_site.api")),
    path("firmware/<str:token>/<str:name>", fetch, name="firmware"),
    path("api/v3/", include("chargers.api.facade")),
    path("api/<path:rest>", nowhere),
    path("invitations/<str:token>/", invitation, name="invitation"),
]
if settings.PROXY_PASSWORD_RESET:
    urlpatterns += [path("password/", include("accounts.forgotten"))]
if settings.PROXY_SSO_READY:
    urlpatterns += [path("accounts/", include("accounts.sso.urls"))]
