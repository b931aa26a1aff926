"""What a card needs of the engine, shown on the CPU and on the meta device, where nothing is computed."""

import os

import numpy as np
import pytest
import torch
from diffusers import SkyReelsV2Transformer3DModel

from tests.workers.conftest import T2V, tiny_components, tiny_spec, whole
from workers.base import EngineError
from workers.engines.skyreels import cards, engine
from workers.engines.skyreels.engine import SkyReelsEngine, Way, device_memory
from workers.engines.skyreels.memory import components, figures, planner
from workers.engines.skyreels.memory.offload import Turns
from workers.engines.skyreels.memory.pool import Key, Pool
from workers.engines.skyreels.memory.transformer import RowTransformer, with_rows
from workers.engines.skyreels.memory.trouble import lost_card, out_of_memory
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.sampler import attention, vae_stream

META = torch.device("meta")
LONG = {"num_frames": 25, "base_num_frames": 9, "overlap_history": 5}
ASYNC = {"num_frames": 37, "base_num_frames": 21, "overlap_history": 9, "ar_step": 2, "fps": 8}


def test_a_film_may_have_what_is_free_on_the_card_and_not_all_that_is_built_in(monkeypatch):
    monkeypatch.delenv("CINEVIVID_DEVICE_GB", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (70e9, 85e9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 5e9)
    kind, gigabytes = device_memory()
    assert kind == "cuda" and gigabytes == pytest.approx(75 * (1 - planner.SLACK)) and 0.05 <= planner.SLACK <= 0.08


class Falls(SkyReelsEngine):
    """An engine that knows three ways of making a film of nano, and keeps the copies that the test has prepared."""

    released = 0

    def release(self):
        self.released += 1

    def ways(self, spec, run):
        return tuple(Way(Key("nano", mode), False) for mode in ("resident", "aside", "model"))


def short_of_memory(pool, mode, after):
    """Let the transformer of a copy run out of memory after so many passes."""
    models = pool.get(Key("nano", mode))
    passes = []

    def fail(*_):
        passes.append(1)
        if len(passes) > after:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    models.transformer.register_forward_pre_hook(fail)


@pytest.mark.parametrize("values", [LONG, ASYNC], ids=["windows", "parts"])
def test_a_film_that_runs_out_of_memory_goes_on_in_the_next_way(values, caplog):
    spec = tiny_spec(**values)
    pool = Pool("3")
    expected = list(SkyReelsEngine("nano", pool).stream(spec))
    short_of_memory(pool, "resident", after=2 * 6)
    short_of_memory(pool, "aside", after=1)
    falls = Falls("nano", pool)
    made = list(falls.stream(spec))
    assert [(w.index, w.part, w.first_frame) for w in made] == [(w.index, w.part, w.first_frame) for w in expected]
    assert np.array_equal(whole(made), whole(expected))
    assert caplog.text.count("Memory was short") == falls.released == 2


def test_memory_that_is_short_in_every_way_is_told():
    pool = Pool("3")
    for mode in ("resident", "aside", "model"):
        short_of_memory(pool, mode, after=0)
    with pytest.raises(torch.OutOfMemoryError):
        list(Falls("nano", pool).stream(tiny_spec()))


def test_the_ways_to_fall_back_to_need_less_and_less(monkeypatch):
    monkeypatch.setattr(engine, "device_memory", lambda: ("cuda", 60.0))
    monkeypatch.setattr(planner, "weighed", lambda card: True)
    spec = VideoSpec.for_model("SkyReels-V2-DF-14B-540P", "x")
    ways = SkyReelsEngine().ways(spec, Execution())
    needs = {(o.mode, o.tiling): o.card_gb for o in planner.options(cards.get(spec.model), spec)}
    found = [needs[way.key.memory, way.tiling] for way in ways]
    assert len(found) > 2 and found == sorted(found, reverse=True) and found[0] <= 60
    assert len(SkyReelsEngine().ways(spec, Execution(memory="model"))) == 1


def test_what_a_lost_card_and_a_full_one_say():
    full = (torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"))
    lost = (
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    )
    other = (RuntimeError("size mismatch"), ValueError("CUDA error"), EngineError("a", "b"))
    assert [(out_of_memory(e), lost_card(e)) for e in (*full, *lost, *other)] == [
        *[(True, False)] * 3,
        *[(False, True)] * 3,
        *[(False, False)] * 3,
    ]


def test_a_card_that_is_lost_is_told_by_name(tiny_engine, tiny):
    def fail(*_):
        raise RuntimeError("CUDA error: unspecified launch failure")

    with tiny.transformer.register_forward_pre_hook(fail), pytest.raises(EngineError, match="card_lost"):
        list(tiny_engine.stream(tiny_spec()))


# The modulation


@pytest.mark.parametrize("inject", [False, True], ids=["14B", "1.3B"])
def test_rows_give_the_same_latents_as_modulation_of_every_token(inject):
    models = tiny_components(inject=inject)
    pool = Pool()
    pool.put("nano", models)
    made = []
    for rows in (True, False):
        models.transformer.rows = rows
        spec = tiny_spec(**LONG, addnoise_condition=20)
        made.append(list(SkyReelsEngine("nano", pool).stream(spec))[-1].checkpoint.latents)
    assert torch.equal(*made)


def test_rows_equal_the_unmodified_class(tiny):
    plain = SkyReelsV2Transformer3DModel.from_config(tiny.transformer.config)
    plain.load_state_dict(tiny.transformer.state_dict())
    generator = torch.Generator().manual_seed(2)
    asked = {
        "hidden_states": torch.randn((1, 16, 3, 4, 6), generator=generator),
        "timestep": torch.tensor([[0, 500, 999]]),
        "encoder_hidden_states": torch.randn((1, 16, 32), generator=generator),
        "enable_diffusion_forcing": True,
    }
    with torch.no_grad():
        expected = plain(**asked, return_dict=False)[0]
        assert torch.equal(tiny.transformer(**asked, return_dict=False)[0], expected)
        assert torch.equal(tiny.transformer(**asked).sample, expected)


def test_rows_take_less_than_half_of_the_memory_of_a_token():
    """On the meta device, in bfloat16, with the widths of a real block."""
    width = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 1}
    with torch.device("meta"):
        transformer = SkyReelsV2Transformer3DModel(**(figures.COMMON | width))
    before = figures.bytes_per_token(transformer, forcing=True)
    after = figures.bytes_per_token(with_rows(transformer), forcing=True)
    assert isinstance(transformer, RowTransformer) and after < 0.5 * before


# Where the parts are


def arranged(memory, device=META):
    models = tiny_components()
    turns = Turns(memory, device)
    for name in ("vae", "transformer", "text_encoder"):
        turns.add(name, getattr(models, name))
    return models, turns


def places(module):
    return {p.device.type for p in module.parameters()}


def test_the_text_encoder_alone_leaves_the_card():
    models, turns = arranged("aside")
    assert turns.here == {"vae", "transformer"} and places(models.text_encoder) == {"cpu"}
    turns.bring("text_encoder")
    assert places(models.text_encoder) == places(models.transformer) == {"meta"}
    turns.bring("transformer")
    assert turns.here == {"vae", "transformer"} and places(models.text_encoder) == {"cpu"}
    assert places(models.transformer) == {"meta"}


def test_parking_the_text_encoder_saves_what_it_weighs():
    card = cards.get("SkyReels-V2-DF-14B-720P")
    spec = planner.recommended(card)
    resident, aside = planner.options(card, spec)[:2]
    assert (resident.mode, aside.mode) == ("resident", "aside")
    assert resident.card_gb - aside.card_gb == pytest.approx(planner.HOLES * 11.4, abs=0.3)


@pytest.mark.parametrize("memory", ["model", "aside"])
def test_weights_that_leave_the_card_are_not_copied_back(memory):
    """On the meta device there would be nothing to copy back."""
    models, turns = arranged(memory)
    weights = {name: p.data_ptr() for name, p in models.text_encoder.named_parameters()}
    values = {name: p.clone() for name, p in models.text_encoder.named_parameters()}
    for _ in range(2):
        turns.bring("text_encoder")
        assert places(models.text_encoder) == {"meta"}
        turns.bring("vae")
    assert {name: p.data_ptr() for name, p in models.text_encoder.named_parameters()} == weights
    assert all(torch.equal(p, values[name]) for name, p in models.text_encoder.named_parameters())
    # A table that two modules share is one table still.
    assert models.text_encoder.shared.weight is models.text_encoder.encoder.embed_tokens.weight


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_decoder_that_begins_anew_keeps_nothing_meanwhile(tiny_engine, monkeypatch, overlap):
    made = []

    class Watched(vae_stream.StreamDecoder):
        def __init__(self, *values, **named):
            super().__init__(*values, **named)
            made.append(self)

    monkeypatch.setattr(vae_stream, "StreamDecoder", Watched)
    for _ in tiny_engine.stream(tiny_spec(**LONG, overlap=overlap)):
        assert bool(made[0]._features) == (overlap == "latent")


def test_the_frame_rate_stays_out_of_8_bits():
    models = tiny_components(inject=True)
    Turns("fp8", torch.device("cpu")).add("transformer", models.transformer)
    stored = {name: p.dtype for name, p in models.transformer.named_parameters()}
    fps = {name: dtype for name, dtype in stored.items() if name.startswith("fps_")}
    assert len(fps) > 2 and set(fps.values()) == {torch.float32}
    assert torch.float8_e4m3fn in stored.values()


# Attention


def test_the_fastest_kernel_that_is_here_is_taken():
    """Times are told by a clock of the test: this machine has two kernels and not the third."""
    times = iter([0.0, 3.0, 10.0, 11.0])
    names = ("native", "flash", "_native_math")
    found = attention.fastest((1, 8, 2, 4), torch.device("cpu"), torch.float32, names, lambda: next(times))
    assert found == "_native_math"


def test_a_kernel_that_answers_differently_is_not_taken(monkeypatch):
    dispatch = attention.dispatch_attention_fn

    def wrong(query, key, value, backend):
        seen = dispatch(query, key, value, backend="native")
        return seen if backend == "native" else seen * 1.2

    monkeypatch.setattr(attention, "dispatch_attention_fn", wrong)
    shape, cpu = (1, 8, 2, 4), torch.device("cpu")
    assert attention.fastest(shape, cpu, torch.float32, ("native", "_native_math")) == "native"


@pytest.mark.parametrize("asked", ["_native_math", "auto"])
def test_a_film_is_made_with_the_attention_that_is_set(tiny_engine, tiny, monkeypatch, asked):
    plain = whole(tiny_engine.stream(tiny_spec()))
    monkeypatch.setenv("CINEVIVID_ATTENTION", asked)
    monkeypatch.setattr(attention, "TRIED", ("_native_math",))
    try:
        film = whole(tiny_engine.stream(tiny_spec()))
        backends = {str(block.attn1.processor._attention_backend.value) for block in tiny.transformer.blocks}
    finally:
        tiny.transformer.reset_attention_backend()
    if asked != "auto":
        assert backends == {asked}
    assert np.abs(film.astype(int) - plain).max() <= 1


def test_attention_that_is_not_here_is_told(tiny_engine, monkeypatch):
    monkeypatch.setenv("CINEVIVID_ATTENTION", "flash")
    with pytest.raises(EngineError, match="attention_unknown"):
        next(tiny_engine.stream(tiny_spec()))


# Loading


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), torch.OutOfMemoryError),
        (MemoryError(), MemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), RuntimeError),
        (RuntimeError("CUDA error: initialization error"), RuntimeError),
        (RuntimeError("size mismatch for blocks.0"), EngineError),
        (OSError("no such file"), EngineError),
    ],
)
def test_only_damaged_files_are_told_as_damaged(monkeypatch, error, told):
    def fail(*_):
        raise error

    monkeypatch.setattr(components, "transformer_of", fail)
    with pytest.raises(told) as caught:
        components.load(cards.NANO, device="cpu")
    assert isinstance(caught.value, EngineError) == (told is EngineError)


def test_a_cards_vae_has_its_layout_and_the_type_that_is_set(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    vae = components.for_card(tiny_components().vae, META)
    five = [p for p in vae.parameters() if p.dim() == 5 and min(p.shape[:2]) > 1 and p.shape[2] > 1]
    assert five and all(p.is_contiguous(memory_format=torch.channels_last_3d) for p in five)
    assert torch.backends.cudnn.benchmark
    cuda = torch.device("cuda")
    assert components._vae_of(cards.NANO, cuda).dtype == torch.float32
    monkeypatch.setenv("CINEVIVID_VAE", "bfloat16")
    assert components._vae_of(cards.NANO, cuda).dtype == torch.bfloat16
    assert components._vae_of(cards.NANO, torch.device("cpu")).dtype == torch.float32


def test_frames_of_a_vae_in_bfloat16_are_near(tiny):
    latents = torch.randn((1, 16, 2, 4, 4), generator=torch.Generator().manual_seed(1))
    narrow = tiny_components()
    narrow.vae.to(torch.bfloat16)
    films = []
    for models in (tiny, narrow):
        decoder = vae_stream.StreamDecoder(models)
        films.append(vae_stream.to_uint8(torch.cat([decoder.push(latents[:, :, i : i + 1]) for i in range(2)], dim=2)))
    assert np.abs(films[0].astype(int) - films[1]).max() <= 4


def test_segments_of_a_cards_memory_may_grow():
    assert "expandable_segments:True" in os.environ["PYTORCH_CUDA_ALLOC_CONF"]


@pytest.mark.parametrize("on", [True, False])
def test_the_blocks_are_compiled_where_that_is_set(monkeypatch, on):
    monkeypatch.setenv("CINEVIVID_COMPILE", "1" if on else "")
    models = components.load(cards.NANO, device="cpu")
    assert all((block._compiled_call_impl is not None) == on for block in models.transformer.blocks)


def test_text_models_have_no_rows_to_stand_in(tiny_engine):
    assert len(whole(tiny_engine.stream(tiny_spec(model=T2V)))) == 9
