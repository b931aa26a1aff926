"""An emptied test database as Django leaves it, sooner.

Django's flush looks for modules of every app, and then has every app fill in what its migrations filled in. Here the
rows that only migrations write stay, and the plans, which tests change, are filled in anew.
"""

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase

STAY = {"django_content_type", "auth_permission"}


def _flush(case: TransactionTestCase) -> None:
    billing = apps.get_app_config("billing")
    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        tables = [name for name in connection.introspection.django_table_names(only_existing=True) if name not in STAY]
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, reset_sequences=False))
        post_migrate.send(sender=billing, app_config=billing, verbosity=0, interactive=False, using=alias)


def install() -> None:
    """Let every test that commits end with this flush."""
    TransactionTestCase._fixture_teardown = _flush
