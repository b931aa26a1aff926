"""Films of the large models' kinds through the product: tiny random weights stand where the large ones would."""

import numpy as np
import pytest

from apps.billing import services as billing
from apps.library.models import Generation
from tests.tools.test_inputs import API, PAGE, upload
from tests.workers.conftest import repository
from workers.actors import run_generation
from workers.engines import registry
from workers.media.probe import read_frames

pytestmark = pytest.mark.slow
IDS = {kind: f"SkyReels-V2-{kind.upper()}-14B-540P" for kind in ("t2v", "i2v", "df")}
# As little as the makers' sizes allow: 544 x 544 pixels, five frames of a window.
ASKED = {"prompt": "a swan", "ratio": "1:1", "num_frames": 5, "steps": 4, "seed": 3}


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(registry, "_engines", {})
    for kind, model in IDS.items():
        repository(tmp_path / "models" / model, kind)


@pytest.fixture
def made(transactional_db, tmp_path, ada):
    """Run the only job as a worker does; return it and its film's frames [T, H, W, 3]."""

    def run():
        job = Generation.objects.get()
        assert billing.held(ada) == job.cost > 0
        run_generation(job.queue)
        job.refresh_from_db()
        assert job.status == "succeeded", job.error
        assert (billing.held(ada), billing.balance(ada)) == (0, 100 - job.cost)
        path = tmp_path / "made.mp4"
        path.write_bytes(job.asset.file.read())
        return job, np.stack(list(read_frames(path)))

    return run


def test_a_text_model_makes_a_film_from_words(api, made):
    answer = api.post(API, ASKED | {"model_id": IDS["t2v"], "negative_prompt": "blur"}, format="json")
    assert answer.status_code == 202, answer.json()
    job, frames = made()
    assert frames.shape == (5, 544, 544, 3)
    assert (job.asset.fps, job.asset.recipe["spec"]["model"]) == (24, IDS["t2v"])


def test_an_image_model_makes_a_film_from_a_picture_on_the_page(page, made):
    answer = page.post(
        PAGE, ASKED | {"mode": "picture", "style": "realistic", "model_id": IDS["i2v"], "image": upload()}
    )
    assert answer.status_code == 302
    job, frames = made()
    assert frames.shape == (5, 544, 544, 3) and job.params["mode"] == "picture"


def test_a_diffusion_forcing_model_goes_on_over_windows_from_a_picture_to_another(api, made):
    windows = {"num_frames": 13, "base_num_frames": 9, "overlap_history": 5, "addnoise_condition": 20}
    pictures = {"image": upload(), "end_image": upload(name="end.png")}
    answer = api.post(API, ASKED | windows | pictures | {"model_id": IDS["df"]}, format="multipart")
    assert answer.status_code == 202, answer.json()
    job, frames = made()
    assert frames.shape == (13, 544, 544, 3)
    assert (job.kept_windows, job.asset.recipe["spec"]["overlap"]) == (2, "reencode")
