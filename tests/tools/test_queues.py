"""The studio in one process: what needs another queue never waits."""

import dramatiq
import pytest

from apps.library.models import Generation
from apps.weights import queue as weights
from cinevivid.management.commands.studio import crew
from tests.tools.paper import fresh
from workers.weights import store

MODEL = "SkyReels-V2-DF-1.3B-540P"
Status = Generation.Status


@pytest.fixture
def studio(transactional_db):
    """The workers that `make run` has."""
    import workers.actors  # noqa: F401

    at_work = crew(dramatiq.get_broker())
    for worker in at_work:
        worker.start()
    yield at_work
    for worker in at_work:
        worker.stop()


def test_a_voice_is_made_while_a_film_is_rendered_and_a_download_hangs(paper, ada, remote, studio, wait_until):
    remote.seconds_a_block = 1  # some minutes in all
    store.queue(MODEL, "download")
    weights.send(MODEL, "download")
    rendering, go_on = paper.hold("film")
    film = paper.submit(ada, "film")
    next_film = paper.submit(ada, "next film")
    assert rendering.wait(120)
    wait_until(lambda: store.status(MODEL).state == "downloading" and remote.served)
    voice = paper.submit(ada, "voice", queue="cpu")
    wait_until(lambda: fresh(voice).is_ended)
    assert (fresh(voice).status, fresh(voice).asset.file.read()) == (Status.SUCCEEDED, b"voice")
    assert (fresh(film).status, fresh(next_film).status) == (Status.RUNNING, Status.QUEUED), "one film at a time"
    assert store.status(MODEL).state == "downloading"
    go_on.set()
    wait_until(lambda: fresh(next_film).is_ended)
    assert store.status(MODEL).state == "downloading", "the films did not wait for it either"
    store.cancel(MODEL)
    for worker in studio:
        worker.join()
    assert store.status(MODEL).state == "interrupted"
