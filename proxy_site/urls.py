"""The web addresses; health is answered before Django, in :mod:`proxy_site.asgi`."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.api.errors import nowhere
from accounts.joining import invitation

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=static("accounts/icon.svg"), permanent=False)),
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("proxy_site.api")),
    path("api/v3/", include("chargers.api.facade")),
    path("api/<path:rest>", nowhere),
    path("invitations/<str:token>/", invitation, name="invitation"),
]
