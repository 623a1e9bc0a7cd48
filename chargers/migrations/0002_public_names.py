"""What programs know rows by."""

from uuid import uuid4

from django.db import migrations, models

from accounts.public import name_them


class Migration(migrations.Migration):
    dependencies = [("chargers", "0001_chargers_and_connectors")]

    operations = [
        migrations.AddField("charger", "uuid", models.UUIDField(editable=False, null=True)),
        migrations.RunPython(name_them("chargers", "Charger"), migrations.RunPython.noop),
        migrations.AlterField(
            "charger", "uuid", models.UUIDField(default=uuid4, editable=False, unique=True)
        ),
    ]
