"""What happens to the pool of database connections when the database is away."""

import threading
from typing import Any

import psycopg


class Pooled(psycopg.Connection[Any]):
    """A connection that has all that wait in its pool replaced when it is found broken.

    The database was away, so that the others are broken too. The pool by itself would look at one after another, and
    wait twice as long before each: half a minute for six.
    """

    def execute(self, *args: Any, **options: Any) -> psycopg.Cursor[Any]:
        """Run a query; this is how the pool looks whether a connection is well. Django has cursors for its own."""
        try:
            return super().execute(*args, **options)
        except psycopg.OperationalError:
            pool = getattr(self, "_pool", None)
            if self.broken and pool is not None:
                pool.drain()
            raise


def pool_without_database(pool: Any) -> None:
    """Close a psycopg pool that could not connect and has no connection left: whoever waits is told at once.

    The next request opens a new pool, which finds the database as soon as it is back. Several attempts to connect can
    fail at once, and each of them calls this.
    """
    if pool.get_stats()["pool_size"] == 0:
        # In another thread: closing the pool waits for its own threads, and this is one of them.
        threading.Thread(target=_close, args=(pool,), name="close-pool", daemon=True).start()


def _close(pool: Any) -> None:
    """Take this pool, and no newer one, from those that Django hands out, then close it.

    Django's own `close_pool` closes whichever pool is there: a new one that somebody waits in already.
    """
    from django.db.backends.postgresql.base import DatabaseWrapper

    pools = DatabaseWrapper._connection_pools  # type: ignore[attr-defined]
    for alias in [alias for alias, handed_out in list(pools.items()) if handed_out is pool]:
        pools.pop(alias, None)
    pool.close()
