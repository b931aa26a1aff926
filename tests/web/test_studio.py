"""The one-process studio guards its data."""

import asyncio
import logging
import socket
import threading

import dramatiq
import pytest
from django.core.management import CommandError

from cinevivid.layers import LocalChannelLayer
from cinevivid.management.commands.studio import check_free, crew, demo_user, start, take_lock
from workers import actors


def test_a_second_studio_on_the_same_data_is_refused(tmp_path):
    first = take_lock(tmp_path / "studio.lock")
    with pytest.raises(CommandError, match="running on"):
        take_lock(tmp_path / "studio.lock")
    first.close()
    take_lock(tmp_path / "studio.lock").close()


def test_a_taken_port_is_told_before_anything_starts():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Try PORT={port + 1}"):
            check_free("127.0.0.1", port)


def test_the_demo_account_needs_no_password_and_no_credits(db, settings):
    settings.FREE_CREDITS = 0
    assert not demo_user().has_usable_password()


def test_one_download_does_not_keep_another_one_waiting(transactional_db, monkeypatch):
    both = threading.Barrier(2, timeout=60)
    done = []

    def download(model_id, queued):
        both.wait()
        done.append(model_id)
        raise actors.Cancelled

    monkeypatch.setattr(actors.store, "download", download)
    workers = crew(dramatiq.get_broker())
    heard = [worker.consumer_whitelist for worker in workers]
    jobs = [{queue for queue in queues if "." not in queue} for queues in heard]  # without dramatiq's own, of delays
    assert jobs == [{"gpu", "gpu-large"}, {"cpu"}, {"models"}, {"billing"}], "one card makes one thing at a time"
    rest = workers[2]
    for model_id in ("one", "two"):
        actors.work_on_model.send(model_id, "download")
    rest.start()
    dramatiq.get_broker().join("models", timeout=60_000)
    rest.stop()
    assert sorted(done) == ["one", "two"]


def test_the_workers_of_the_studio_start_without_a_warning(transactional_db, caplog):
    workers = crew(dramatiq.get_broker())
    with caplog.at_level(logging.WARNING):
        start(workers)
    for worker in workers:
        worker.stop()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_browser_is_told_what_a_status_means():
    from twisted.web.http import RESPONSES

    import cinevivid.server  # noqa: F401

    assert RESPONSES[422].startswith(b"Unprocessable") and RESPONSES[507] == b"Insufficient Storage"


def test_an_event_of_a_command_reaches_the_pages_of_the_studio(settings):
    studio, command = LocalChannelLayer(), LocalChannelLayer()

    async def tell():
        await studio.group_add("user.1", "page")
        studio.listen()
        await command.group_send("user.1", {"type": "credits.changed"})
        return await asyncio.wait_for(studio.receive("page"), 10)

    assert asyncio.run(tell())["type"] == "credits.changed"
