import django.db.models.deletion
from django.db import migrations, models

import backoffices.models
import routing.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_users_and_organisations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Backoffice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("url", models.CharField(max_length=500, validators=[backoffices.models.validate_url])),
                ("username", models.CharField(blank=True, max_length=255, null=True)),
                ("password", routing.fields.EncryptedField(blank=True, editable=False, null=True)),
                (
                    "ocpp_versions",
                    models.JSONField(
                        blank=True, default=list, validators=[backoffices.models.validate_versions]
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="backoffices",
                        to="accounts.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
    ]
