"""Files through the API: uploaded, listed, read and deleted by their owner only."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.library.models import Asset
from tests.factories import AssetFactory, GenerationFactory
from tests.media import encoded, film, quarters, sound

URL = "/api/v1/assets/"


def files(tmp_path):
    """A file of each kind; the name says nothing about it."""
    shades = [quarters(64, 96)] * 8
    return {
        "image": encoded(quarters()),
        "video": film(tmp_path / "clip.mp4", shades, rate=8).read_bytes(),
        "audio": sound(tmp_path / "voice.mp3", "libmp3lame", seconds=1).read_bytes(),
    }


def send(api, data, name="thing.bin", **more):
    return api.post(URL, {"file": SimpleUploadedFile(name, data)} | more, format="multipart")


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_an_upload_is_kept_as_what_it_is(api, ada, tmp_path, kind):
    answer = send(api, files(tmp_path)[kind])
    assert answer.status_code == 201, answer.json()
    told, asset = answer.json(), Asset.objects.get(user=ada)
    assert (told["id"], told["kind"], told["generation"], told["name"]) == (str(asset.pk), kind, None, "thing.bin")
    assert answer["Location"].endswith(f"{URL}{asset.pk}/")
    assert api.get(answer["Location"]).json() == told
    assert api.get(told["url"]).status_code == 200
    assert asset.file.size == told["bytes"] == asset.bytes > 0
    assert (told["width"] > 0, bool(told["poster_url"])) == (kind != "audio", kind != "audio")


def test_the_same_file_again_is_the_same_asset(api, tmp_path):
    picture = files(tmp_path)["image"]
    assert len({send(api, picture).json()["id"] for _ in range(2)}) == 1


def test_a_film_may_be_kept_for_its_sound(api, tmp_path):
    spoken = sound(tmp_path / "voice.m4a", "aac", seconds=1).read_bytes()
    assert send(api, spoken, "voice.mp4", kind="audio").json()["kind"] == "audio"


def test_an_uploaded_picture_is_what_a_film_begins_with(api, tmp_path):
    picture = send(api, files(tmp_path)["image"]).json()["id"]
    job = api.post("/api/v1/tools/to-video/", {"prompt": "a swan", "image": picture}, format="json").json()
    assert job["inputs"] == [{"name": "image", "position": 0, "asset": picture, "source": None}]


@pytest.mark.parametrize(
    ("data", "more", "field", "sentence"),
    [
        (b"words", {}, "file", "no picture, video or sound that is known here"),
        (b"#EXTM3U\nhttp://example.org/a.ts\n", {}, "file", "no picture, video or sound that is known here"),
        (encoded(quarters(8, 8)), {}, "file", "at least 32 pixels"),
        (encoded(quarters()), {"kind": "video"}, "file", "video"),
        (encoded(quarters()), {"kind": "model"}, "kind", "model"),
        (b"", {}, "file", "empty"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(api, data, more, field, sentence):
    answer = send(api, data, **more)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert sentence in answer.json()["errors"][field][0] and not Asset.objects.exists()


def test_only_a_form_with_a_file_is_taken(api):
    assert api.post(URL, {"file": "x"}, format="json").json()["code"] == "unsupported_media_type"
    assert "file" in api.post(URL, {}, format="multipart").json()["errors"]


def test_the_list_has_what_was_made_and_what_was_brought(api, ada, ben, tmp_path):
    made = AssetFactory(generation__user=ada)
    brought = send(api, files(tmp_path)["image"]).json()
    AssetFactory(generation__user=ben)
    AssetFactory(generation=GenerationFactory(user=ada), user=ada, file="")
    told = api.get(URL).json()["results"]
    assert [it["id"] for it in told] == [brought["id"], str(made.pk)]
    assert (told[1]["name"], told[1]["generation"]) == (made.generation.title, str(made.generation_id))
    assert [it["id"] for it in api.get(f"{URL}?kind=video").json()["results"]] == [str(made.pk)]
    assert api.get(f"{URL}?kind=smell").status_code == 422


def test_a_long_list_comes_in_pages_with_as_few_questions(api, ada, django_assert_max_num_queries):
    for _ in range(7):
        AssetFactory(generation__user=ada, generation__cost=1)
    with django_assert_max_num_queries(4):
        first = api.get(f"{URL}?page_size=5").json()
    rest = api.get(first["next"]).json()
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (5, 2, None)


def test_an_upload_goes_to_the_trash(api, tmp_path):
    asset = send(api, files(tmp_path)["image"]).json()
    assert api.delete(f"{URL}{asset['id']}/").status_code == 204
    assert api.get(f"{URL}{asset['id']}/").status_code == api.get(asset["url"]).status_code == 404
    assert Asset.objects.get().deleted_at is not None
    assert api.delete(f"{URL}{asset['id']}/").status_code == 404


def test_what_a_job_made_goes_with_its_job(api, ada):
    asset = AssetFactory(generation__user=ada)
    answer = api.delete(f"{URL}{asset.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "asset_of_job")
    assert answer.json()["generation"] == str(asset.generation_id)
    assert api.delete(f"/api/v1/generations/{asset.generation_id}/").status_code == 204
    assert api.get(f"{URL}{asset.pk}/").status_code == 404


def test_a_strangers_file_is_not_there(api, ben):
    his = AssetFactory(generation=None, user=ben, recipe={})
    for answer in (api.get(f"{URL}{his.pk}/"), api.delete(f"{URL}{his.pk}/")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert Asset.objects.get().deleted_at is None
