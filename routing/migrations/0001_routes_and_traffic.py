import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("backoffices", "0001_backoffices"),
        ("chargers", "0001_chargers_and_connectors"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChargerSession",
            fields=[
                (
                    "charger",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="session",
                        serialize=False,
                        to="chargers.charger",
                    ),
                ),
                ("runtime", models.CharField(blank=True, default="", max_length=64)),
                ("epoch", models.BigIntegerField(default=0)),
                ("online", models.BooleanField(default=False)),
                ("ocpp_version", models.CharField(blank=True, default="", max_length=8)),
                ("remote_address", models.CharField(blank=True, default="", max_length=64)),
                ("connected_at", models.DateTimeField(blank=True, null=True)),
                ("disconnected_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("billing", "Billing"),
                            ("control", "Data & control"),
                            ("energy", "Energy manager"),
                            ("service", "Service"),
                            ("observe", "Observe only"),
                        ],
                        max_length=16,
                    ),
                ),
                ("alias", models.CharField(blank=True, max_length=255)),
                ("enabled", models.BooleanField(default=True)),
                ("permissions", models.JSONField(blank=True, default=dict)),
                ("options", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "backoffice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="routes",
                        to="backoffices.backoffice",
                    ),
                ),
                (
                    "charger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="routes",
                        to="chargers.charger",
                    ),
                ),
            ],
            options={
                "ordering": ["charger", "id"],
            },
        ),
        migrations.CreateModel(
            name="RuntimeProcess",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("beat_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "runtime processes",
            },
        ),
        migrations.CreateModel(
            name="ConfigChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "charger",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="chargers.charger",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RouteState",
            fields=[
                (
                    "route",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="state",
                        serialize=False,
                        to="routing.route",
                    ),
                ),
                ("state", models.CharField(max_length=16)),
                ("since", models.DateTimeField()),
                ("last_error", models.CharField(blank=True, max_length=255)),
                ("registration", models.CharField(blank=True, max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("exchange", models.BigIntegerField()),
                (
                    "direction",
                    models.CharField(
                        choices=[("up", "Charger asks"), ("down", "Backoffice asks")], max_length=4
                    ),
                ),
                ("action", models.CharField(blank=True, max_length=64)),
                ("message_id", models.CharField(blank=True, max_length=64)),
                ("text", models.TextField(blank=True)),
                ("answer", models.TextField(blank=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("answered", "Answered"),
                            ("error", "Error"),
                            ("denied", "Denied"),
                            ("timeout", "No answer in time"),
                            ("lost", "Connection lost"),
                            ("malformed", "Malformed"),
                            ("unsolicited", "Answer nobody asked for"),
                            ("sent", "Sent"),
                            ("dropped", "Dropped"),
                        ],
                        max_length=12,
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=64)),
                ("rule", models.CharField(blank=True, max_length=255)),
                ("latency_ms", models.FloatField(blank=True, null=True)),
                ("transaction_id", models.UUIDField(blank=True, null=True)),
                ("connector_id", models.IntegerField(blank=True, null=True)),
                (
                    "charger",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="messages",
                        to="chargers.charger",
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="messages",
                        to="routing.route",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("exchange", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("action", models.CharField(max_length=64)),
                ("payload", models.TextField()),
                ("transaction_id", models.UUIDField(blank=True, null=True)),
                ("attempts", models.IntegerField(default=0)),
                ("error", models.CharField(blank=True, default="", max_length=255)),
                ("dead", models.BooleanField(default=False)),
                (
                    "charger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="chargers.charger",
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="routing.route",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Transaction",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("ocpp_version", models.CharField(max_length=8)),
                ("evse_id", models.IntegerField(blank=True, null=True)),
                ("connector_id", models.IntegerField(blank=True, null=True)),
                ("id_tag", models.CharField(blank=True, max_length=255)),
                ("charger_transaction_id", models.CharField(blank=True, max_length=36, null=True)),
                ("started_at", models.CharField(blank=True, max_length=64)),
                ("meter_start", models.BigIntegerField(blank=True, null=True)),
                ("start_payload", models.TextField(blank=True)),
                ("last_payload", models.TextField(blank=True)),
                ("stopped_at", models.CharField(blank=True, max_length=64)),
                ("meter_stop", models.BigIntegerField(blank=True, null=True)),
                ("stop_reason", models.CharField(blank=True, max_length=32)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed", models.DateTimeField(blank=True, null=True)),
                (
                    "charger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="transactions",
                        to="chargers.charger",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="owned_transactions",
                        to="routing.route",
                    ),
                ),
            ],
            options={
                "ordering": ["-created"],
            },
        ),
        migrations.CreateModel(
            name="RouteTransaction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("route_transaction_id", models.CharField(blank=True, max_length=36, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for its number"),
                            ("known", "Known"),
                            ("failed", "Never announced"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="route_transactions",
                        to="routing.route",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="route_transactions",
                        to="routing.transaction",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DefaultRoute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("billing", "Billing"),
                            ("control", "Data & control"),
                            ("energy", "Energy manager"),
                            ("service", "Service"),
                            ("observe", "Observe only"),
                        ],
                        max_length=16,
                    ),
                ),
                ("permissions", models.JSONField(blank=True, default=dict)),
                ("options", models.JSONField(blank=True, default=dict)),
                (
                    "backoffice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="default_routes",
                        to="backoffices.backoffice",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("backoffice",),
                        name="one_default_route_per_backoffice",
                        violation_error_message="There is already a default route to this backoffice.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("role", "billing")),
                        fields=("role",),
                        name="one_default_billing_route",
                        violation_error_message="There is already a default billing route.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LatestValue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=16)),
                ("key", models.CharField(blank=True, max_length=255)),
                ("payload", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                (
                    "charger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="latest_values",
                        to="chargers.charger",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("charger", "kind", "key"), name="one_latest_value")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(
                fields=("charger", "backoffice"),
                name="one_route_per_backoffice",
                violation_error_message="This charger already has a route to this backoffice.",
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(
                condition=models.Q(("enabled", True), ("role", "billing")),
                fields=("charger",),
                name="one_enabled_billing_route",
                violation_error_message="This charger already has an enabled billing route; "
                "switch that one off first, or choose another role.",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["charger", "-id"], name="message_charger"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["message_id"], name="message_message_id"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("outcome", "answered"), _negated=True),
                fields=["at"],
                name="message_not_answered",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("dead", True)), fields=["at"], name="delivery_dead"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("route", "seq"), name="delivery_order"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(fields=["charger", "-created"], name="transaction_charger_created"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("closed", None)), fields=["charger"], name="transaction_open"
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(fields=["-created"], name="transaction_created"),
        ),
        migrations.AddConstraint(
            model_name="routetransaction",
            constraint=models.UniqueConstraint(fields=("transaction", "route"), name="one_id_per_route"),
        ),
    ]
