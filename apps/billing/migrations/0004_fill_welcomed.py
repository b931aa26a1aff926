from django.conf import settings
from django.db import migrations
from django.utils.crypto import salted_hmac


def fill(apps, schema_editor):
    """Remember the addresses of the accounts that have had their free credits."""
    Transfer, Welcomed = apps.get_model("billing", "Transfer"), apps.get_model("billing", "Welcomed")
    User = apps.get_model(*settings.AUTH_USER_MODEL.split("."))
    given = Transfer.objects.filter(kind="grant", reference__startswith="welcome:").values_list("reference", flat=True)
    keys = {int(reference.partition(":")[2]) for reference in given.iterator()}
    rows = []
    for pk, address in User.objects.values_list("pk", "email").iterator():
        if pk in keys:
            digest = salted_hmac("apps.billing.welcome", address.strip().casefold(), algorithm="sha256").hexdigest()
            rows.append(Welcomed(digest=digest))
    Welcomed.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)


def empty(apps, schema_editor):
    apps.get_model("billing", "Welcomed").objects.all().delete()


class Migration(migrations.Migration):
    """Accounts from before this have had their free credits too."""

    dependencies = [("billing", "0003_welcomed"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [migrations.RunPython(fill, empty)]
