"""What programs know rows by."""

from uuid import uuid4

from django.db import migrations, models

from accounts.public import name_them


class Migration(migrations.Migration):
    dependencies = [("routing", "0007_a_copy_that_is_not_for_a_route")]

    operations = [
        migrations.AddField("route", "uuid", models.UUIDField(editable=False, null=True)),
        migrations.AddField("permissionpreset", "uuid", models.UUIDField(editable=False, null=True)),
        migrations.RunPython(name_them("routing", "Route", "PermissionPreset"), migrations.RunPython.noop),
        migrations.AlterField("route", "uuid", models.UUIDField(default=uuid4, editable=False, unique=True)),
        migrations.AlterField(
            "permissionpreset", "uuid", models.UUIDField(default=uuid4, editable=False, unique=True)
        ),
    ]
