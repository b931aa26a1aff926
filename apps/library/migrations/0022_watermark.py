from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0021_turns'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='watermark',
            field=models.BooleanField(default=False, help_text='What it makes is kept with the watermark as well.'),
        ),
        migrations.AddField(
            model_name='asset',
            name='marked',
            field=models.JSONField(blank=True, default=dict, help_text='Its copies with the watermark: a path for each file, and `bytes` and `sha256` of the main one.'),
        ),
    ]
