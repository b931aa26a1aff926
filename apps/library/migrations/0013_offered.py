from django.db import migrations, models
from django.db.models import Q

NAME = "generation_ended_has_time"
STATUSES = [
    ("waiting", "Waiting for others"),
    ("queued", "Queued"),
    ("running", "Running"),
    ("offered", "Waiting for your decision"),
    ("succeeded", "Finished"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


class Migration(migrations.Migration):
    dependencies = [("library", "0012_count_stored_bytes")]
    operations = [
        migrations.RemoveConstraint(model_name="generation", name=NAME),
        migrations.AlterField(
            model_name="generation",
            name="status",
            field=models.CharField(choices=STATUSES, default="queued", max_length=10),
        ),
        migrations.AddConstraint(
            model_name="generation",
            constraint=models.CheckConstraint(
                condition=Q(status__in=["waiting", "queued", "running", "offered"], finished_at__isnull=True)
                | Q(status__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False),
                name=NAME,
            ),
        ),
    ]
