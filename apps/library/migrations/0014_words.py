from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('library', '0013_offered')]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='words',
            field=models.TextField(default='', editable=False, help_text='Title and prompt, folded: what a search looks in.'),
        ),
    ]
