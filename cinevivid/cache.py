"""The cache of a fleet: Redis, and for as long as Redis is away, the memory of each process."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
ASK_AGAIN_SECONDS = 5.0


class FallbackClient:
    """A client of Redis that uses the memory of this process while Redis does not answer or takes nothing more.

    Rate limits are kept here: without Redis they are never an error, and each process goes on counting by itself. Redis
    is asked again every ASK_AGAIN_SECONDS only, so that requests do not wait for one that is known to be away.
    """

    away_until = 0.0  # for all threads of the process, each of which has a client

    def __init__(self, servers: list[str], **options: Any) -> None:
        self.redis = RedisCacheClient(servers, **options)
        self.local = LocMemCache("while-redis-is-away", {"OPTIONS": settings.LOCAL_CACHE})

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        return partial(self._do, verb)

    def _do(self, verb: str, *args: Any) -> Any:
        cls = type(self)
        if time.monotonic() >= cls.away_until:
            try:
                done = getattr(self.redis, verb)(*args)
            except RedisError as error:
                if not cls.away_until:
                    log.warning("cache_away", error=type(error).__name__)
                cls.away_until = time.monotonic() + ASK_AGAIN_SECONDS
            else:
                if cls.away_until:
                    log.warning("cache_back")
                    cls.away_until = 0.0
                return done
        return getattr(self.local, verb)(*args)


class FallbackCache(RedisCache):
    """Django's Redis cache with a client that outlives Redis."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = FallbackClient


class JSONSerializer:
    """Plain values as JSON: whoever can write to Redis can change a counter, and run nothing."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
