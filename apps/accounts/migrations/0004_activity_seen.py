"""When somebody last looked at their activity: for everybody who is here already, now."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_first_prompt")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="activity_seen_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now, help_text="When they last looked at their activity, on any device."
            ),
        ),
    ]
