"""What people bring is verified, and named so that nobody can look it up."""

import hashlib

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from apps.library import uploads
from apps.library.models import Asset
from apps.tools.fields import AssetField
from apps.tools.registry import ToolForm
from tests.media import encoded, quarters, sound

PICTURE = encoded(quarters())


def upload(data=PICTURE, name="start.png"):
    return SimpleUploadedFile(name, data)


class VoiceForm(ToolForm):
    voice = AssetField("audio")
    pitch = forms.IntegerField(required=False)


@pytest.fixture
def voice(tmp_path):
    return upload(sound(tmp_path / "voice.mp3", "libmp3lame", seconds=1, title="my kitchen").read_bytes(), "voice.mp3")


def test_a_form_stores_no_sound_itself(ada, voice, stored):
    form = VoiceForm({}, {"voice": voice}, user=ada)
    assert form.is_valid() and form.params["voice"].staged and not Asset.objects.exists() and stored() == []


def test_a_sound_is_kept_and_offered_again(ada, voice):
    asset = uploads.keep(ada, "audio", voice)
    voice.seek(0)
    form = VoiceForm({}, {"voice": voice}, user=ada)
    assert form.is_valid(), form.errors
    assert form.params["voice"] == str(asset.pk), "the same file again is the asset that is there"
    assert (asset.kind, asset.name, asset.width, asset.poster.name) == ("audio", "voice.mp3", 0, "")
    assert asset.seconds == pytest.approx(1, abs=0.1) and asset.bytes == asset.file.size
    assert b"my kitchen" not in asset.file.read()
    html = str(VoiceForm({"voice": str(asset.pk)}, user=ada)["voice"])
    assert "voice.mp3" in html and "1.0 s" in html and "0 × 0" not in html and 'accept="audio/*,video/*"' in html
    assert "Drop your sound here" in html


def test_a_sound_is_kept_with_its_waveform(page, ada, voice):
    asset = uploads.keep(ada, "audio", voice)
    with Image.open(asset.strip.file) as wave:
        assert (wave.format, wave.size, wave.mode) == ("WEBP", (960, 180), "RGBA")
    assert asset.stored_bytes == asset.file.size + asset.strip.size
    assert f'class="sound__wave" src="{asset.strip_url}"' in page.get("/home/my-library/uploads").content.decode()


def test_a_file_that_is_no_sound_is_refused_on_its_field(ada):
    form = VoiceForm({}, {"voice": upload(b"no sound", "voice.mp3")}, user=ada)
    assert "no sound, or it is damaged" in form.errors["voice"][0] and not Asset.objects.exists()


def test_a_draft_keeps_no_sound(ada, voice):
    assert VoiceForm({}, {"voice": voice}, user=ada, draft=True).is_valid() and not Asset.objects.exists()


def test_a_sound_is_shown_among_the_uploads(page, ada, voice):
    asset = uploads.keep(ada, "audio", voice)
    html = page.get("/home/my-library/uploads").content.decode()
    assert f'<audio class="sound__player" src="{asset.file_url}" controls' in html and "0 × 0" not in html


def test_a_recipe_does_not_name_the_file_that_was_brought(ada):
    asset = uploads.keep(ada, "image", upload())
    assert asset.recipe["upload"] != hashlib.sha256(PICTURE).hexdigest()
    assert uploads.keep(ada, "image", upload(name="again.png")) == asset


def test_a_file_that_was_brought_before_names_were_keyed_is_known_again(ada):
    asset = uploads.keep(ada, "image", upload())
    asset.recipe["upload"] = hashlib.sha256(PICTURE).hexdigest()
    asset.save()
    assert uploads.keep(ada, "image", upload()) == asset


def test_another_studio_names_the_same_file_otherwise(ada, settings):
    first = uploads.look("image", upload()).recipe["upload"]
    settings.SECRET_KEY = "another"
    assert uploads.look("image", upload()).recipe["upload"] != first
