from django.db import migrations
from django.db.models import F


def count(apps, schema_editor):
    """Of files that are here already, the small ones were never counted: posters and strips."""
    apps.get_model("library", "Asset").objects.exclude(file="").update(stored_bytes=F("bytes"))


class Migration(migrations.Migration):
    dependencies = [("library", "0011_stored_bytes")]
    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
