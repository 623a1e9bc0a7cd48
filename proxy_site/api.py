"""The addresses of the REST API, version 1; resources are beside their models."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from accounts.api.locations import LocationViewSet
from accounts.api.me import MeView, OrganisationViewSet
from accounts.api.members import MemberViewSet
from accounts.api.tokens import TokenViewSet
from backoffices.api.views import BackofficeViewSet
from chargers.api.views import ChargerViewSet
from routing.api.commands import ChargerCommandViewSet, CommandViewSet
from routing.api.messages import MessageViewSet
from routing.api.routes import PresetViewSet, RouteViewSet
from routing.api.transactions import TransactionViewSet
from routing.api.webhooks import EventViewSet, WebhookViewSet

router = SimpleRouter(use_regex_path=False)
router.register("organisations", OrganisationViewSet, basename="organisation")
router.register("members", MemberViewSet, basename="member")
router.register("locations", LocationViewSet, basename="location")
router.register("chargers", ChargerViewSet, basename="charger")
router.register("backoffices", BackofficeViewSet, basename="backoffice")
router.register("routes", RouteViewSet, basename="route")
router.register("presets", PresetViewSet, basename="preset")
router.register("transactions", TransactionViewSet, basename="transaction")
router.register("commands", CommandViewSet, basename="command")
router.register("tokens", TokenViewSet, basename="token")
router.register("messages", MessageViewSet, basename="message")
router.register("events", EventViewSet, basename="event")
router.register("webhooks", WebhookViewSet, basename="webhook")

urlpatterns = [
    path("me/", MeView.as_view(), name="me"),
    path("messages/export/", MessageViewSet.as_view({"get": "export"}), name="message-export"),
    path(
        "chargers/<uuid:charger_uuid>/commands/",
        ChargerCommandViewSet.as_view({"get": "list", "post": "create"}),
        name="charger-commands",
    ),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    path("", include(router.urls)),
]
app_name = "api"
