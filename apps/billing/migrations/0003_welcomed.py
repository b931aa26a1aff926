from django.db import migrations, models


class Migration(migrations.Migration):
    """Addresses that have had their free credits are remembered as keyed digests."""

    dependencies = [("billing", "0002_forfeit")]

    operations = [
        migrations.CreateModel(
            name="Welcomed",
            fields=[("digest", models.CharField(max_length=64, primary_key=True, serialize=False))],
        )
    ]
