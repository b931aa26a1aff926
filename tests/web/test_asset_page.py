"""One pattern for what has been made: the picture at full height, and beside it how it was made."""

from django.core.files.base import ContentFile

from apps.library.models import GenerationInput
from tests.factories import AssetFactory, GenerationFactory


def html_of(page, job):
    return page.get(job.get_absolute_url()).content.decode()


def test_a_film_names_its_model_once_and_folds_its_hash_away(page, ada):
    asset = AssetFactory(generation__user=ada, generation__engine="nano", generation__params={"model_id": "nano"})
    html = html_of(page, asset.generation)
    assert html.count("<dt>Model</dt>") == 1
    details = html[html.index('<details class="recipe">') :]
    assert asset.sha256 in details and html.count("SHA-256") == details.count("SHA-256") == 1
    assert '<template id="player-controls">' in html and " controls " in html


def test_what_was_made_larger_stands_there_once_beside_what_it_was(page, ada):
    film = AssetFactory(generation__user=ada)
    larger = AssetFactory(generation__user=ada, generation__tool="upscale", width=128, height=128)
    GenerationInput.objects.create(generation=larger.generation, name="source", asset=film)
    html = html_of(page, larger.generation)
    stage = html[html.index('class="asset__stage"') : html.index('class="asset__side"')]
    assert stage.count(f'src="{larger.file_url}"') == stage.count(f'src="{film.file_url}"') == 1
    assert "data-compare" in stage and "data-clip" not in stage


def test_a_sound_has_its_waveform_and_a_picture_can_be_looked_at_closely(page, ada):
    sound = AssetFactory(generation__user=ada, kind="audio", strip=ContentFile(b"wave", "wave.webp"), poster="")
    html = html_of(page, sound.generation)
    assert f'<img class="sound__wave" src="{sound.strip_url}"' in html and 'data-length="2.6"' in html
    picture = AssetFactory(generation__user=ada, kind="image")
    html = html_of(page, picture.generation)
    assert '<template id="zoom-controls">' in html and "js/zoom" in html


def test_its_neighbours_are_reached_by_the_arrow_keys(page, ada):
    first, second, third = (
        AssetFactory(generation=GenerationFactory(user=ada, status="succeeded", finished_at="2026-01-01T00:00Z"))
        for _ in range(3)
    )
    html = html_of(page, second.generation)
    assert f'href="{third.generation.get_absolute_url()}" rel="prev" data-key="ArrowLeft"' in html
    assert f'href="{first.generation.get_absolute_url()}" rel="next" data-key="ArrowRight"' in html


def test_the_player_is_small(settings):
    files = [settings.BASE_DIR / "static" / "js" / name for name in ("player.js", "zoom.js")]
    assert sum(path.stat().st_size for path in files) < 25_000


def test_settings_are_called_as_the_form_calls_them_and_said_once(page, ada):
    params = {"style": "cinematic", "finish": 4, "num_frames": 21, "fps": 12}
    html = html_of(page, AssetFactory(generation__user=ada, generation__params=params).generation)
    told = " ".join(html[html.index("<h2>Settings</h2>") :].split())
    assert ">Cinematic<" in told and ">× 4<" in told and "Frame rate" in told
    assert "<dt>Frames</dt>" not in told and "21 frames" in html
