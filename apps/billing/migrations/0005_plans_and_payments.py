import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Plans and packs, and what is known of customers, payments and events of Stripe."""

    dependencies = [
        ('billing', '0004_fill_welcomed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Letter',
            fields=[
                ('key', models.CharField(max_length=150, primary_key=True, serialize=False)),
                ('sent_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AlterField(
            model_name='transfer',
            name='kind',
            field=models.CharField(choices=[('grant', 'Granted'), ('purchase', 'Bought'), ('hold', 'Held'), ('capture', 'Charged'), ('release', 'Given back'), ('refund', 'Payment refunded'), ('restore', 'Refund undone'), ('forfeit', 'Lost with the account')], max_length=8),
        ),
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stripe_id', models.CharField(max_length=80, unique=True)),
                ('card_brand', models.CharField(blank=True, default='', max_length=30)),
                ('card_last4', models.CharField(blank=True, default='', max_length=4)),
                ('leaving', models.BooleanField(default=False, help_text='The account is deleted, so nothing may be charged again.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='stripe_customer', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(max_length=80, unique=True)),
                ('payment_intent', models.CharField(blank=True, db_index=True, default='', max_length=80)),
                ('title', models.CharField(blank=True, default='', max_length=80)),
                ('credits', models.PositiveIntegerField(help_text='What was bought with it.')),
                ('amount', models.PositiveIntegerField(help_text="What was paid, in the currency's smallest unit.")),
                ('currency', models.CharField(max_length=3)),
                ('refunded', models.PositiveIntegerField(default=0, help_text='Of the amount.')),
                ('disputed', models.PositiveIntegerField(default=0, help_text='Of the amount, open or lost.')),
                ('taken_back', models.PositiveIntegerField(default=0, help_text='Credits, with what is owed.')),
                ('paid_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('document_url', models.URLField(blank=True, default='', help_text='The invoice or the receipt.', max_length=500)),
                ('version', models.PositiveIntegerField(default=0, help_text='Counts the writes, so that an older answer is dropped.')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-paid_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=30, unique=True)),
                ('title', models.CharField(max_length=40, verbose_name='title')),
                ('credits', models.PositiveIntegerField(verbose_name='credits')),
                ('price', models.PositiveIntegerField(help_text="In the currency's smallest unit: 1999 is 19.99.", verbose_name='price')),
                ('currency', models.CharField(default='usd', max_length=3, verbose_name='currency')),
                ('lookup_key', models.CharField(blank=True, default='', help_text='The name of the price in Stripe. Run stripe_setup after a change.', max_length=60)),
                ('order', models.PositiveSmallIntegerField(default=0, help_text='A higher one is worth more.', verbose_name='order')),
                ('is_public', models.BooleanField(default=True, help_text='Shown on the page of prices.', verbose_name='public')),
            ],
            options={
                'ordering': ['order', 'pk'],
                'abstract': False,
                'constraints': [models.UniqueConstraint(condition=models.Q(('lookup_key', ''), _negated=True), fields=('lookup_key',), name='plan_lookup_key')],
            },
        ),
        migrations.CreateModel(
            name='StripeEvent',
            fields=[
                ('id', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('type', models.CharField(max_length=80)),
                ('object_id', models.CharField(max_length=100)),
                ('customer_id', models.CharField(blank=True, default='', max_length=100)),
                ('created_at', models.DateTimeField(help_text='In Stripe.')),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('received', 'Received'), ('started', 'Started'), ('done', 'Done'), ('failed', 'Failed')], default='received', max_length=8)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('tried_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True, default='')),
            ],
            options={
                'ordering': ['-received_at'],
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['received_at'], name='stripe_event_open')],
            },
        ),
        migrations.CreateModel(
            name='TopUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=30, unique=True)),
                ('title', models.CharField(max_length=40, verbose_name='title')),
                ('credits', models.PositiveIntegerField(verbose_name='credits')),
                ('price', models.PositiveIntegerField(help_text="In the currency's smallest unit: 1999 is 19.99.", verbose_name='price')),
                ('currency', models.CharField(default='usd', max_length=3, verbose_name='currency')),
                ('lookup_key', models.CharField(blank=True, default='', help_text='The name of the price in Stripe. Run stripe_setup after a change.', max_length=60)),
                ('order', models.PositiveSmallIntegerField(default=0, help_text='A higher one is worth more.', verbose_name='order')),
                ('is_public', models.BooleanField(default=True, help_text='On sale.', verbose_name='public')),
            ],
            options={
                'ordering': ['order', 'pk'],
                'abstract': False,
                'constraints': [models.UniqueConstraint(condition=models.Q(('lookup_key', ''), _negated=True), fields=('lookup_key',), name='topup_lookup_key')],
            },
        ),
        migrations.CreateModel(
            name='Debt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', models.PositiveIntegerField(help_text='What is still owed, in credits.')),
                ('repaid', models.PositiveIntegerField(default=0, help_text='What later credits have paid, in credits.')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credit_debts', to=settings.AUTH_USER_MODEL)),
                ('payment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='debt', to='billing.payment')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('amount__gt', 0)), fields=['user'], name='debt_open')],
            },
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('none', 'No subscription'), ('incomplete', 'First payment open'), ('trialing', 'On trial'), ('active', 'Active'), ('past_due', 'Payment overdue'), ('unpaid', 'Unpaid'), ('paused', 'Paused'), ('canceled', 'Ended')], default='none', max_length=12)),
                ('stripe_id', models.CharField(blank=True, default='', max_length=80)),
                ('current_period_end', models.DateTimeField(blank=True, null=True)),
                ('cancel_at_period_end', models.BooleanField(default=False)),
                ('grace_until', models.DateTimeField(blank=True, help_text='Until then an overdue payment leaves the plan as it is.', null=True)),
                ('next_amount', models.PositiveIntegerField(blank=True, help_text="The next charge with tax and discounts, in the currency's smallest unit.", null=True)),
                ('next_currency', models.CharField(blank=True, default='', max_length=3)),
                ('changing_at', models.DateTimeField(blank=True, help_text='Since when a change of the plan is on its way to Stripe.', null=True)),
                ('free_credits_at', models.DateTimeField(blank=True, help_text='When the free plan gives its next credits.', null=True)),
                ('version', models.PositiveIntegerField(default=0, help_text='Counts the writes, so that an older answer is dropped.')),
                ('downgrade_to', models.ForeignKey(blank=True, help_text='From the next period on.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.plan')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='billing.plan')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='subscription', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['free_credits_at'], name='subscription_free_credits')],
            },
        ),
        migrations.CreateModel(
            name='Checkout',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session_id', models.CharField(blank=True, db_index=True, default='', max_length=100)),
                ('status', models.CharField(choices=[('open', 'Open'), ('processing', 'Payment on its way'), ('done', 'Paid'), ('failed', 'Payment failed'), ('expired', 'Expired')], default='open', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checkouts', to=settings.AUTH_USER_MODEL)),
                ('plan', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.plan')),
                ('topup', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.topup')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('plan__isnull', True), ('topup__isnull', False)), models.Q(('plan__isnull', False), ('topup__isnull', True)), _connector='OR'), name='checkout_of_one_thing')],
            },
        ),
    ]
