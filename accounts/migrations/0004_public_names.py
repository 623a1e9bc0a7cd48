"""What programs know rows by."""

from uuid import uuid4

from django.db import migrations, models

from accounts.public import name_them


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_deeds")]

    operations = [
        migrations.AddField("organisation", "uuid", models.UUIDField(editable=False, null=True)),
        migrations.RunPython(name_them("accounts", "Organisation"), migrations.RunPython.noop),
        migrations.AlterField(
            "organisation", "uuid", models.UUIDField(default=uuid4, editable=False, unique=True)
        ),
    ]
