import uuid

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('voices', '0001_favourites_and_consents'),
    ]

    operations = [
        migrations.CreateModel(
            name='VoiceRemoval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(editable=False, null=True, unique=True)),
                ('voice', models.CharField(blank=True, db_index=True, max_length=100)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('done_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='voiceconsent',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        # Voices that were made before have no mark, and their consents no key.
        migrations.AddField(
            model_name='voiceconsent',
            name='key',
            field=models.UUIDField(editable=False, null=True, unique=True),
        ),
        migrations.AlterField(
            model_name='voiceconsent',
            name='key',
            field=models.UUIDField(default=uuid.uuid4, editable=False, null=True, unique=True),
        ),
    ]
