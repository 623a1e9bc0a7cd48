"""Under /accounts/: what is needed of allauth, by the names that it looks up, and nothing else of it."""

from allauth.account.views import reauthenticate
from django.urls import include, path

from accounts.sso import views

urlpatterns = [
    path("login/", views.to_login, name="account_login"),
    path("inactive/", views.refused, name="account_inactive"),
    path("again/", reauthenticate, name="account_reauthenticate"),
    path("cancelled/", views.cancelled, name="socialaccount_login_cancelled"),
    path("factors/", include("allauth.mfa.urls")),
    path("oidc/<slug:provider_id>/login/", views.to_directory, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", views.from_directory, name="openid_connect_callback"),
]
