"""The library page over many films, on the database of the environment; prints JSON. Run by `scripts.bench.web`."""

import json
import os
import statistics
import sys
import time

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
        assert client.get("/home/my-library").status_code == 200
        count = len(queries)
    times = []
    for load in range(LOADS):
        start = time.perf_counter()
        client.get(f"/home/my-library?page={load % 50 + 1}")
        times.append(time.perf_counter() - start)
    return {"queries": count, "p50": statistics.median(times), "p95": statistics.quantiles(times, n=20)[18]}


if __name__ == "__main__":
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = {}
    for count in map(int, sys.argv[1:]):
        owner = User.objects.create_user(f"owner-of-{count}@example.org")
        fill(owner, count)
        answer[count] = measure(owner)
    print(json.dumps(answer))
