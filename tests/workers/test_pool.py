"""Models stay in memory as long as they fit, and are read once."""

import shutil
import threading

import pytest

from tests.workers.conftest import repository, tiny_spec
from workers.base import EngineError
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.memory.pool import Key, Limit, Pool
from workers.engines.skyreels.request.execution import Execution

MODELS = ("SkyReels-V2-DF-1.3B-540P", "SkyReels-V2-DF-14B-540P", "SkyReels-V2-T2V-14B-540P")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def on_disk(stored, tmp_path, monkeypatch):
    for model in MODELS:
        (tmp_path / model).symlink_to(stored, target_is_directory=True)
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))


def film(engine, model=MODELS[0], run=None, **values):
    return list(engine.stream(tiny_spec(**({"model": model, "steps": 1} | values)), run=run))


def test_a_second_job_reads_nothing(on_disk):
    engine = SkyReelsEngine(MODELS[0])
    film(engine)
    film(engine, prompt="a cat")
    assert engine.pool.loads == 1


def test_threads_that_ask_at_once_share_one_copy(on_disk):
    pool, got = Pool(), []
    threads = [threading.Thread(target=lambda: got.append(pool.get(MODELS[0]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.loads == 1 and len(got) == 4 and len(set(map(id, got))) == 1


def test_ways_of_running_are_copies_of_their_own(on_disk):
    pool = Pool()
    plain, turns = pool.get(Key(MODELS[0])), pool.get(Key(MODELS[0], "model"))
    assert plain is not turns and plain.turns.memory == "resident" and turns.turns.memory == "model"


def test_what_was_not_used_for_the_longest_time_is_dropped(on_disk):
    pool = Pool("2")
    first, second, third = (Key(model) for model in MODELS)
    pool.get(first)
    pool.get(second)
    pool.get(first)
    pool.get(third)
    assert [pool.has(key) for key in (first, second, third)] == [True, False, True]


def test_a_limit_may_be_in_bytes(on_disk):
    size = Pool().get(MODELS[0]).bytes
    pool = Pool(f"{2.5 * size / 1e9}GB")
    for model in MODELS:
        pool.get(model)
    assert [pool.has(Key(model)) for model in MODELS] == [False, True, True]
    small = Pool("0.000001GB")
    assert small.get(MODELS[0]) and small.has(Key(MODELS[0]))


def test_a_model_at_work_is_never_dropped(on_disk):
    pool = Pool("1")
    with pool.use(MODELS[0]) as at_work:
        pool.get(MODELS[1])
        assert pool.evict() == 1
        assert pool.get(MODELS[0]) is at_work
    assert pool.evict(MODELS[0]) == 1 and not pool.has(Key(MODELS[0]))


def test_a_film_that_is_broken_off_frees_its_model(on_disk):
    engine = SkyReelsEngine(MODELS[0])
    windows = engine.stream(tiny_spec(model=MODELS[0], steps=1, prompt="a", num_frames=13))
    next(windows)
    assert engine.pool.evict() == 0
    windows.close()
    assert engine.pool.evict() == 1


def test_what_was_put_here_stays(tiny):
    pool = Pool("1")
    pool.put("nano", tiny)
    assert pool.evict() == 0 and pool.get(Key("nano", "group")) is tiny


def test_limits_are_read_or_refused():
    assert Limit.parse("3").models == 3 and Limit.parse("60 GB").bytes == 60e9
    with pytest.raises(ValueError, match="MANY"):
        Limit.parse("many")


def test_the_way_that_was_asked_for_is_taken(on_disk):
    engine = SkyReelsEngine(MODELS[0])
    film(engine, run=Execution(memory="model"))
    assert engine.pool.has(Key(MODELS[0], "model")) and not engine.pool.has(Key(MODELS[0]))


def test_what_does_not_fit_is_refused_before_a_weight_is_read(on_disk, tmp_path, stored, monkeypatch):
    """A folder that is built as the real model is, on a machine that is far too small for it."""
    model = MODELS[1]
    (tmp_path / model).unlink()
    shutil.copytree(stored, tmp_path / model)
    config = tmp_path / model / "transformer" / "config.json"
    layers = planner.figures()[model].blocks
    config.write_text(config.read_text().replace('"num_layers": 2', f'"num_layers": {layers}'))
    monkeypatch.setenv("CINEVIVID_DEVICE_GB", "8")
    engine = SkyReelsEngine(model)
    with pytest.raises(EngineError) as caught:
        film(engine, model=model, width=960, height=544, num_frames=97, base_num_frames=97)
    assert caught.value.code == "memory_short" and engine.pool.loads == 0
