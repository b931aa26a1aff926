"""A sound in the library is played on its card, on its page and among the uploads."""

import pytest

from tests.e2e.test_main_job import at_rest, until
from tests.media import sound

pytestmark = [pytest.mark.browser, pytest.mark.look]
MAKE = """
import sys
from pathlib import Path
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from apps.accounts.models import User
from apps.library import uploads
from apps.library.models import Asset, Generation
user = User.objects.get(email="ear@example.org")
data = Path("{path}").read_bytes()
ended = dict(status="succeeded", finished_at=timezone.now())
job = Generation.objects.create(user=user, tool="to-video", title="a bell", **ended)
Asset.objects.create(user=user, generation=job, kind="audio", seconds=1.0, file=ContentFile(data, "bell.mp3"))
uploads.keep(user, "audio", SimpleUploadedFile("voice.mp3", data))
print(job.get_absolute_url())
"""


def test_a_sound_can_be_played_wherever_it_is_shown(open_page, site, tmp_path):
    page = open_page("ear@example.org", "/home/my-library")
    path = sound(tmp_path / "bell.mp3", "libmp3lame", seconds=1)
    (address,) = site.shell(MAKE.format(path=path)).split()
    for place in ("/home/my-library", address, "/home/my-library/uploads"):
        page.goto(f"{site.url}{place}")
        player, play = page.locator("audio"), page.get_by_role("button", name="Play")
        play.scroll_into_view_if_needed()
        assert at_rest(page.locator("[data-bar]"))["width"] > 180, f"too narrow for its buttons on {place}"
        player.evaluate("audio => (audio.muted = true)")
        play.click()  # Playwright refuses where something lies over it
        until(page, lambda: page.locator("audio").evaluate("audio => audio.currentTime") > 0)
        assert 0.9 < player.evaluate("audio => audio.duration") < 1.2
