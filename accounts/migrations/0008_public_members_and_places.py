"""What programs know members and places by."""

from uuid import uuid4

from django.db import migrations, models

from accounts.public import name_them

MODELS = ("Membership", "Location")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_people")]

    operations = [
        *(
            migrations.AddField(model, "uuid", models.UUIDField(editable=False, null=True))
            for model in MODELS
        ),
        migrations.RunPython(name_them("accounts", *MODELS), migrations.RunPython.noop),
        *(
            migrations.AlterField(model, "uuid", models.UUIDField(default=uuid4, editable=False, unique=True))
            for model in MODELS
        ),
    ]
