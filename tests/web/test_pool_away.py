"""The pool of database connections when several attempts to connect fail at once. It needs no database."""

import threading
import time

import pytest
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg_pool import ConnectionPool, PoolClosed

from cinevivid.pool import pool_without_database

NOWHERE = "postgres://nobody@127.0.0.1:9/nothing"


@pytest.fixture
def handed_out(monkeypatch):
    """The pools that Django hands out, by alias."""
    pools = {}
    monkeypatch.setattr(DatabaseWrapper, "_connection_pools", pools)
    return pools


def tell(pool):
    """What an attempt does that has failed; wait until it has been done."""
    pool_without_database(pool)
    for thread in threading.enumerate():
        if thread.name == "close-pool":
            thread.join()


def test_who_waits_in_a_pool_that_is_handed_out_no_more_is_told_as_well(handed_out):
    pool = ConnectionPool(
        NOWHERE, min_size=1, timeout=60, reconnect_timeout=0.2, reconnect_failed=pool_without_database, open=True
    )
    began = time.monotonic()
    with pytest.raises(PoolClosed):
        pool.getconn()
    assert time.monotonic() - began < 30


def test_of_two_attempts_that_fail_at_once_the_second_leaves_a_newer_pool_alone(handed_out):
    old, new = (ConnectionPool(NOWHERE, min_size=0, max_size=1, open=True) for _ in range(2))
    handed_out["default"] = old
    tell(old)
    assert (old.closed, handed_out) == (True, {})
    handed_out["default"] = new
    tell(old)
    assert (new.closed, handed_out) == (False, {"default": new})
    new.close()
