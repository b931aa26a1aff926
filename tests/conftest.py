"""Three people, and the worker that the product runs."""

import os
import shutil

import dramatiq
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken
from tests import flushing
from tests.factories import UserFactory

flushing.install()
os.environ.setdefault("CINEVIVID_WARM", "0")  # of the processes that tests start: few of them make a film


@pytest.fixture(autouse=True)
def _clean_house(settings, tmp_path):
    """Own media and mail folders, no rate-limit memory, an empty queue."""
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
        # The collected files of a fleet do not exist in a checkout.
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = True  # else every client begins with a look at every file of the site
    settings.WORK_ROOT = tmp_path / "work"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.MAIL_IN_BACKGROUND = False
    settings.WARM = False
    settings.EVENTS_SOCKET = tmp_path / "events.sock"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    yield
    broker = dramatiq.get_broker()
    if django_settings.EMBEDDED:
        broker.flush_all()
    else:
        for queue in broker.get_declared_queues():
            broker.flush(queue)


@pytest.fixture
def ada(db):
    """The owner, with 100 credits."""
    return UserFactory(email="ada@example.org", credits=100)


@pytest.fixture
def ben(db):
    """Somebody else, with 100 credits."""
    return UserFactory(email="ben@example.org", credits=100)


@pytest.fixture
def page(client, ada):
    """A browser in which ada is signed in."""
    client.force_login(ada)
    return client


@pytest.fixture
def api(ada):
    """A program with a token of ada's."""
    _, secret = ApiToken.objects.issue(ada, "test")
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")


@pytest.fixture
def stored(tmp_path):
    """What lies in the media storage, as paths; call it."""
    media = tmp_path / "media"
    return lambda: sorted(path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file())


@pytest.fixture
def worker(transactional_db):
    """A real Dramatiq worker on the queue of the settings, in a thread of this process."""
    import workers.actors  # noqa: F401

    worker = dramatiq.Worker(dramatiq.get_broker(), worker_timeout=50, worker_threads=2)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def wait_until():
    """Wait for a condition that a worker brings about; fails with the message after the limit."""
    import time

    def wait(condition, seconds=60, message="it did not happen"):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"{message} within {seconds} s")

    return wait


@pytest.fixture(scope="session")
def nano_repo(tmp_path_factory):
    """A repository in diffusers' layout with a real model in it, and files that nobody needs."""
    from workers.engines.skyreels import cards

    folder = tmp_path_factory.mktemp("repo") / "nano"
    shutil.copytree(cards.NANO, folder)
    (folder / "README.md").write_text("# A model")
    (folder / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"another copy")
    return folder


@pytest.fixture
def hub_server(nano_repo):
    """A model hub, with the weights of nano under the name of a model of the catalogue."""
    from tests.workers.hub_server import Hub
    from workers.engines.skyreels import cards

    server = Hub()
    server.repos[cards.get("SkyReels-V2-DF-1.3B-540P").repo] = nano_repo
    yield server
    server.stop()


@pytest.fixture
def remote(hub_server, tmp_path, monkeypatch):
    """The hub that this process asks, and an empty folder for its models."""
    from workers.weights import download

    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.01)
    return hub_server
