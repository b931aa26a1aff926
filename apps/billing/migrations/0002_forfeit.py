from django.db import migrations, models

KINDS = [
    ("grant", "Granted"),
    ("purchase", "Bought"),
    ("hold", "Held"),
    ("capture", "Charged"),
    ("release", "Given back"),
    ("refund", "Payment refunded"),
    ("forfeit", "Lost with the account"),
]


class Migration(migrations.Migration):
    """What is left in the wallet of a deleted account leaves it."""

    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="transfer", name="kind", field=models.CharField(choices=KINDS, max_length=8)
        )
    ]
