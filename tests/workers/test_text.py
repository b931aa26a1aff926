"""Prompts that were read once are known, also to the next process."""

import os

import pytest
import torch

from tests.workers.test_pool import MODELS, film, on_disk, stored  # noqa: F401
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.sampler.text import Shelf, TextEncoder


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("CINEVIVID_TEXT_CACHE", str(tmp_path / "texts"))
    return Shelf.of_environment()


def test_a_prompt_that_another_worker_has_read_is_not_read_again(tiny, shelf):
    first, second = TextEncoder(), TextEncoder()
    made = first(tiny, "a swan")
    assert torch.equal(second(tiny, "a  swan"), made)
    assert (first.forwards, second.forwards) == (1, 0)


def test_another_model_has_embeddings_of_its_own(tiny, shelf):
    from tests.workers.conftest import tiny_components

    TextEncoder()(tiny, "a swan")
    other = TextEncoder()
    other(tiny_components(seed=1), "a swan")
    assert other.forwards == 1


def test_a_worker_that_knows_its_prompts_never_loads_the_text_encoder(on_disk, shelf):  # noqa: F811
    film(SkyReelsEngine(MODELS[0]))
    engine = SkyReelsEngine(MODELS[0])
    film(engine)
    assert "text_encoder" not in engine.pool.get(MODELS[0]).turns.parts
    film(engine, prompt="something new")
    assert "text_encoder" in engine.pool.get(MODELS[0]).turns.parts


def test_without_a_folder_nothing_is_written(tiny):
    assert TextEncoder().shelf is None


def test_a_damaged_file_is_as_if_it_were_not_there(shelf):
    shelf.put(("a",), torch.ones(1, 2, 3))
    (file,) = shelf.folder.iterdir()
    file.write_bytes(b"half")
    assert shelf.get(("a",)) is None and not file.exists()


def test_the_folder_stays_under_its_limit_and_the_oldest_go(shelf):
    shelf.limit = 3 * 500
    for i, name in enumerate("abc"):
        shelf.put((name,), torch.ones(1, 10, 10))
        os.utime(shelf._path((name,)), (i + 1, i + 1))
    assert shelf.get(("a",)) is not None  # used again, so it is not the oldest
    shelf.put(("d",), torch.ones(1, 10, 10))
    assert shelf.get(("a",)) is not None and shelf.get(("b",)) is None
    assert len(list(shelf.folder.iterdir())) == 3


def test_a_full_disk_costs_no_job(tiny, tmp_path):
    encoder = TextEncoder()
    (tmp_path / "file").write_text("")
    encoder.shelf = Shelf(tmp_path / "file" / "texts", 100)
    assert encoder(tiny, "a swan").shape == (1, 16, 32)
