"""Where something is still to be found: every row of every table, every file."""

from pathlib import Path

from django.apps import apps
from django.contrib.sessions.models import Session


def traces(words, *folders):
    """Name the rows and files that have one of these words in them, whatever their case."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.all():
            values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
            if isinstance(row, Session):
                values["session_data"] = row.get_decoded()
            text = str(values).casefold()
            found += [f"{model.__name__} {row.pk}: {word}" for word in words if word.casefold() in text]
    for folder in folders:
        for path in (path for path in Path(folder).rglob("*") if path.is_file()):
            text = path.read_bytes().decode(errors="replace").casefold() + str(path).casefold()
            found += [f"{path}: {word}" for word in words if word.casefold() in text]
    return found


def files(folder):
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
