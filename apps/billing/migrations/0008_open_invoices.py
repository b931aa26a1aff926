import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0007_powers'),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='open_amount',
            field=models.PositiveIntegerField(blank=True, help_text="Of the open invoice, in the currency's smallest unit.", null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='open_currency',
            field=models.CharField(blank=True, default='', max_length=3),
        ),
        migrations.AddField(
            model_name='subscription',
            name='open_url',
            field=models.URLField(blank=True, default='', help_text='Where the open invoice is paid.', max_length=500),
        ),
        migrations.AddField(
            model_name='subscription',
            name='upgrade_to',
            field=models.ForeignKey(blank=True, help_text='A larger plan that begins once its open invoice is paid.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.plan'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='upgrade_until',
            field=models.DateTimeField(blank=True, help_text='When Stripe drops an upgrade that nobody paid.', null=True),
        ),
    ]
