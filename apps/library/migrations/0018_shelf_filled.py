from django.db import migrations
from django.db.models import F, Max, OuterRef, Subquery

from apps.text import folded

BATCH = 500


def fill(apps, schema_editor):
    """Write down how long everything is, and fold titles, prompts and models as they are compared now."""
    alias = schema_editor.connection.alias
    generations = apps.get_model('library', 'Generation').objects.using(alias)
    assets = apps.get_model('library', 'Asset').objects.using(alias)
    longest = (
        assets.filter(generation=OuterRef('pk')).order_by().values('generation').annotate(most=Max('seconds')).values('most')
    )
    generations.filter(assets__isnull=False).update(length=Subquery(longest))
    # Where no file is left, the trash was emptied.
    left = assets.filter(generation__isnull=False).exclude(file='').values('generation')
    generations.filter(deleted_at__isnull=False, assets__isnull=False).exclude(pk__in=left).update(gone_at=F('deleted_at'))
    batch = []

    def write():
        generations.bulk_update(batch, ['words'])
        batch.clear()

    for job in generations.only('title', 'params').iterator(chunk_size=BATCH):
        told = (job.title, *(str(job.params.get(name) or '') for name in ('prompt', 'model_id')))
        job.words = folded(' '.join(filter(None, told)))
        batch.append(job)
        if len(batch) == BATCH:
            write()
    write()


class Migration(migrations.Migration):

    dependencies = [('library', '0017_shelf')]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
