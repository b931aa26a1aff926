"""The library page over many films, on the database of the environment; prints JSON. Run by `scripts.bench.web`."""

import json
import os
import re
import statistics
import sys
import time
from html import unescape

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cinevivid.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.library.models import Asset, Generation  # noqa: E402

LOADS = 200
LIBRARY = "/home/my-library"
SORTS = ("new", "old", "long", "cheap")


def fill(user: User, count: int) -> None:
    """Give a user that many finished films (rows only)."""
    films = [
        Generation(
            user=user,
            tool="to-video",
            title=f"film {number}",
            params={"ratio": "1:1"},
            status=Generation.Status.SUCCEEDED,
            finished_at=timezone.now(),
            length=number % 7,
            cost=number % 11,
        )
        for number in range(count)
    ]
    Generation.objects.bulk_create(films, 500)
    assets = [
        Asset(user=user, generation=film, kind="video", file=f"a/{film.pk}.mp4", poster="a/poster.webp", seconds=2)
        for film in films
    ]
    Asset.objects.bulk_create(assets, 500)


def measure(user: User) -> dict[str, float]:
    """Queries of one load, and seconds of many over different pages."""
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(LIBRARY).status_code == 200
        count = len(queries)
    times, address = [], LIBRARY
    for load in range(LOADS):
        start = time.perf_counter()
        html = client.get(address).content.decode()
        times.append(time.perf_counter() - start)
        # One page after the other, in every order.
        following = re.search(r'rel="next" href="([^"]+)"', html)
        sort = SORTS[load // (LOADS // len(SORTS)) % len(SORTS)]
        address = (
            f"{LIBRARY}{unescape(following[1])}"
            if following and f"sort={sort}" in address
            else f"{LIBRARY}?sort={sort}"
        )
    return {"queries": count, "p50": statistics.median(times), "p95": statistics.quantiles(times, n=20)[18]}


if __name__ == "__main__":
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = {}
    for count in map(int, sys.argv[1:]):
        owner = User.objects.create_user(f"owner-of-{count}@example.org")
        fill(owner, count)
        answer[count] = measure(owner)
    print(json.dumps(answer))
