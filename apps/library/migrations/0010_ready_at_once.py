from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0009_ends_told'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='generation',
            name='claimed_by',
            field=models.UUIDField(blank=True, db_index=True, help_text='Drawn by the worker that took it.', null=True),
        ),
        migrations.AlterField(
            model_name='generation',
            name='ready_at',
            field=models.DateTimeField(blank=True, help_text='Not to be started before; empty: at once.', null=True),
        ),
        migrations.AlterField(
            model_name='generation',
            name='kept_attempt',
            field=models.PositiveIntegerField(default=0, help_text='The attempt whose windows count.'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['created_at'], name='generation_waiting'),
        ),
    ]
