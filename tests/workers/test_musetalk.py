"""MuseTalk's classes with tiny random weights, in the layout of the published files. No released weights are here."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from tests.workers.hub_server import COMMIT, Hub, refused
from workers.base import Cancelled, EngineError
from workers.engines import registry
from workers.engines.musetalk import cards, faces, networks, plan
from workers.engines.musetalk.engine import MuseTalk
from workers.engines.musetalk.hearing import RATE, Hearing, placed
from workers.lips.base import POINTS, Track
from workers.voice.base import Speech
from workers.weights import catalog, store

WIDTH = 16  # numbers of one state of the ear
UNET = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.6.0.dev0",
    "attention_head_dim": 2,
    "block_out_channels": [8, 8],
    "cross_attention_dim": WIDTH,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "in_channels": 8,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "out_channels": 4,
    "sample_size": 64,
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.4.2",
    "block_out_channels": [4, 4, 4, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "sample_size": 256,
}
NEW_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old(name):
    """Name the VAE's attention as the published file does."""
    for new, before in NEW_NAMES.items():
        if "attentions" in name:
            name = name.replace(f".{new}.", f".{before}.")
    return name


def published(folder: Path, **changes) -> Path:
    """Write the makers' folder `models` in miniature; `changes` are made in the UNet's configuration."""
    torch.manual_seed(4)
    for part in (cards.NETWORK, cards.PICTURES, cards.SOUNDS):
        (folder / part).mkdir(parents=True)
    told = UNET | changes
    (folder / cards.CONFIG).write_text(json.dumps(told))
    torch.save(UNet2DConditionModel.from_config(told).state_dict(), folder / cards.WEIGHTS)
    (folder / cards.PICTURES / "config.json").write_text(json.dumps(VAE))
    state = {old(name): value for name, value in AutoencoderKL.from_config(VAE).state_dict().items()}
    save_file(state, folder / cards.PICTURES / "diffusion_pytorch_model.safetensors")
    ear = WhisperConfig(
        vocab_size=60,
        d_model=WIDTH,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        pad_token_id=1,
        bos_token_id=2,
        eos_token_id=2,
        decoder_start_token_id=2,
    )
    WhisperForConditionalGeneration(ear).save_pretrained(folder / cards.SOUNDS)
    WhisperFeatureExtractor().save_pretrained(folder / cards.SOUNDS)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of models with MuseTalk in it."""
    root = tmp_path_factory.mktemp("models")
    published(root / cards.ID)
    return root


@pytest.fixture
def here(models, monkeypatch):
    monkeypatch.setenv("CINEVIVID_MODELS", str(models))
    return models / cards.ID


@pytest.fixture(scope="module")
def loaded(models):
    return networks.read(models / cards.ID)


class Frames:
    """A clip of random frames, in which every frame can be told from the others."""

    def __init__(self, count=11, width=120, height=160, fps=Fraction(25)):
        self.frames, self.width, self.height, self.fps = count, width, height, fps

    def read(self, first=0):
        for place in range(first, self.frames):
            yield np.random.default_rng(place).integers(0, 256, (self.height, self.width, 3), dtype=np.uint8)


def face(x=60, y=70, across=60, down=50):
    """Return landmarks of a face whose nose is at (x, y), with the chin `down` pixels below."""
    points = np.tile(np.float32([x, y, 0]), (POINTS, 1))
    for place, index in enumerate(faces.JAW):
        turn = np.pi * place / (len(faces.JAW) - 1)
        points[index, :2] = x - across / 2 * np.cos(turn), y + down * np.sin(turn)
    return points


def track(count, unseen=()):
    points = np.stack([face() for _ in range(count)])
    points[list(unseen)] = np.nan
    return Track(points, np.ones(count, np.float32))


def speech(seconds=0.4, rate=24_000):
    loud = np.random.default_rng(1).normal(0, 0.2, round(seconds * rate)).astype(np.float32)
    return Speech(loud, rate, (), ())


def refused_folder(folder):
    with pytest.raises(EngineError) as caught:
        networks.read(folder)
    return caught.value.code, caught.value.public_text


def test_the_published_files_are_read_as_they_are(models, loaded):
    stored = torch.load(models / cards.ID / cards.WEIGHTS, weights_only=True)
    assert all(torch.equal(stored[name], value) for name, value in loaded.unet.state_dict().items())
    vae = load_file(models / cards.ID / cards.PICTURES / "diffusion_pytorch_model.safetensors")
    name = "encoder.mid_block.attentions.0"
    assert torch.equal(vae[f"{name}.query.weight"], loaded.vae.state_dict()[f"{name}.to_q.weight"])
    assert loaded.vae.config.scaling_factor == 0.18215  # not in the file: what it was taught with
    assert len(loaded.encoder.layers) == 2 and not any(p.requires_grad for p in loaded.unet.parameters())


def test_another_version_is_refused_with_the_layer_that_differs(tmp_path):
    folder = published(tmp_path / "other")
    state = torch.load(folder / cards.WEIGHTS, weights_only=True)

    changed = state | {"conv_in.weight": torch.zeros(8, 13, 3, 3)}
    torch.save(changed, folder / cards.WEIGHTS)
    code, text = refused_folder(folder)
    assert code == "model_broken"
    assert "unet.pth is no network of MuseTalk 1.5: its conv_in.weight has the shape [8, 13, 3, 3], not [8, 8" in text

    less = {name: value for name, value in state.items() if name != "mid_block.resnets.0.conv1.bias"}
    torch.save(less, folder / cards.WEIGHTS)
    assert "it has no mid_block.resnets.0.conv1.bias" in refused_folder(folder)[1]

    torch.save(state | {"motion_modules.0.weight": torch.zeros(1)}, folder / cards.WEIGHTS)
    assert "it has more layers, such as motion_modules.0.weight" in refused_folder(folder)[1]

    torch.save(state, folder / cards.WEIGHTS)
    place = folder / cards.PICTURES / "diffusion_pytorch_model.safetensors"
    save_file(load_file(place) | {"quant_conv.bias": torch.zeros(32)}, place)
    assert "sd-vae/diffusion_pytorch_model.safetensors is no VAE" in refused_folder(folder)[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"in_channels": 4}, "it sees 4 channels and makes 4"),
        ({"cross_attention_dim": 12}, f"it listens to 12 numbers, and this Whisper says {WIDTH}"),
    ],
)
def test_a_whole_network_of_another_model_is_refused(tmp_path, changes, words):
    code, text = refused_folder(published(tmp_path / "other", **changes))
    assert code == "model_broken" and words in text


def test_no_code_of_a_file_runs_and_what_is_missing_or_damaged_is_named(tmp_path, monkeypatch):
    folder = published(tmp_path / cards.ID)
    ran = tmp_path / "ran"
    (folder / cards.WEIGHTS).write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % bytes(ran))
    code, text = refused_folder(folder)
    assert code == "model_broken" and "unet.pth" in text and not ran.exists()
    (folder / cards.WEIGHTS).write_bytes(b"PK\x03\x04 half")
    assert refused_folder(folder)[0] == "model_broken"
    (folder / cards.CONFIG).write_text('{"block_out_channels": ["x"]}')
    assert refused_folder(folder) == (
        "model_broken",
        "musetalkV15/musetalk.json describes nothing that is known here.",
    )
    (folder / cards.CONFIG).unlink()
    assert refused_folder(folder) == ("model_not_ready", "The model has no musetalkV15/musetalk.json.")
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match="models download MuseTalk") as caught:
        MuseTalk().load()
    assert caught.value.code == "model_not_ready"


def test_a_frame_hears_ten_states_around_it_and_silence_beyond_the_sound(loaded):
    heard = Hearing(speech(1.0), Fraction(25), 25, loaded.encoder, loaded.extractor)
    layers = len(loaded.encoder.layers) + 1
    first, second, last = (heard.around(place).reshape(10, layers, WIDTH) for place in (0, 1, 24))
    assert not first[:4].any() and first[4:].any()  # nothing is before the sound
    assert torch.equal(first[2:], second[:-2])  # two states are one frame
    assert not last[6:].any() and last[:6].any()
    whole = loaded.extractor(heard.samples.numpy(), sampling_rate=RATE, return_tensors="pt").input_features
    with torch.inference_mode():
        states = loaded.encoder(whole).last_hidden_state[0]
    assert torch.allclose(first[4:, -1], states[:6], atol=1e-6)


def test_a_speech_that_ends_before_its_clip_is_followed_by_silence(loaded):
    heard = Hearing(speech(0.2), Fraction(24), 48, loaded.encoder, loaded.extractor)
    assert heard.samples.shape == (2 * RATE,) and not heard.samples[4000:].any()
    assert heard.around(40).any()  # silence is heard, too


def test_long_sounds_are_heard_in_pieces_that_meet(loaded):
    heard = Hearing(speech(61, 8000), Fraction(25), 25 * 61, loaded.encoder, loaded.extractor)
    edge = heard.around(25 * 30).reshape(10, -1)
    assert torch.equal(edge[:4], heard._piece(0)[-4:].flatten(1))
    assert torch.equal(edge[4:], heard._piece(1)[:6].flatten(1))
    heard.around(25 * 60 + 5)
    assert list(heard._heard) == [1, 2]  # what lies behind is forgotten


def test_places_are_sines_and_cosines():
    waves = placed(torch.zeros(1, 50, WIDTH))[0]
    assert torch.allclose(waves[3, 0], torch.sin(torch.tensor(3.0))) and waves[0].tolist() == [0.0, 1.0] * (WIDTH // 2)


def test_the_box_has_the_nose_half_way_and_room_below_the_chin():
    box = faces.box(face(x=60, y=70, across=60, down=50))
    assert (box.left, box.right, box.top) == (30, 90, 20) and 123 <= box.bottom <= 125
    assert faces.box(face(across=10)) is None
    assert faces.box(face(x=5, y=5)) is not None  # partly outside


@pytest.mark.parametrize("place", [(60, 70), (12, 60), (110, 150)])
def test_only_the_lower_face_of_a_picture_changes(place):
    picture = next(Frames().read())
    points = face(*place)
    box = faces.box(points)
    assert faces.seen(picture, box).shape == (256, 256, 3)
    made = faces.painted(picture, np.full((256, 256, 3), 255, np.uint8), box, points)
    changed = (made != picture).any(-1)
    rows, columns = np.nonzero(changed)
    assert changed.any() and rows.min() >= place[1] and rows.max() < box.bottom
    assert columns.min() >= max(0, box.left) and columns.max() < box.right
    # The middle of the mouth is the answer's; towards the edge it fades.
    assert place[1] > 100 or (made[place[1] + 25, place[0]] == 255).all()
    assert changed.mean() < 0.3


def test_frames_without_a_face_come_out_bit_for_bit_and_others_change_in_the_face_alone(loaded):
    clip, seen = Frames(), track(11, unseen=(0, 4, 5))
    made = list(MuseTalk(read=loaded).sync(clip, speech(), seen))
    assert len(made) == clip.frames
    box = faces.box(face())
    for place, (before, after) in enumerate(zip(clip.read(), made, strict=True)):
        changed = (before != after).any(-1)
        assert changed.any() == (place not in (0, 4, 5))
        changed[70 : box.bottom, box.left : box.right] = False
        assert not changed.any()


def test_a_run_that_goes_on_gives_the_same_frames(loaded):
    clip, seen = Frames(), track(11, unseen=(2,))
    engine = MuseTalk(read=loaded, batch=4)
    whole = list(engine.sync(clip, speech(), seen))
    for first in (0, 3, 4, 10):
        again = list(engine.sync(clip, speech(), seen, first=first))
        assert all(np.array_equal(one, other) for one, other in zip(again, whole[first:], strict=True))
    assert list(engine.sync(clip, speech(), seen, first=11)) == []


def test_what_is_said_changes_the_mouth(loaded):
    clip, seen = Frames(2), track(2)
    engine = MuseTalk(read=loaded)
    quiet = Speech(np.zeros(8000, np.float32), 16_000, (), ())
    loud, silent = (list(engine.sync(clip, said, seen)) for said in (speech(), quiet))
    assert not np.array_equal(loud[1], silent[1])


def test_the_covered_half_is_never_seen_but_in_the_whole_face(loaded, monkeypatch):
    given = []
    encode = loaded.vae.encode
    monkeypatch.setattr(loaded.vae, "encode", lambda pictures: given.append(pictures) or encode(pictures))
    list(MuseTalk(read=loaded).sync(Frames(2), speech(), track(2)))
    (pictures,) = given
    covered, whole = pictures.chunk(2)
    assert (covered[:, :, 128:] == -1).all() and torch.equal(covered[:, :, :128], whole[:, :, :128])


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same_picture(here, loaded, precision):
    clip, seen = Frames(2), track(2)
    half = MuseTalk(precision=precision)
    half.load()
    assert half._networks.unet.dtype == precision and half._networks.encoder.dtype == torch.float32
    for one, other in zip(
        half.sync(clip, speech(), seen), MuseTalk(read=loaded).sync(clip, speech(), seen), strict=True
    ):
        assert np.abs(one.astype(int) - other).mean() < 2


def test_numbers_beyond_a_precision_are_told_and_never_shown(models):
    broken = networks.read(models / cards.ID)
    broken.unet.conv_out.bias.fill_(float("inf"))
    with pytest.raises(EngineError, match="its numbers left what") as caught:
        list(MuseTalk(read=broken).sync(Frames(2), speech(), track(2)))
    assert caught.value.code == "model_broken"


def test_memory_that_runs_out_on_the_way_is_told_and_the_engine_stays_usable(here, monkeypatch):
    engine = MuseTalk()
    engine.load()

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._networks.unet, "forward", full)
    with pytest.raises(EngineError) as caught:
        list(engine.sync(Frames(2), speech(), track(2)))
    assert caught.value.code == "memory_short"
    assert len(list(engine.sync(Frames(2), speech(), track(2)))) == 2  # read again


def test_a_stop_before_the_first_frame_goes_through(loaded):
    def stop(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        next(MuseTalk(read=loaded).sync(Frames(2), speech(), track(2), on_progress=stop))


def test_the_plan_says_what_fits_and_how_much_would(here, monkeypatch):
    most = next(plan.choices())
    assert most.batch == 8 and plan.check(most.card_gb) == most and plan.check(None) is None
    assert plan.check(3.2).batch == 2 and "3.2 GB" in plan.check(3.2).words
    with pytest.raises(EngineError) as caught:
        plan.check(2.0)
    assert caught.value.code == "memory_short" and "needs 3.0 GB, and 2 GB are there" in caught.value.public_text
    assert plan.figures().unet_bytes == 2 * 849_947_844  # as the published file has it: 3.4 GB in float32
    # A small model under this name is not refused by figures of the large one.
    monkeypatch.setenv("CINEVIVID_DEVICE_GB", "0.1")
    MuseTalk().load()


def test_a_page_can_ask_whether_it_works_here_and_why_not(here, tmp_path, monkeypatch):
    monkeypatch.delenv("CINEVIVID_DEVICE_GB", raising=False)
    assert plan.available() is None and plan.available(4.0) is None
    assert str(plan.available(2.0)) == "MuseTalk 1.5 needs 3.0 GB, and 2 GB are there."
    monkeypatch.setenv("CINEVIVID_DEVICE_GB", "2")
    assert plan.available().values["there"] == 2.0  # to be translated
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    assert str(plan.available()) == "The weights of MuseTalk 1.5 are not on this machine yet."


def test_the_catalogue_knows_it_and_the_registry_makes_it(here):
    card = catalog.get(cards.ID)
    assert card.kind == "lips" and card.licence.startswith("MIT") and 3.8 < card.disk_gb < 4.0
    assert isinstance(registry.get("lips", cards.ID), MuseTalk)
    card.check(here)
    with pytest.raises(EngineError, match="model_unknown"):
        MuseTalk("nano")


def test_its_files_come_from_three_repositories_into_one_folder(tmp_path, models, monkeypatch):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "models"))
    hub = Hub()
    try:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        card = cards.get(cards.ID)
        hub.repos[card.repo] = tmp_path / "own"
        own = {path: models / cards.ID / path for path in (cards.CONFIG, cards.WEIGHTS)}
        files = hub.files
        hub.files = lambda repo, revision="main": own if repo == card.repo else files(repo, revision)
        for part in card.parts:
            hub.repos[part.repo] = models / cards.ID / part.folder
        now = store.download(cards.ID)
        folder = card.folder()
        assert now.state == "ready" and now.revision == COMMIT
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        wanted = {f"{part.folder}/{name}" for part in card.parts for name in part.layout}
        assert found - {".cinevivid.json"} == wanted | {cards.CONFIG, cards.WEIGHTS}
        record = json.loads((folder / ".cinevivid.json").read_text())
        whence = {file["path"]: file["repo"] for file in record["files"]}
        assert whence["whisper/config.json"] == "openai/whisper-tiny" and whence[cards.WEIGHTS] == ""
        assert store.verify(cards.ID).state == "ready"
        # What is wrong comes again, from its own repository and nothing else with it.
        place = folder / cards.PICTURES / "diffusion_pytorch_model.safetensors"
        place.write_bytes(place.read_bytes()[:-1] + b"x")
        assert refused(store.verify, cards.ID).code == "hash_mismatch"
        served = hub.served.copy()
        assert store.download(cards.ID).state == "ready"
        assert set(hub.served - served) == {"diffusion_pytorch_model.safetensors"}
    finally:
        hub.stop()


def test_a_repository_that_is_gone_is_named(tmp_path, models, monkeypatch):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "models"))
    hub = Hub()
    try:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        card = cards.get(cards.ID)
        hub.repos[card.repo] = models / cards.ID
        error = refused(store.download, cards.ID)
        assert error.code in ("repo_missing", "token_missing") and "stabilityai/sd-vae-ft-mse" in error.public_text
    finally:
        hub.stop()
        assert not (tmp_path / "models" / cards.ID).exists()
