from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0003_stop_and_keep'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='asset',
            options={'ordering': ['created_at', 'position']},
        ),
        migrations.RemoveConstraint(
            model_name='asset',
            name='asset_once_per_generation',
        ),
        migrations.AddField(
            model_name='asset',
            name='position',
            field=models.PositiveIntegerField(default=0, help_text='Its place among what its job made.'),
        ),
        migrations.AlterField(
            model_name='asset',
            name='kind',
            field=models.CharField(choices=[('video', 'Video'), ('image', 'Picture'), ('audio', 'Sound'), ('model', 'Model'), ('package', 'Package')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.UniqueConstraint(condition=models.Q(('generation__isnull', False)), fields=('generation', 'position'), name='asset_once_per_position'),
        ),
    ]
