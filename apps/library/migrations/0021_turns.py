from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0020_parts_of_a_window'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='turn_at',
            field=models.DateTimeField(blank=True, help_text='When it counts as having come: who has a better plan comes earlier, who has more waiting later.', null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='at_once',
            field=models.PositiveSmallIntegerField(blank=True, help_text='How many jobs of its owner may run when it does, itself included.', null=True),
        ),
    ]
