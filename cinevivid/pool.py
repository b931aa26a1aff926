"""What happens to the pool of database connections when the database is away."""

import threading
from typing import Any


def pool_without_database(pool: Any) -> None:
    """Close a psycopg pool that could not connect and has no connection left: whoever waits is told at once.

    The next request opens a new pool, which finds the database as soon as it is back.
    """
    from django.db import connections

    database: Any = connections["default"]
    if pool.get_stats()["pool_size"] == 0 and database.pool is pool:
        # In another thread: closing the pool waits for its own threads, and this is one of them.
        threading.Thread(target=database.close_pool, name="close-pool", daemon=True).start()
