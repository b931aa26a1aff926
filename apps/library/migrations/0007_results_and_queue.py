import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0006_inputs_out_of_params'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='claimed_by',
            field=models.UUIDField(blank=True, help_text='Drawn by the worker that took it.', null=True, unique=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='data',
            field=models.JSONField(blank=True, help_text='The result of a tool that answers in words.', null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='ready_at',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='Not to be started before.'),
        ),
        migrations.AddField(
            model_name='generation',
            name='work',
            field=models.FloatField(default=0, help_text='Its size, in units of the tool that its time is proportional to.'),
        ),
        migrations.AlterField(
            model_name='generation',
            name='params',
            field=models.JSONField(default=dict, help_text="Cleaned values of the tool's form, but for its inputs."),
        ),
        migrations.AlterField(
            model_name='generation',
            name='stage',
            field=models.CharField(default='waiting', max_length=20),
        ),
    ]
