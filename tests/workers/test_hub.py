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
from workers.engines.skyreels import cards
from workers.engines.skyreels.memory import components
from workers.weights import download, store
from workers.weights import folder as models_folder

HALF = SIZE // 2
WHOLE = sum(f.stat().st_size for f in cards.NANO.rglob("*.safetensors"))
LAYERS = json.loads((cards.NANO / "transformer" / "config.json").read_text())["num_layers"]


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
    models = {card.id.removeprefix("SkyReels-V2-"): card for card in cards.all() if not card.embedded}
    assert set(models) == set(rows) | set(announced)
    for name, card in models.items():
        assert (*card.sizes["16:9"], card.base_num_frames) == (rows | announced)[name]
        assert card.licence and card.licence_url
        assert card.released == (name in rows)
        assert not card.released or (card.repo == f"Skywork/{card.id}-Diffusers" and card.disk_gb > 14)


def test_a_model_is_downloaded_checked_and_then_loads(remote):
    assert store.status(ID).state == "absent" and cards.get(ID).folder() is None
    now = store.download(ID)
    folder = cards.get(ID).folder()
    assert now.state == "ready" and now.revision == COMMIT and now.disk > SIZE
    assert components.load(folder).transformer.config.num_layers == LAYERS
    record = json.loads((folder / ".cinevivid.json").read_text())
    assert record["revision"] == COMMIT and record["repo"] == "Skywork/SkyReels-V2-DF-1.3B-540P-Diffusers"
    # Nothing that from_pretrained does not read came with it.
    assert not remote.served["README.md"] and not list(folder.rglob("*.bin"))
    # A second time there is nothing to do.
    served = sum(remote.served.values())
    assert store.download(ID).state == "ready" and sum(remote.served.values()) == served


def test_the_stand_in_speaks_as_the_hub_does(remote, tmp_path):
    path = hf_hub_download(cards.get(ID).repo, WEIGHTS, endpoint=remote.url, local_dir=tmp_path, token=False)
    assert Path(path).stat().st_size == SIZE


def test_an_interrupted_download_goes_on_where_it_was(remote, monkeypatch):
    remote.break_after[WEIGHTS] = HALF
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    assert refused(store.download, ID).code == "download_interrupted"
    now = store.status(ID)
    assert now.state == "interrupted" and 0 < now.percent < 100 and now.code == "download_interrupted"
    assert cards.get(ID).folder() is None
    del remote.break_after[WEIGHTS]
    assert store.download(ID).state == "ready"
    # Every byte was sent once.
    assert remote.served[WEIGHTS] == SIZE
    assert any(asked == f"bytes={HALF}-" for _, _, asked in remote.requests)


def test_a_line_that_breaks_again_and_again_is_taken_up_again_within_one_download(remote):
    remote.break_after[WEIGHTS] = SIZE // 10
    assert store.download(ID).state == "ready"
    assert remote.served[WEIGHTS] == SIZE


def test_a_server_without_ranges_is_read_from_the_beginning(remote):
    part = models_folder.root() / f"{ID}.part" / f"{WEIGHTS}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes((cards.NANO / WEIGHTS).read_bytes()[:HALF])
    remote.no_ranges = True
    assert store.download(ID).state == "ready"
    assert remote.served[WEIGHTS] == SIZE


def test_what_is_not_what_the_hub_promised_is_thrown_away(remote):
    remote.corrupt = {WEIGHTS}
    error = refused(store.download, ID)
    assert error.code == "hash_mismatch" and WEIGHTS in error.public_text
    assert cards.get(ID).folder() is None and store.status(ID).code == "hash_mismatch"
    assert not list(models_folder.root().rglob(f"*{Path(WEIGHTS).name}*"))[1:]  # the transformer's may be there
    remote.corrupt = set()
    assert store.download(ID).state == "ready"


def test_a_server_that_sends_more_than_was_promised_is_cut_off(remote):
    remote.endless = {WEIGHTS}
    error = refused(store.download, ID)
    assert error.code == "hash_mismatch" and WEIGHTS in error.public_text
    assert remote.served[WEIGHTS] < SIZE + 20_000_000
    part = models_folder.part(cards.get(ID))
    assert not [path for path in part.rglob("*") if path.name.startswith(Path(WEIGHTS).name) and "vae" in path.parts]
    remote.endless = set()
    assert store.download(ID).state == "ready"


def test_a_small_file_is_checked_too(remote):
    remote.corrupt = {"model_index.json"}
    assert refused(store.download, ID).code == "hash_mismatch"


def test_a_full_disk_is_found_before_the_first_byte(remote, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 10**12 - SIZE, SIZE))
    error = refused(store.download, ID)
    told = f"needs {WHOLE / 1e6:.1f} MB and 1.0 GB to spare; {SIZE / 1e6:.1f} MB are free."
    assert error.code == "disk_full" and error.public_text.endswith(told)
    assert not remote.served and store.status(ID).code == "disk_full" and store.status(ID).state == "absent"


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
        assert refused(store.download, ID).code == "disk_full"
        now = store.status(ID)
        assert now.state == "interrupted" and now.done > 0 and cards.get(ID).folder() is None
        subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
        assert store.download(ID).state == "ready"
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_model_behind_terms_names_the_page_and_the_token(remote, monkeypatch):
    remote.token = "hf_right"
    error = refused(store.download, ID)
    assert error.code == "token_missing" and f"{cards.get(ID).repo}." in error.public_text
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert refused(store.download, ID).code == "token_missing"
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert store.download(ID).state == "ready"
    assert remote.leaked == []  # the store of the large files never saw the token
    text = "".join(place.read_text() for place in models_folder.root().rglob("*.json"))
    assert "hf_right" not in text


def test_terms_that_were_not_accepted_are_told_as_such(remote, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    remote.gated = True
    error = refused(store.download, ID)
    assert error.code == "token_missing" and cards.get(ID).repo in error.public_text


def test_a_repository_that_is_gone_or_holds_something_else_is_told(remote, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_any")
    assert refused(store.download, OTHER).code == "repo_missing"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("soon")
    remote.repos[cards.get(OTHER).repo] = tmp_path / "empty"
    assert "no model_index.json" in refused(store.download, OTHER).public_text


def test_a_repository_cannot_write_outside_its_own_folder(remote, monkeypatch, tmp_path, nano_repo):
    files = remote.files
    outside = {"vae/../../../../planted.json": nano_repo / "model_index.json"}
    monkeypatch.setattr(remote, "files", lambda *asked: files(*asked) | outside)
    assert "outside" in refused(store.download, ID).public_text
    assert not [request for request in remote.requests if "resolve" in request[1]]


def test_a_hub_that_is_down_or_nowhere_is_told(remote, monkeypatch):
    remote.status = 503
    assert refused(store.download, ID).code == "hub_unreachable"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert refused(store.download, ID).code == "hub_unreachable"


def test_unreleased_built_in_and_unknown_models_are_refused():
    assert refused(store.download, "SkyReels-V2-DF-5B-540P").code == "model_unreleased"
    assert store.status("SkyReels-V2-CameraDirector-5B-720P").state == "unreleased"
    for card in cards.all():
        if card.embedded:
            assert refused(store.download, card.id).code == "model_builtin" == refused(store.evict, card.id).code
    assert refused(store.status, "SkyReels-V9").code == "model_unknown"


def test_weights_of_another_model_are_never_used(remote, nano_repo, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(nano_repo, wrong)
    config = json.loads((wrong / "transformer" / "config.json").read_text())
    (wrong / "transformer" / "config.json").write_text(json.dumps(config | {"num_layers": config["num_layers"] + 1}))
    remote.repos[cards.get(ID).repo] = wrong
    error = refused(store.download, ID)
    assert error.code == "model_broken" and "missing tensors" in error.public_text
    assert store.status(ID).state == "broken" and cards.get(ID).folder() is None


def test_a_download_can_be_cancelled_and_keeps_what_came(remote):
    remote.seconds_a_block = 0.2
    seen = []

    def stop_soon(now):
        seen.append(now)
        if now.done:
            store.cancel(ID)

    with pytest.raises(Cancelled):
        store.download(ID, stop_soon)
    assert seen[-1].state == "downloading" and seen[-1].rate > 0 and seen[-1].seconds_left > 0
    now = store.status(ID)
    assert now.state == "interrupted" and not now.code and 0 < now.done < now.total
    came = sum(remote.served.values())
    remote.seconds_a_block = 0
    assert store.download(ID).state == "ready"
    # What was on its way in the sockets when it was stopped may come twice, and no more.
    assert sum(remote.served.values()) - now.total < came < now.total


def test_a_request_that_was_cancelled_in_the_queue_is_not_begun(remote):
    assert store.queue(ID, "download").state == "queued"
    assert refused(store.queue, ID, "verify").code == "model_busy"
    store.cancel(ID)
    assert store.status(ID).state == "absent"
    # However many messages there are by now, and whatever was asked for since.
    for _ in range(2):
        with pytest.raises(Cancelled):
            store.download(ID, queued=True)
    store.queue(ID, "verify")
    with pytest.raises(Cancelled):
        store.download(ID, queued=True)
    assert store.status(ID).state == "queued" and not remote.requests
    # Whoever downloads it by hand is not stopped by what somebody cancelled before.
    assert store.download(ID).state == "ready"


def test_a_message_that_comes_again_does_nothing_when_the_work_is_done_or_its_model_is_gone(remote):
    store.queue(ID, "download")
    assert store.download(ID, queued=True).state == "ready"
    store.evict(ID)
    with pytest.raises(Cancelled):
        store.download(ID, queued=True)
    assert store.status(ID).state == "absent"


def test_of_two_downloads_that_begin_together_only_as_many_are_let_in_as_the_disk_holds(remote, nano_repo, monkeypatch):
    remote.repos[cards.get(OTHER).repo] = nano_repo
    remote.seconds_a_block = 0.1
    usage = namedtuple("usage", "total used free")
    free = store.RESERVE_BYTES + WHOLE * 3 // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 10**12 - free, free))
    ends = {}

    def bring(model_id):
        try:
            ends[model_id] = store.download(model_id).state
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
    assert store.download(late).state == "ready"


def test_two_downloads_of_a_model_do_not_meet(remote):
    remote.seconds_a_block = 0.2
    first = threading.Thread(target=store.download, args=(ID,))
    first.start()
    while store.status(ID).state != "downloading" or not remote.served:
        time.sleep(0.01)
    assert refused(store.download, ID).code == "model_busy" == refused(store.evict, ID).code
    remote.seconds_a_block = 0
    first.join()
    assert store.status(ID).state == "ready"


def test_a_killed_downloader_blocks_nobody_and_its_bytes_count(remote):
    remote.seconds_a_block = 0.2
    store.queue(ID, "download")
    code = f"from workers.weights import store; store.download({ID!r}, queued=True)"
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ, cwd=Path(__file__).parents[2])
    while remote.served[WEIGHTS] < HALF // 2:
        assert process.poll() is None
        time.sleep(0.02)
    assert store.status(ID).state == "downloading"
    assert refused(store.download, ID).code == "model_busy"
    process.send_signal(signal.SIGKILL)
    process.wait()
    # On the machine where it was killed, that is seen at once.
    now = store.status(ID)
    assert now.state == "interrupted" and now.code == "download_interrupted" and now.done > 0
    before = remote.served[WEIGHTS]
    remote.seconds_a_block = 0
    # The broker delivers the message again, because nobody said that it was done.
    assert store.download(ID, queued=True).state == "ready"
    assert remote.served[WEIGHTS] - before < SIZE - HALF // 8


def test_a_new_commit_does_not_mix_with_the_half_of_an_old_one(remote):
    part = models_folder.root() / f"{ID}.part"
    part.mkdir(parents=True)
    (part / ".cinevivid.json").write_text(json.dumps({"revision": "f" * 40, "files": []}))
    (part / "vae").mkdir()
    (part / "vae" / "old.safetensors").write_bytes(b"old")
    now = store.download(ID)  # the old commit is no longer on the hub
    assert now.state == "ready" and now.revision == COMMIT
    assert not list(models_folder.root().rglob("old.safetensors"))


def test_repair_brings_the_commit_in_which_the_makers_mended_what_did_not_load(remote, nano_repo, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(nano_repo, wrong)
    config = json.loads((wrong / "vae" / "config.json").read_text())
    (wrong / "vae" / "config.json").write_text(json.dumps(config | {"z_dim": config["z_dim"] + 1}))
    repo = cards.get(ID).repo
    remote.repos[repo] = wrong
    assert refused(store.download, ID).code == "model_broken"
    assert store.status(ID).code == "model_broken" == refused(store.download, ID).code
    remote.past, remote.commit = {COMMIT: wrong}, "b" * 40
    remote.repos[repo] = nano_repo
    served = remote.served.copy()
    now = store.download(ID)
    assert now.state == "ready" and now.revision == "b" * 40
    # Only what differs came again.
    assert set(remote.served - served) == {"vae/config.json"}


def test_an_image_model_comes_with_its_picture_encoder_and_loads(remote, tmp_path):
    repo = repository(tmp_path / "i2v", "i2v")
    picture_model = "SkyReels-V2-I2V-1.3B-540P"
    remote.repos[cards.get(picture_model).repo] = repo
    store.download(picture_model)
    assert components.load(cards.get(picture_model).folder()).image_encoder is not None
    store.evict(picture_model)
    shutil.rmtree(repo / "image_encoder")
    error = refused(store.download, picture_model)
    assert error.code == "model_broken" and "image_encoder" in error.public_text
