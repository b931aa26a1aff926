from django.db import migrations

from apps.billing.seeds import PLANS, TOPUPS, fill


def add(apps, schema_editor):
    fill(apps.get_model("billing", "Plan"), apps.get_model("billing", "TopUp"))


def remove(apps, schema_editor):
    apps.get_model("billing", "Plan").objects.filter(slug__in=PLANS).delete()
    apps.get_model("billing", "TopUp").objects.filter(slug__in=TOPUPS).delete()


class Migration(migrations.Migration):
    """The plans and packs that a studio begins with."""

    dependencies = [("billing", "0005_plans_and_payments")]

    operations = [migrations.RunPython(add, remove)]
