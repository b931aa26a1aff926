"""Models that are here are verified, mended, used and removed."""

import errno
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path

import pytest

from tests.workers.hub_server import COMMIT, ID, OTHER, SIZE, WEIGHTS, refused
from workers.engines.skyreels import catalog, hub, models


def test_files_with_wrong_bytes_are_mended_from_the_commit_that_they_came_from(remote, nano_repo):
    hub.download(ID)
    remote.past, remote.commit = {COMMIT: nano_repo}, "b" * 40
    weights = catalog.get(ID).folder() / WEIGHTS
    weights.write_bytes(bytes(SIZE))
    assert refused(hub.verify, ID).code == "hash_mismatch"
    assert hub.download(ID).revision == COMMIT


def test_verify_finds_one_wrong_byte_takes_the_model_out_and_download_mends_it(remote):
    hub.download(ID)
    assert hub.verify(ID).state == "ready"
    weights = catalog.get(ID).folder() / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert refused(hub.verify, ID).code == "hash_mismatch"
    assert hub.status(ID).state == "broken" and catalog.get(ID).folder() is None
    served = sum(remote.served.values())
    assert hub.download(ID).state == "ready"
    assert sum(remote.served.values()) - served == SIZE


def test_a_model_with_a_file_missing_is_broken_and_mended(remote):
    hub.download(ID)
    (catalog.get(ID).folder() / "transformer" / "config.json").unlink()
    assert hub.status(ID).state == "broken"
    assert hub.download(ID).state == "ready"
    assert remote.served[WEIGHTS] == SIZE


def test_a_folder_that_the_operator_put_there_is_ready_and_can_be_verified(remote):
    shutil.copytree(catalog.NANO, catalog.root() / ID)
    assert hub.status(ID).state == "ready"
    assert hub.verify(ID).state == "ready" and not remote.requests
    assert hub.verify("nano").state == "ready"
    assert refused(hub.verify, OTHER).code == "model_absent"


def test_a_model_is_removed_unless_it_makes_the_films(remote, monkeypatch):
    now = hub.download(ID)
    monkeypatch.setenv("CINEVIVID_VIDEO_ENGINE", ID)
    assert refused(hub.evict, ID).code == "model_in_use"
    assert catalog.get(ID).folder()
    assert hub.evict(ID, force=True) == now.disk
    assert hub.status(ID).state == "absent" and not list((catalog.root() / ".hub").glob("*.gone-*"))
    assert refused(hub.evict, ID).code == "model_absent"


def test_what_a_killed_process_had_begun_to_remove_goes_the_next_time(remote):
    for number, action in enumerate((hub.download, hub.evict)):
        left = catalog.root() / ".hub" / f"{OTHER}.gone-{number}"
        (left / "vae").mkdir(parents=True)
        (left / "vae" / "weights").write_bytes(b"many")
        action(ID)
        assert not left.exists()
    left.mkdir()
    assert refused(hub.evict, ID).code == "model_absent" and not left.exists()


def test_bytes_that_cannot_be_deleted_are_told_and_tried_again(remote, monkeypatch):
    hub.download(ID)
    unlink = os.unlink

    def stubborn(path, **options):
        if Path(path).name == Path(WEIGHTS).name:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, **options)

    with monkeypatch.context() as context:
        context.setattr(os, "unlink", stubborn)
        error = refused(hub.evict, ID)
    assert error.code == "folder_unwritable" and "MB could not be deleted" in error.public_text
    assert hub.status(ID).state == "absent"
    hub.make_room(0.0)
    assert not list((catalog.root() / ".hub").glob("*.gone-*"))


def test_a_disk_that_refuses_is_told_in_words(remote, tmp_path):
    notes = catalog.root() / ".hub"
    hub.queue(ID, "download")
    (notes / f"{ID}.cancel").symlink_to(tmp_path / "nowhere" / "cancel")
    assert refused(hub.cancel, ID).code == "folder_unwritable"
    shutil.copytree(catalog.NANO, catalog.root() / OTHER)
    # What is removed goes to another disk, as when only a part of the folder is mounted.
    elsewhere = Path("/dev/shm") / tmp_path.name
    shutil.rmtree(notes)
    elsewhere.mkdir()
    notes.symlink_to(elsewhere)
    try:
        if elsewhere.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("There is only one disk.")
        assert refused(hub.evict, OTHER).code == "folder_unwritable"
        assert hub.status(OTHER).state == "ready"
    finally:
        shutil.rmtree(elsewhere)


def test_a_model_is_verified_even_when_its_progress_cannot_be_noted(remote):
    hub.download(ID)
    note = catalog.root() / ".hub" / f"{ID}.json"
    (note / "in the way").mkdir(parents=True)
    assert hub.verify(ID).state == "ready"


def test_a_folder_that_vanishes_while_it_is_weighed_weighs_nothing(remote, monkeypatch):
    part = catalog.root() / f"{ID}.part"
    (part / "vae").mkdir(parents=True)
    (part / "model_index.json").write_bytes(b"12345")
    scandir = os.scandir

    def vanish(place):
        if place == str(part / "vae") or place == part / "vae":
            (part / "vae").rmdir()
        return scandir(place)

    monkeypatch.setattr(os, "scandir", vanish)
    assert hub.status(ID).disk == 5 and not (part / "vae").exists()


def test_room_is_made_by_removing_what_was_not_used_for_the_longest(remote, monkeypatch):
    for name in (ID, OTHER):
        shutil.copytree(catalog.NANO, catalog.root() / name)
        hub.used(name)
    old = catalog.root() / ".hub" / f"{OTHER}.used"
    os.utime(old, (1_000_000, 1_000_000))
    assert refused(hub.make_room, 10**6).code == "disk_full"
    assert hub.status(ID).state == hub.status(OTHER).state == "ready"
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 0, 5 * 10**9 - 1))
    assert [now.card.id for now in hub.make_room(5.0)] == [OTHER]
    assert hub.status(ID).state == "ready" and hub.status(OTHER).state == "absent"
    monkeypatch.setenv("CINEVIVID_VIDEO_ENGINE", ID)
    assert refused(hub.make_room, 5.0).code == "disk_full"


def test_a_model_that_is_not_here_is_named_with_the_command_that_brings_it(remote):
    assert f"python manage.py models download {OTHER}." in refused(models.Pool().get, OTHER).public_text


def test_using_a_model_is_noted(remote):
    shutil.copytree(catalog.NANO, catalog.root() / ID)
    assert hub.status(ID).used is None
    models.Pool().get(ID)
    assert time.time() - hub.status(ID).used < 60
