"""What programs know rows by."""

from uuid import uuid4

from django.db import migrations, models

from accounts.public import name_them


class Migration(migrations.Migration):
    dependencies = [("backoffices", "0002_health_and_catch_up")]

    operations = [
        migrations.AddField("backoffice", "uuid", models.UUIDField(editable=False, null=True)),
        migrations.RunPython(name_them("backoffices", "Backoffice"), migrations.RunPython.noop),
        migrations.AlterField(
            "backoffice", "uuid", models.UUIDField(default=uuid4, editable=False, unique=True)
        ),
    ]
