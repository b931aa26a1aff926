from uuid import UUID

from django.db import migrations

NAMES = ("image", "end_image", "video")  # what the one tool of that time began with
BATCH = 500


def is_uuid(value):
    try:
        return str(UUID(value)) == value
    except (AttributeError, TypeError, ValueError):
        return False


def ids(job):
    return {name: job.params[name] for name in NAMES if is_uuid(job.params.get(name))}


def to_inputs(apps, schema_editor):
    """Make a row of each asset that a job's parameters name; an id that is no asset of the owner's stays where it is."""
    Generation = apps.get_model("library", "Generation")
    GenerationInput = apps.get_model("library", "GenerationInput")
    Asset = apps.get_model("library", "Asset")
    jobs = Generation.objects.filter(tool="to-video").order_by("pk")
    last = None
    while batch := list((jobs.filter(pk__gt=last) if last else jobs)[:BATCH]):
        last = batch[-1].pk
        named = {value for job in batch for value in ids(job).values()}
        known = {str(pk): owner for pk, owner in Asset.objects.filter(pk__in=named).values_list("pk", "user_id")}
        rows, changed = [], []
        for job in batch:
            mine = {name: value for name, value in ids(job).items() if known.get(value) == job.user_id}
            if mine:
                rows += [GenerationInput(generation=job, name=name, asset_id=value) for name, value in mine.items()]
                job.params = {name: value for name, value in job.params.items() if name not in mine}
                changed.append(job)
        GenerationInput.objects.bulk_create(rows)
        Generation.objects.bulk_update(changed, ["params"])


def to_params(apps, schema_editor):
    """Write the inputs back into the parameters."""
    Generation = apps.get_model("library", "Generation")
    GenerationInput = apps.get_model("library", "GenerationInput")
    rows = GenerationInput.objects.filter(asset__isnull=False, position=0)
    jobs = list(rows.order_by("generation").values_list("generation", flat=True).distinct())
    for start in range(0, len(jobs), BATCH):
        batch = Generation.objects.in_bulk(jobs[start : start + BATCH])
        for row in rows.filter(generation__in=batch):
            batch[row.generation_id].params[row.name] = str(row.asset_id)
        Generation.objects.bulk_update(batch.values(), ["params"])
    GenerationInput.objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("library", "0005_inputs")]
    operations = [migrations.RunPython(to_inputs, to_params)]
