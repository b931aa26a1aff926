"""Models come whole or not at all, whatever the network, the disk and the hub do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from tests.workers.conftest import repository
from tests.workers.hub_server import COMMIT, ID, OTHER, SIZE, WEIGHTS, refused
from workers.base import Cancelled, EngineError
from workers.engines.skyreels import catalog, fetch, hub, models

HALF = SIZE // 2
WHOLE = sum(f.stat().st_size for f in catalog.NANO.rglob("*.safetensors"))
LAYERS = json.loads((catalog.NANO / "transformer" / "config.json").read_text())["num_layers"]


def test_every_model_of_the_seed_has_a_row_with_what_an_operator_asks_for():
    rows = {
        **dict.fromkeys(
            ["DF-1.3B-540P", "DF-14B-540P", "T2V-14B-540P", "I2V-1.3B-540P", "I2V-14B-540P"], (960, 544, 97)
        ),
        **dict.fromkeys(["DF-14B-720P", "T2V-14B-720P", "I2V-14B-720P"], (1280, 720, 121)),
    }
    announced = {
        **dict.fromkeys(
            ["DF-5B-540P", "T2V-1.3B-540P", "T2V-5B-540P", "I2V-5B-540P", "CameraDirector-5B-540P"], (960, 544, 97)
        ),
        **dict.fromkeys(
            ["DF-5B-720P", "T2V-5B-720P", "I2V-5B-720P", "CameraDirector-5B-720P", "CameraDirector-14B-720P"],
            (1280, 720, 121),
        ),
    }
    cards = {card.id.removeprefix("SkyReels-V2-"): card for card in catalog.all() if card.id != "nano"}
    assert set(cards) == set(rows) | set(announced)
    for name, card in cards.items():
        assert (*card.sizes["16:9"], card.base_num_frames) == (rows | announced)[name]
        assert card.licence and card.licence_url
        assert card.released == (name in rows)
        assert not card.released or (card.repo == f"Skywork/{card.id}" and card.disk_gb > 14)


def test_a_model_is_downloaded_checked_and_then_loads(remote):
    assert hub.status(ID).state == "absent" and catalog.get(ID).folder() is None
    now = hub.download(ID)
    folder = catalog.get(ID).folder()
    assert now.state == "ready" and now.revision == COMMIT and now.disk > SIZE
    assert models.load(folder).transformer.config.num_layers == LAYERS
    record = json.loads((folder / ".cinevivid.json").read_text())
    assert record["revision"] == COMMIT and record["repo"] == "Skywork/SkyReels-V2-DF-1.3B-540P-Diffusers"
    # Nothing that from_pretrained does not read came with it.
    assert not remote.served["README.md"] and not list(folder.rglob("*.bin"))
    # A second time there is nothing to do.
    served = sum(remote.served.values())
    assert hub.download(ID).state == "ready" and sum(remote.served.values()) == served


def test_the_stand_in_speaks_as_the_hub_does(remote, tmp_path):
    path = hf_hub_download(
        catalog.get(ID).diffusers_repo, WEIGHTS, endpoint=remote.url, local_dir=tmp_path, token=False
    )
    assert Path(path).stat().st_size == SIZE


def test_an_interrupted_download_goes_on_where_it_was(remote, monkeypatch):
    remote.break_after[WEIGHTS] = HALF
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    assert refused(hub.download, ID).code == "download_interrupted"
    now = hub.status(ID)
    assert now.state == "interrupted" and 0 < now.percent < 100 and now.code == "download_interrupted"
    assert catalog.get(ID).folder() is None
    del remote.break_after[WEIGHTS]
    assert hub.download(ID).state == "ready"
    # Every byte was sent once.
    assert remote.served[WEIGHTS] == SIZE
    assert any(asked == f"bytes={HALF}-" for _, _, asked in remote.requests)


def test_a_line_that_breaks_again_and_again_is_taken_up_again_within_one_download(remote):
    remote.break_after[WEIGHTS] = SIZE // 10
    assert hub.download(ID).state == "ready"
    assert remote.served[WEIGHTS] == SIZE


def test_a_server_without_ranges_is_read_from_the_beginning(remote):
    part = catalog.root() / f"{ID}.part" / f"{WEIGHTS}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes((catalog.NANO / WEIGHTS).read_bytes()[:HALF])
    remote.no_ranges = True
    assert hub.download(ID).state == "ready"
    assert remote.served[WEIGHTS] == SIZE


def test_what_is_not_what_the_hub_promised_is_thrown_away(remote):
    remote.corrupt = {WEIGHTS}
    error = refused(hub.download, ID)
    assert error.code == "hash_mismatch" and WEIGHTS in error.public_text
    assert catalog.get(ID).folder() is None and hub.status(ID).code == "hash_mismatch"
    assert not list(catalog.root().rglob(f"*{Path(WEIGHTS).name}*"))[1:]  # the transformer's may be there
    remote.corrupt = set()
    assert hub.download(ID).state == "ready"


def test_a_small_file_is_checked_too(remote):
    remote.corrupt = {"model_index.json"}
    assert refused(hub.download, ID).code == "hash_mismatch"


def test_a_full_disk_is_found_before_the_first_byte(remote, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 10**12 - SIZE, SIZE))
    error = refused(hub.download, ID)
    told = f"needs {WHOLE / 1e6:.1f} MB and 1.0 GB to spare; {SIZE / 1e6:.1f} MB are free."
    assert error.code == "disk_full" and error.public_text.endswith(told)
    assert not remote.served and hub.status(ID).code == "disk_full" and hub.status(ID).state == "absent"


def test_a_disk_that_becomes_full_on_the_way_is_told_and_can_be_gone_on_with(remote, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("Only root can make a small disk.")
    try:
        monkeypatch.setenv("CINEVIVID_MODELS", str(small))
        usage = namedtuple("usage", "total used free")
        # Somebody else fills it after the room was measured.
        monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 0, 10**12))
        assert refused(hub.download, ID).code == "disk_full"
        now = hub.status(ID)
        assert now.state == "interrupted" and now.done > 0 and catalog.get(ID).folder() is None
        subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
        assert hub.download(ID).state == "ready"
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_model_behind_terms_names_the_page_and_the_token(remote, monkeypatch):
    remote.token = "hf_right"
    error = refused(hub.download, ID)
    assert error.code == "token_missing" and f"{catalog.get(ID).diffusers_repo}." in error.public_text
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert refused(hub.download, ID).code == "token_missing"
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert hub.download(ID).state == "ready"
    assert remote.leaked == []  # the store of the large files never saw the token
    text = "".join(place.read_text() for place in catalog.root().rglob("*.json"))
    assert "hf_right" not in text


def test_terms_that_were_not_accepted_are_told_as_such(remote, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    remote.gated = True
    error = refused(hub.download, ID)
    assert error.code == "token_missing" and catalog.get(ID).diffusers_repo in error.public_text


def test_a_repository_that_is_gone_or_holds_something_else_is_told(remote, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_any")
    assert refused(hub.download, OTHER).code == "repo_missing"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("soon")
    remote.repos[catalog.get(OTHER).diffusers_repo] = tmp_path / "empty"
    assert "layout" in refused(hub.download, OTHER).public_text


def test_a_repository_cannot_write_outside_its_own_folder(remote, monkeypatch, tmp_path, nano_repo):
    files = remote.files
    outside = {"vae/../../../../planted.json": nano_repo / "model_index.json"}
    monkeypatch.setattr(remote, "files", lambda *asked: files(*asked) | outside)
    assert "outside" in refused(hub.download, ID).public_text
    assert not [request for request in remote.requests if "resolve" in request[1]]


def test_a_hub_that_is_down_or_nowhere_is_told(remote, monkeypatch):
    remote.status = 503
    assert refused(hub.download, ID).code == "hub_unreachable"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert refused(hub.download, ID).code == "hub_unreachable"


def test_unreleased_built_in_and_unknown_models_are_refused():
    assert refused(hub.download, "SkyReels-V2-DF-5B-540P").code == "model_unreleased"
    assert hub.status("SkyReels-V2-CameraDirector-5B-720P").state == "unreleased"
    assert refused(hub.download, "nano").code == "model_builtin" == refused(hub.evict, "nano").code
    assert refused(hub.status, "SkyReels-V9").code == "model_unknown"


def test_weights_of_another_model_are_never_used(remote, nano_repo, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(nano_repo, wrong)
    config = json.loads((wrong / "transformer" / "config.json").read_text())
    (wrong / "transformer" / "config.json").write_text(json.dumps(config | {"num_layers": config["num_layers"] + 1}))
    remote.repos[catalog.get(ID).diffusers_repo] = wrong
    error = refused(hub.download, ID)
    assert error.code == "model_broken" and "missing tensors" in error.public_text
    assert hub.status(ID).state == "broken" and catalog.get(ID).folder() is None


def test_a_download_can_be_cancelled_and_keeps_what_came(remote):
    remote.seconds_a_block = 0.02
    seen = []

    def stop_soon(now):
        seen.append(now)
        if now.done:
            hub.cancel(ID)

    with pytest.raises(Cancelled):
        hub.download(ID, stop_soon)
    assert seen[-1].state == "downloading" and seen[-1].rate > 0 and seen[-1].seconds_left > 0
    now = hub.status(ID)
    assert now.state == "interrupted" and not now.code and 0 < now.done < now.total
    came = sum(remote.served.values())
    remote.seconds_a_block = 0
    assert hub.download(ID).state == "ready"
    # What was on its way in the sockets when it was stopped may come twice, and no more.
    assert sum(remote.served.values()) - now.total < came < now.total


def test_a_request_that_was_cancelled_in_the_queue_is_not_begun(remote):
    assert hub.queue(ID, "download").state == "queued"
    assert refused(hub.queue, ID, "verify").code == "model_busy"
    hub.cancel(ID)
    assert hub.status(ID).state == "absent"
    # However many messages there are by now, and whatever was asked for since.
    for _ in range(2):
        with pytest.raises(Cancelled):
            hub.download(ID, queued=True)
    hub.queue(ID, "verify")
    with pytest.raises(Cancelled):
        hub.download(ID, queued=True)
    assert hub.status(ID).state == "queued" and not remote.requests
    # Whoever downloads it by hand is not stopped by what somebody cancelled before.
    assert hub.download(ID).state == "ready"


def test_a_message_that_comes_again_does_nothing_when_the_work_is_done_or_its_model_is_gone(remote):
    hub.queue(ID, "download")
    assert hub.download(ID, queued=True).state == "ready"
    hub.evict(ID)
    with pytest.raises(Cancelled):
        hub.download(ID, queued=True)
    assert hub.status(ID).state == "absent"


def test_of_two_downloads_that_begin_together_only_as_many_are_let_in_as_the_disk_holds(remote, nano_repo, monkeypatch):
    remote.repos[catalog.get(OTHER).diffusers_repo] = nano_repo
    remote.seconds_a_block = 0.1
    usage = namedtuple("usage", "total used free")
    free = hub.RESERVE_BYTES + WHOLE * 3 // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 10**12 - free, free))
    ends = {}

    def bring(model_id):
        try:
            ends[model_id] = hub.download(model_id).state
        except EngineError as error:
            ends[model_id] = error.public_text
            remote.seconds_a_block = 0

    both = [threading.Thread(target=bring, args=(model_id,)) for model_id in (ID, OTHER)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    late, first = sorted(ends, key=lambda model_id: ends[model_id] == "ready")
    assert ends[first] == "ready" and "other downloads will take" in ends[late]
    assert hub.download(late).state == "ready"


def test_two_downloads_of_a_model_do_not_meet(remote):
    remote.seconds_a_block = 0.02
    first = threading.Thread(target=hub.download, args=(ID,))
    first.start()
    while hub.status(ID).state != "downloading" or not remote.served:
        time.sleep(0.01)
    assert refused(hub.download, ID).code == "model_busy" == refused(hub.evict, ID).code
    remote.seconds_a_block = 0
    first.join()
    assert hub.status(ID).state == "ready"


def test_a_killed_downloader_blocks_nobody_and_its_bytes_count(remote):
    remote.seconds_a_block = 0.05
    hub.queue(ID, "download")
    code = f"from workers.engines.skyreels import hub; hub.download({ID!r}, queued=True)"
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ, cwd=Path(__file__).parents[2])
    while remote.served[WEIGHTS] < HALF // 2:
        assert process.poll() is None
        time.sleep(0.02)
    assert hub.status(ID).state == "downloading"
    assert refused(hub.download, ID).code == "model_busy"
    process.send_signal(signal.SIGKILL)
    process.wait()
    # On the machine where it was killed, that is seen at once.
    now = hub.status(ID)
    assert now.state == "interrupted" and now.code == "download_interrupted" and now.done > 0
    before = remote.served[WEIGHTS]
    remote.seconds_a_block = 0
    # The broker delivers the message again, because nobody said that it was done.
    assert hub.download(ID, queued=True).state == "ready"
    assert remote.served[WEIGHTS] - before < SIZE - HALF // 8


def test_a_new_commit_does_not_mix_with_the_half_of_an_old_one(remote):
    part = catalog.root() / f"{ID}.part"
    part.mkdir(parents=True)
    (part / ".cinevivid.json").write_text(json.dumps({"revision": "f" * 40, "files": []}))
    (part / "vae").mkdir()
    (part / "vae" / "old.safetensors").write_bytes(b"old")
    now = hub.download(ID)  # the old commit is no longer on the hub
    assert now.state == "ready" and now.revision == COMMIT
    assert not list(catalog.root().rglob("old.safetensors"))


def test_repair_brings_the_commit_in_which_the_makers_mended_what_did_not_load(remote, nano_repo, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(nano_repo, wrong)
    config = json.loads((wrong / "vae" / "config.json").read_text())
    (wrong / "vae" / "config.json").write_text(json.dumps(config | {"z_dim": config["z_dim"] + 1}))
    repo = catalog.get(ID).diffusers_repo
    remote.repos[repo] = wrong
    assert refused(hub.download, ID).code == "model_broken"
    assert hub.status(ID).code == "model_broken" == refused(hub.download, ID).code
    remote.past, remote.commit = {COMMIT: wrong}, "b" * 40
    remote.repos[repo] = nano_repo
    served = remote.served.copy()
    now = hub.download(ID)
    assert now.state == "ready" and now.revision == "b" * 40
    # Only what differs came again.
    assert set(remote.served - served) == {"vae/config.json"}


def test_an_image_model_comes_with_its_picture_encoder_and_loads(remote, tmp_path):
    repo = repository(tmp_path / "i2v", "i2v")
    picture_model = "SkyReels-V2-I2V-1.3B-540P"
    remote.repos[catalog.get(picture_model).diffusers_repo] = repo
    hub.download(picture_model)
    assert models.load(catalog.get(picture_model).folder()).image_encoder is not None
    hub.evict(picture_model)
    shutil.rmtree(repo / "image_encoder")
    error = refused(hub.download, picture_model)
    assert error.code == "model_broken" and "image_encoder" in error.public_text
