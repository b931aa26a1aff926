import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0006_fill_plans'),
    ]

    operations = [
        migrations.CreateModel(
            name='Power',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, verbose_name='name')),
                ('value', models.JSONField(blank=True, help_text='A number, or true or false; null is without a limit.', null=True, verbose_name='value')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='powers', to='billing.plan')),
            ],
            options={
                'ordering': ['plan', 'name'],
                'constraints': [models.UniqueConstraint(fields=('plan', 'name'), name='power_once_per_plan')],
            },
        ),
    ]
