from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("library", "0010_ready_at_once")]
    operations = [
        migrations.AddField(
            model_name="asset",
            name="stored_bytes",
            field=models.PositiveBigIntegerField(default=0, help_text="Of all its files, with poster and strip."),
        ),
    ]
