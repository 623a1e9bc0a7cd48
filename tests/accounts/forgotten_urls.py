"""The addresses of an installation that can send mail."""

from django.urls import include, path

from proxy_site.urls import urlpatterns as ours

urlpatterns = [path("password/", include("accounts.forgotten")), *ours]
