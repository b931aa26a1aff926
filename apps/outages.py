"""Tells an outage from a fault: the database or Redis that is away, a disk that is full.

An outage is answered by a row of the catalogue and one line in the log. A fault of ours is a 500 with its traceback.
"""

import errno
import logging
import sqlite3

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSilent

log = structlog.get_logger(__name__)
AWAY, FULL = "unavailable", "storage_failed"  # rows of the catalogue
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# What SQLite says of the file, its disk and its lock. "No such table" and the like are faults of ours.
SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)
SQLITE_AWAY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)


def code_of(error: BaseException | None) -> str:
    """Return the catalogue's code for an outage; "" for any other error."""
    if isinstance(error, DatabaseError | InterfaceError):
        return _of_database(error)
    if isinstance(error, RedisAway | RedisSilent):
        return AWAY
    if isinstance(error, OSError) and error.errno in DISK:
        return FULL
    return ""


def _of_database(error: DatabaseError | InterfaceError) -> str:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        number = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return FULL if number in SQLITE_FULL else AWAY if number in SQLITE_AWAY else ""
    # PostgreSQL: no connection, none free in the pool, shut down meanwhile, or a lock that was not to be had.
    state = getattr(cause, "sqlstate", None) or ""
    if state in ("53100", "53200"):  # disk full, out of memory
        return FULL if state == "53100" else AWAY
    return AWAY if isinstance(error, OperationalError | InterfaceError) else ""


def tell(error: BaseException, where: str) -> None:
    """Log an outage in one line, without a traceback: many requests meet the same one."""
    cause = error.__cause__ or error
    log.warning("outage", where=where, error=type(cause).__name__, reason=str(cause).strip().partition("\n")[0][:200])


class WithoutTraceback(logging.Filter):
    """Leaves the traceback of an outage out of a log record; that of a fault stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and code_of(record.exc_info[1]):
            record.exc_info = record.exc_text = None
        return True
