"""What is an outage, and what is a fault of ours."""

import errno

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg_pool import PoolClosed, PoolTimeout
from redis.exceptions import ConnectionError as RedisAway

from apps import outages


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (caused(OperationalError(), PoolTimeout("no connection was free")), "unavailable"),
        (caused(OperationalError(), PoolClosed()), "unavailable"),
        (RedisAway(), "unavailable"),
        (OSError(errno.ENOSPC, "No space left on device"), "storage_failed"),
        (FileNotFoundError(errno.ENOENT, "No such file"), ""),
        (ZeroDivisionError(), ""),
        (None, ""),
    ],
)
def test_an_outage_has_a_row_and_a_fault_has_none(error, code):
    assert outages.code_of(error) == code


def test_a_table_that_is_not_there_is_a_fault(db):
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM nothing_of_this_name")
    assert outages.code_of(caught.value) == ""
