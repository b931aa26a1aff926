"""Who is on a plan with the watermark sees it on all that they get; what tools begin with never has it."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from apps.library import keeper, storage
from apps.library.keeper import GRACE
from apps.library.models import Asset, Generation
from apps.library.uploads import keep_last_frame
from apps.privacy import export
from apps.tools import registry, services
from tests.factories import AssetFactory
from tests.library.test_files import read
from tests.media import film
from tests.plans import put_on
from tests.watermark import is_marked
from workers import actors
from workers.actors import run_generation
from workers.media.facts import sha256
from workers.media.probe import read_frames

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _payments(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_x"


@pytest.fixture
def clip(ada, tmp_path):
    """A film of 27 frames in ada's library: a light square moves over dark ground."""
    frames = []
    for i in range(27):
        frame = np.full((32, 48, 3), 40, np.uint8)
        frame[8:24, i : i + 12] = 220
        frames.append(frame)
    data = film(tmp_path / "clip.mp4", frames, rate=8).read_bytes()
    facts = {"width": 48, "height": 32, "frames": 27, "fps": 8, "seconds": 27 / 8}
    return AssetFactory(
        generation=None, user=ada, recipe={"name": "a square"}, file=ContentFile(data, "film.mp4"), **facts
    )


def enlarge(user, source, factor=4):
    tool = registry.get("upscale")
    form = tool.form_class({"source": str(source.pk), "factor": str(factor)}, user=user)
    assert form.is_valid(), form.errors
    return services.submit(user, tool, form.params)


def run(job):
    run_generation(job.queue)
    job = Generation.objects.get(pk=job.pk)
    assert (job.status, job.error) == ("succeeded", "")
    return job


def frames_of(answer, tmp_path, *more):
    path = tmp_path / "got.mp4"
    path.write_bytes(read(answer) + b"".join(map(read, more)))
    return list(read_frames(path))


def live(page, job, tmp_path):
    """What a player shows of the live stream."""
    names = [name for name in page.get(job.live_url).content.decode().split() if name.endswith(".m4s")]
    parts = [page.get(job.live_url.replace("index.m3u8", name)) for name in ("init.mp4", *names)]
    assert len(parts) == 3
    return frames_of(parts[0], tmp_path, *parts[1:])


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_all_that_a_free_account_gets_has_it_and_what_tools_begin_with_has_not(page, api, ada, clip, tmp_path):
    job = run(enlarge(ada, clip))
    asset = job.asset
    assert job.watermark and (asset.width, asset.height) == (192, 128)
    shown = page.get(asset.file_url)
    assert shown["Cache-Control"] == "private, no-cache", "another plan shows another file under this address"
    frames = frames_of(shown, tmp_path)
    assert len(frames) == 27 and all(map(is_marked, frames)), "the download"
    assert all(map(is_marked, live(page, job, tmp_path))), "the live stream"
    for part in ("poster", "strip"):
        assert asset.marked[part] != getattr(asset, part).name
    assert is_marked(picture(read(page.get(asset.poster_url))))
    frames_of(page.get(asset.file_url), tmp_path)
    told = api.get(f"/api/v1/generations/{job.pk}/").data["assets"][0]
    assert (told["sha256"], told["bytes"]) == (sha256(tmp_path / "got.mp4"), (tmp_path / "got.mp4").stat().st_size)
    answer = api.post("/api/v1/generations/zip/", {"ids": [str(job.pk)]}, format="json")
    with zipfile.ZipFile(io.BytesIO(read(answer))) as archive:
        assert archive.read(job.asset.download_name) == (tmp_path / "got.mp4").read_bytes()
    assert [medium.file.name for medium in export.media(ada) if str(asset.pk) in medium.file.name] == [
        asset.marked["file"]
    ]
    assert asset.stored_bytes == sum(each.size for each in (asset.file, asset.poster, asset.strip))

    again = enlarge(ada, asset, 2)
    brought = actors.bring(again, tmp_path / "brought")["source"][0]
    assert not any(map(is_marked, read_frames(brought))), "the input of another tool"
    assert sha256(brought) == asset.sha256


def test_who_upgrades_gets_the_clean_film_at_once_and_who_leaves_the_plan_the_marked_one(page, ada, clip, tmp_path):
    job = run(enlarge(ada, clip))
    before = page.get(job.asset.file_url)
    put_on(ada, "pro")
    after = page.get(job.asset.file_url, HTTP_IF_NONE_MATCH=before["ETag"])
    assert after.status_code == 200 and not any(map(is_marked, frames_of(after, tmp_path)))
    assert sha256(tmp_path / "got.mp4") == job.asset.sha256
    assert not any(map(is_marked, live(page, job, tmp_path)))
    put_on(ada, "free")
    assert all(map(is_marked, frames_of(page.get(job.asset.file_url), tmp_path)))
    assert page.get(job.asset.file_url, HTTP_IF_NONE_MATCH=before["ETag"]).status_code == 304


def test_a_plan_that_changes_while_a_film_is_made_counts_for_what_is_shown(page, ada, clip, tmp_path, monkeypatch):
    """Free when it was started: both are made, whatever follows."""
    seen = []
    keep = actors.StorageKeeper.keep

    def keep_and_look(keeper, folder, kept):
        keep(keeper, folder, kept)
        job = Generation.objects.get(pk=keeper.job.pk)
        parts = [page.get(job.live_url.replace("index.m3u8", name)) for name in ("init.mp4", "0000.m4s")]
        seen.append(all(map(is_marked, frames_of(parts[0], tmp_path, parts[1]))))
        put_on(ada, "pro")

    monkeypatch.setattr(actors.StorageKeeper, "keep", keep_and_look)
    job = run(enlarge(ada, clip))
    assert seen == [True, False], "the same stream, before and after the upgrade"
    assert not any(map(is_marked, frames_of(page.get(job.asset.file_url), tmp_path)))
    assert job.asset.marked["file"], "for the day on which the plan ends"


def test_what_was_paid_for_without_it_stays_without_it(page, ada, clip, tmp_path):
    put_on(ada, "pro")
    job = enlarge(ada, clip)
    put_on(ada, "free")
    job = run(job)
    assert not job.watermark and job.asset.marked == {}
    assert not any(map(is_marked, frames_of(page.get(job.asset.file_url), tmp_path)))


def test_without_payments_nothing_has_it(page, ada, clip, tmp_path, settings):
    settings.STRIPE_SECRET_KEY = ""
    job = run(enlarge(ada, clip))
    assert not job.watermark and job.asset.marked == {}
    answer = page.get(job.asset.file_url)
    assert answer["Cache-Control"] == "private, max-age=3600"
    assert not any(map(is_marked, frames_of(answer, tmp_path)))


def test_a_picture_has_it_as_well(page, ada):
    out = io.BytesIO()
    Image.fromarray(np.full((40, 64, 3), 90, np.uint8)).save(out, "PNG")
    facts = {"kind": "image", "width": 64, "height": 40, "frames": 0, "fps": 0, "seconds": 0}
    facts |= {"generation": None, "recipe": {}, "file": ContentFile(out.getvalue(), "picture.png")}
    source = AssetFactory(user=ada, **facts)
    job = run(enlarge(ada, source, 2))
    assert is_marked(picture(read(page.get(job.asset.file_url)))) and is_marked(
        picture(read(page.get(job.asset.poster_url)))
    )
    put_on(ada, "pro")
    assert not is_marked(picture(read(page.get(job.asset.file_url))))


def test_a_frame_that_is_kept_of_a_film_has_it_and_begins_the_next_one_without_it(page, ada, clip, tmp_path):
    job = run(enlarge(ada, clip))
    kept = keep_last_frame(job.asset)
    assert is_marked(picture(read(page.get(kept.file_url))))
    with kept.file.open() as clean:
        assert not is_marked(picture(clean.read()))


def test_a_worker_that_is_lost_leaves_both_films_to_the_next(page, ada, clip, tmp_path, monkeypatch):
    class Lost(BaseException):
        """The machine is gone."""

    keep = actors.StorageKeeper.keep

    def keep_and_die(keeper, folder, kept):
        keep(keeper, folder, kept)
        if keeper.job.attempt == 1:
            raise Lost

    monkeypatch.setattr(actors.StorageKeeper, "keep", keep_and_die)
    job = enlarge(ada, clip)
    with pytest.raises(Lost):
        run_generation(job.queue)
    job.refresh_from_db()
    services.retry(job, services.StudioError(code="worker_lost"))
    job = run(job)
    assert (job.attempt, job.kept_windows) == (2, 2)
    frames = frames_of(page.get(job.asset.file_url), tmp_path)
    assert len(frames) == 27 and all(map(is_marked, frames))


def test_what_the_player_may_still_ask_for_goes_with_the_rest(page, ada, clip, stored):
    job = run(enlarge(ada, clip))
    keeper.remove(job)
    left = [name for name in stored() if name.startswith("live/")]
    assert {Path(name).parent.as_posix() for name in left} == {
        f"live/{job.pk}/1/hls",
        f"live/{job.pk}/1/marked/hls",
    }
    Generation.objects.filter(pk=job.pk).update(finished_at=timezone.now() - GRACE - timedelta(seconds=1))
    keeper.remove_ended()
    assert not [name for name in stored() if name.startswith("live/")]
    services.delete(job)
    storage.purge(Generation.objects.filter(pk=job.pk))
    assert not [name for name in stored() if str(job.asset.pk) in name]
    assert Asset.objects.get(pk=job.asset.pk).marked == {}
