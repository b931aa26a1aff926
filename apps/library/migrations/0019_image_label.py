from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("library", "0018_shelf_filled")]

    operations = [
        migrations.AlterField(
            model_name="asset",
            name="kind",
            field=models.CharField(
                choices=[
                    ("video", "Video"),
                    ("image", "Image"),
                    ("audio", "Sound"),
                    ("model", "Model"),
                    ("package", "Package"),
                ],
                max_length=10,
            ),
        ),
    ]
