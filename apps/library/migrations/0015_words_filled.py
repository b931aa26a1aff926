from django.db import migrations

from apps.text import folded

BATCH = 500


def fill(apps, schema_editor):
    """Fold the titles and prompts that there are."""
    generations = apps.get_model('library', 'Generation').objects.using(schema_editor.connection.alias)
    batch = []

    def write():
        generations.bulk_update(batch, ['words'])
        batch.clear()

    for job in generations.only('title', 'params').iterator(chunk_size=BATCH):
        job.words = folded(f"{job.title} {job.params.get('prompt') or ''}")
        batch.append(job)
        if len(batch) == BATCH:
            write()
    write()


class Migration(migrations.Migration):

    dependencies = [('library', '0014_words')]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
