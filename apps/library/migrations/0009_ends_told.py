from django.db import migrations
from django.db.models import F


def told(apps, schema_editor):
    """What ended before graphs existed has nobody to be told."""
    apps.get_model("library", "Generation").objects.filter(finished_at__isnull=False).update(told_at=F("finished_at"))


class Migration(migrations.Migration):
    dependencies = [("library", "0008_groups_and_waiting")]
    operations = [migrations.RunPython(told, migrations.RunPython.noop)]
