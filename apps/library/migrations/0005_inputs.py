import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0004_many_assets'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GenerationInput',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The parameter of the tool.', max_length=40)),
                ('position', models.PositiveIntegerField(default=0, help_text='Its place among the inputs of this name.')),
            ],
            options={
                'ordering': ['name', 'position'],
            },
        ),
        migrations.AddField(
            model_name='generationinput',
            name='asset',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='used_by', to='library.asset'),
        ),
        migrations.AddField(
            model_name='generationinput',
            name='generation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inputs', to='library.generation'),
        ),
        migrations.AddField(
            model_name='generationinput',
            name='source',
            field=models.ForeignKey(blank=True, help_text='Its first asset.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='feeds', to='library.generation'),
        ),
        migrations.AddConstraint(
            model_name='generationinput',
            constraint=models.UniqueConstraint(fields=('generation', 'name', 'position'), name='input_once_per_position'),
        ),
        migrations.AddConstraint(
            model_name='generationinput',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('asset__isnull', False), ('source__isnull', True)), models.Q(('asset__isnull', True), ('source__isnull', False)), _connector='OR'), name='input_is_asset_or_job'),
        ),
    ]
