import django.db.models.deletion
from django.db import migrations, models

import chargers.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_users_and_organisations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Charger",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "identity",
                    models.CharField(
                        max_length=255, unique=True, validators=[chargers.models.validate_identity]
                    ),
                ),
                ("label", models.CharField(blank=True, max_length=255)),
                ("enabled", models.BooleanField(default=True)),
                ("password_hashes", models.JSONField(blank=True, default=list)),
                ("options", models.JSONField(blank=True, default=dict)),
                ("adopted", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="chargers",
                        to="accounts.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["identity"],
            },
        ),
        migrations.CreateModel(
            name="RefusedAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identity", models.CharField(max_length=255)),
                ("remote_address", models.CharField(blank=True, max_length=64)),
                (
                    "cause",
                    models.CharField(
                        choices=chargers.models.refusal_causes,
                        max_length=32,
                    ),
                ),
                ("detail", models.TextField(blank=True)),
                ("offered_subprotocols", models.CharField(blank=True, max_length=255)),
                ("user_agent", models.CharField(blank=True, max_length=255)),
                ("count", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "ordering": ["-last_at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("identity", "remote_address", "cause"), name="one_row_per_refusal"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Connector",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("evse_id", models.IntegerField(default=0)),
                ("connector_id", models.IntegerField()),
                ("status", models.CharField(max_length=32)),
                ("error_code", models.CharField(blank=True, max_length=50)),
                ("updated_at", models.DateTimeField()),
                (
                    "charger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="connectors",
                        to="chargers.charger",
                    ),
                ),
            ],
            options={
                "ordering": ["charger", "evse_id", "connector_id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("charger", "evse_id", "connector_id"), name="one_row_per_connector"
                    )
                ],
            },
        ),
    ]
