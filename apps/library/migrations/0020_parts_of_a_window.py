from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("library", "0019_image_label")]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="live_attempt",
            field=models.PositiveIntegerField(default=0, help_text="The attempt whose parts can be seen."),
        ),
        migrations.AddField(
            model_name="generation",
            name="live_parts",
            field=models.PositiveIntegerField(default=0, help_text="Of the window after the kept ones, to be seen."),
        ),
    ]
