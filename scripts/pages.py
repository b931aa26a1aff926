"""Every page of the site in the states that it can be in, on a studio that has been filled with real work.

Pages are found from the URL configuration. `make screenshots` takes their pictures, and the browser tests look for
what keeps people out of them.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scripts.studio import Studio

FULL, NEW, STAFF = "maya@example.org", "nils@example.org", "olga@example.org"
NOBODY = "00000000-0000-4000-8000-000000000000"
PROMPTS = (
    "a red heart moves right in the night sky",
    "a yellow star moves up at sunset",
    "a cyan ring orbits in the blue sky",
)
SPOKEN = "Every film begins with a voice. Close your eyes, and listen to the rain. Somebody is coming home."
SAID = "A red heart moves to the right."
LONG = {"prompt": "a white square bounces over a meadow", "num_frames": 401, "steps": 40, "seed": 3}


@dataclass(frozen=True, slots=True)
class Page:
    """A page in one state: the name of its address, the state, who looks, the path, and what they do there."""

    name: str
    state: str
    who: str | None
    path: str
    act: Callable[[Any], None] | None = None

    @property
    def file(self) -> str:
        """Its name, fit for a file."""
        return f"{self.name.replace(':', '-').replace('_', '-')}-{self.state.replace(' ', '-')}"


class UnknownPage(Exception):
    """A page of the URL configuration has no rule here."""


@dataclass
class World:
    """What has been made on a studio, by name, and a way to ask for more.

    `quick` makes the fewest and shortest films that show every state.
    """

    studio: Studio
    request: Any  # Playwright's, of a context without cookies
    quick: bool = False
    ids: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def fill(self) -> "World":
        """Make three people and, for one of them, films, uploads, an enlargement, jobs that ended badly, and trash."""
        told = self.studio.shell(PEOPLE)
        self.token = json.loads(told)["token"]
        self.links = json.loads(told)["links"]
        self.ids["people"] = self.upload("Two.mp4", people())
        usual = {"num_frames": 17, "steps": 6} if self.quick else {"num_frames": 33}
        prompts = PROMPTS[:1] if self.quick else PROMPTS
        films = [self.order(**usual, prompt=prompt, seed=1, finish="" if self.quick else 4) for prompt in prompts]
        self.ids["picture"] = self.upload("Boat.png", picture())
        self.upload("Sea.wav", wave())
        # While a long film is made: one that loses what it begins with, and one that nobody wants any more.
        thrown = self.order(**LONG)
        lost = self.upload("Lost.png", picture(90))
        failed = self.order(prompt="a blue circle moves left", image=lost, **usual)
        self.call("delete", f"assets/{lost}/")
        cancelled = self.order(prompt="a green star grows on a black background", **usual)
        self.call("post", f"generations/{cancelled}/cancel/")
        self.call("post", f"generations/{thrown}/cancel/")
        self.call("delete", f"generations/{thrown}/")
        enlarged = self.order("upscale", source=self.ids["picture"], factor=2)
        images = self.order("text2image", prompt="a red star in the night sky", count=2 if self.quick else 4, seed=1)
        batch = self.order("text2image", prompt="a {red|blue|green} {star|heart} at sunset", batch=[{"quality": 30}])
        for job in (*films, enlarged, failed, images):
            self.wait(job)
        while self.call("get", f"groups/{batch}/")["active"]:
            time.sleep(0.25)
        prompt = self.order("prompt", prompt="a swan glides over a lake", seed=7)
        self.wait(prompt)
        voiceover = self.order("voiceover", text=SPOKEN, voice="skylark")
        film = self.call("get", f"generations/{films[0]}/")["assets"][0]["id"]
        heard = {"voiceover_text": SAID, "voiceover_voice": "skylark", "voiceover_fit": "run_on", "music": "calm"}
        spoken = self.order("upscale", source=film, factor=2, **heard)
        for job in (voiceover, spoken):
            self.wait(job)
        self.ids |= {"voiceover": voiceover, "spoken": spoken}
        self.ids |= {"film": films[0], "failed": failed, "cancelled": cancelled, "enlarged": enlarged, "prompt": prompt}
        self.ids |= {"images": images, "batch": batch}
        looks = {"name": "Golden hour", "words": "golden hour, long shadows", "negative": "text"}
        preset = self.call("post", "presets/", {**looks, "tool": "text2image", "params": {"style": "cinematic"}})
        self.ids["preset"] = str(preset["id"])
        self.ids["asset"] = self.call("get", f"generations/{films[0]}/")["assets"][0]["id"]
        if not self.quick:
            self.call("delete", f"generations/{films.pop()}/")
        return self

    def begin(self) -> None:
        """Start a long film, and one that waits for it."""
        self.ids["running"] = self.order(**LONG)
        self.ids["queued"] = self.order(prompt="a purple square moves left over the city", num_frames=33)
        self.wait(self.ids["running"], ("running",))
        while not self.quick and not self.call("get", f"generations/{self.ids['running']}/")["kept"]:
            time.sleep(0.5)

    def end(self) -> None:
        """Cancel what `begin` has started."""
        for name in ("queued", "running"):
            if name in self.ids:
                self.call("post", f"generations/{self.ids[name]}/cancel/")

    def order(self, tool: str = "to-video", **params: Any) -> str:
        """Order a job, as soon as one more may wait."""
        while True:
            answer = self.request.post(self._address(f"tools/{tool}/"), headers=self._headers, data=params)
            if answer.ok or answer.json().get("code") != "too_many_jobs":
                return str(self._answer(answer)["id"])
            time.sleep(0.25)

    def upload(self, name: str, content: bytes) -> str:
        kind = {"wav": "audio/wav", "mp4": "video/mp4", "png": "image/png"}[name.rpartition(".")[2]]
        parts = {"file": {"name": name, "mimeType": kind, "buffer": content}}
        return str(
            self._answer(self.request.post(self._address("assets/"), headers=self._headers, multipart=parts))["id"]
        )

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = {} if body is None else {"data": dict(body)}
        return self._answer(getattr(self.request, method)(self._address(path), headers=self._headers, **data))

    def wait(self, job: str, states: tuple[str, ...] = ("succeeded", "failed", "cancelled")) -> None:
        for _ in range(1200):
            if self.call("get", f"generations/{job}/")["status"] in states:
                return
            time.sleep(0.25)
        raise TimeoutError(f"Job {job} did not become {' or '.join(states)}.\n{self.studio.log('web')}")

    def _answer(self, answer: Any) -> dict[str, Any]:
        assert answer.ok, (answer.url, answer.status, answer.text())
        return dict(answer.json()) if answer.body() else {}

    def _address(self, path: str) -> str:
        return f"{self.studio.url}/api/v1/{path}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def sign_in(self, page: Any, who: str) -> None:
        """Sign a browser in with the link of `who`, which works once."""
        page.goto(self.links.pop(who))
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda address: "/accounts/link/" not in address)


PEOPLE = f"""
import json
from django.conf import settings
from apps.accounts.links import sign_in_url
from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
people = {{}}
for email, name in (({FULL!r}, "Maya"), ({NEW!r}, "Nils"), ({STAFF!r}, "Olga")):
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, name=name)
    user.emailaddress_set.get_or_create(email=email, defaults={{"verified": True, "primary": True}})
    billing.grant(user, settings.FREE_CREDITS, f"welcome:{{user.pk}}")
    people[email] = user
billing.grant(people[{FULL!r}], 2000, "screenshots")
people[{FULL!r}].set_password("a wall of small clips")
people[{FULL!r}].save()
User.objects.filter(email={STAFF!r}).update(is_staff=True, is_superuser=True)
people[{STAFF!r}].refresh_from_db()
links = {{email: sign_in_url(user) for email, user in people.items()}}
print(json.dumps({{"token": ApiToken.objects.issue(people[{FULL!r}], "Studio script")[1], "links": links}}))
"""


def picture(shade: int = 30) -> bytes:
    """Return a boat on the sea, 384 × 256, as PNG. Another shade is another file."""
    pixels = np.zeros((256, 384, 3), np.uint8)
    pixels[:150] = np.linspace((250, 190, 120), (255, 225, 170), 150).astype(np.uint8)[:, None]
    pixels[150:] = (40, 90, 160)
    for row in range(130, 170):
        inset = abs(row - 130) // 2
        pixels[row, 130 + inset : 250 - inset] = (200, shade, 40)
    for row in range(60, 128):
        pixels[row, 188 : 190 + (row - 60) // 2] = (250, 250, 245)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def people() -> bytes:
    """Return a clip of two people side by side, 320 x 240, as MP4."""
    from scripts import faces
    from workers.media import film

    poses = (faces.Pose(85, 110, 90), faces.Pose(235, 110, 90))
    scene = faces.Scene((faces.PEOPLE["mara"], faces.PEOPLE["jonas"]), poses, 0.4)
    made = faces.Clip((scene,), 320, 240)
    with tempfile.TemporaryDirectory() as folder:
        film.write(path := Path(folder) / "two.mp4", made.read(), made.width, made.height, made.fps)
        return path.read_bytes()


def wave(seconds: float = 2.0, rate: int = 16_000) -> bytes:
    """Return a sound that swells and fades, as WAV."""
    times = np.arange(int(seconds * rate)) / rate
    samples = (np.sin(times * 2 * np.pi * 220) * np.sin(times / seconds * np.pi) * 20_000).astype("<i2").tobytes()
    head = b"fmt " + (16).to_bytes(4, "little") + (1).to_bytes(2, "little") + (1).to_bytes(2, "little")
    head += rate.to_bytes(4, "little") + (rate * 2).to_bytes(4, "little") + b"\x02\0\x10\0"
    body = b"WAVE" + head + b"data" + len(samples).to_bytes(4, "little") + samples
    return b"RIFF" + len(body).to_bytes(4, "little") + body


# --- the rules


def _wrong_sign_in(page: Any) -> None:
    page.locator("main [name=login]").fill(FULL)
    page.locator("main [name=password]").fill("not my password")
    with page.expect_navigation():
        page.locator("main form button[type=submit]").first.click()


def _wrong_sign_up(page: Any) -> None:
    page.locator("main [name=email]").fill("somebody@example.org")
    page.locator("main [name=password1]").fill("short")
    with page.expect_navigation():
        page.locator("main form button[type=submit]").first.click()


def _no_prompt(page: Any) -> None:
    with page.expect_navigation():
        page.locator("#panel").evaluate("form => form.submit()")  # as without scripts: the page comes back whole


def _faces(page: Any) -> None:
    page.locator(".faces input").nth(1).check()


# Rules: (state, who, arguments of the address or a query, what they do). None is no page: it takes POST only, sends
# on to another page, or is a file.
Rule = tuple[str, str | None, str, Callable[[Any], None] | None]
NO_PAGE = None
RULES: dict[str, list[Rule] | None] = {
    "landing": [("visitor", None, "", None), ("signed in", FULL, "", None)],
    "docs": [("visitor", None, "", None)],
    "docs_chapter": [("tool", None, "tools/to-video", None), ("group", None, "generations", None)],
    "licence": NO_PAGE,
    "robots": NO_PAGE,
    "sitemap": NO_PAGE,
    "manifest": NO_PAGE,
    "account_login": [("visitor", None, "", None), ("error", None, "", _wrong_sign_in)],
    "account_signup": [("visitor", None, "", None), ("error", None, "", _wrong_sign_up)],
    "account_logout": [("full", FULL, "", None)],
    "account_inactive": [("visitor", None, "", None)],
    "account_reauthenticate": [("full", FULL, "", None)],
    "account_email": [("full", FULL, "", None)],
    "account_email_verification_sent": [("visitor", None, "", None)],
    "account_waiting": NO_PAGE,  # sends on as soon as the address is confirmed
    "account_change_password": [("full", FULL, "", None)],
    "account_set_password": [("full", NEW, "", None)],  # of who has none yet
    "account_reset_password": [("visitor", None, "", None)],
    "account_reset_password_done": [("visitor", None, "", None)],
    "account_reset_password_from_key": [("error", None, "1-no-such-key", None)],
    "account_reset_password_from_key_done": [("visitor", None, "", None)],
    "account_confirm_email": [("error", None, "no-such-key", None)],
    "account_confirm_login_code": NO_PAGE,
    "account_profile": [("full", FULL, "", None)],
    "account_tokens": [("full", FULL, "", None), ("empty", NEW, "", None)],
    "account_tokens_revoke": NO_PAGE,
    "account_token_revoke": NO_PAGE,
    "account_link": [("error", None, "nobody|no-such-token", None)],
    "account_data": [("full", FULL, "", None)],
    "account_download": NO_PAGE,
    "account_delete": [("full", FULL, "", None)],
    "billing:pricing": [("visitor", None, "", None), ("full", FULL, "", None)],
    "billing:billing": NO_PAGE,  # these have no page in a studio without payments
    "billing:change": NO_PAGE,
    "billing:checkout": NO_PAGE,
    "billing:paid": NO_PAGE,
    "billing:portal": NO_PAGE,
    "billing:webhook": NO_PAGE,
    "billing:credits": [("full", FULL, "", None), ("empty", NEW, "", None)],
    "billing:receipt": [("full", FULL, "generation:{film}", None)],
    "library:library": [
        ("full", FULL, "", None),
        ("empty", NEW, "", None),
        ("nothing found", FULL, "?q=zebra", None),
        ("running", FULL, "", None),
    ],
    "library:generation": [
        ("film", FULL, "{film}", None),
        ("enlarged", FULL, "{enlarged}", None),
        ("prompt", FULL, "{prompt}", None),
        ("voiceover", FULL, "{voiceover}", None),
        ("spoken", FULL, "{spoken}", None),
        ("images", FULL, "{images}", None),
        ("failed", FULL, "{failed}", None),
        ("cancelled", FULL, "{cancelled}", None),
        ("running", FULL, "{running}", None),
        ("queued", FULL, "{queued}", None),
        ("error", FULL, NOBODY, None),
    ],
    "library:uploads": [("full", FULL, "", None), ("empty", NEW, "", None)],
    "library:trash": [("full", FULL, "", None), ("empty", NEW, "", None)],
    "library:delete_upload": NO_PAGE,
    "library:consent": NO_PAGE,
    "library:delete_uploads": NO_PAGE,
    "library:restore_uploads": NO_PAGE,
    "library:zip": NO_PAGE,
    "library:purge": NO_PAGE,
    "library:empty_trash": NO_PAGE,
    "library:last_frame": NO_PAGE,
    "library:asset_file": NO_PAGE,
    "library:live_file": NO_PAGE,
    "library:asset_text": NO_PAGE,
    "tools:start": NO_PAGE,
    "tools:all": [("visitor", None, "", None)],
    "tools:tool": [
        ("full", FULL, "to-video", None),
        ("empty", NEW, "to-video", None),
        ("from a picture", FULL, "to-video?image={picture}", None),
        ("error", FULL, "to-video", _no_prompt),
        ("running", FULL, "to-video", None),
        ("upscale", FULL, "upscale?source={picture}", None),
        ("upscale empty", NEW, "upscale", None),
        ("restyle", FULL, "restyle?video={asset}", None),
        ("restyle empty", NEW, "restyle", None),
        ("lip sync", FULL, "lip-sync?video={asset}", None),
        ("lip sync faces", FULL, "lip-sync?video={people}", _faces),
        ("lip sync empty", NEW, "lip-sync", None),
        ("talking avatar", FULL, "talking-avatar?portrait={picture}", None),
        ("talking avatar empty", NEW, "talking-avatar", None),
        ("video looks", FULL, "looks?video={asset}", None),
        ("prompt", FULL, "prompt", None),
        ("voiceover", FULL, "voiceover", None),
        ("voiceover empty", NEW, "voiceover", None),
        ("images", FULL, "text2image", None),
        ("images empty", NEW, "text2image", None),
    ],
    "tools:batch": [("full", FULL, "{batch}", None), ("error", FULL, NOBODY, None)],
    "tools:keep_of_batch": NO_PAGE,
    "tools:presets": [("full", FULL, "", None), ("empty", NEW, "", None)],
    "tools:preset": [("full", FULL, "{preset}", None), ("error", FULL, NOBODY, None)],
    "tools:preset_act": NO_PAGE,
    "tools:preset_picture": NO_PAGE,
    "tools:tool_preset": NO_PAGE,
    "prompts:builder": [
        ("empty", NEW, "", None),
        ("full", FULL, "?prompt=A+low+angle+close-up+of+a+white+swan+at+sunset.+The+camera+pans+left.", None),
    ],
    "prompts:suggest": NO_PAGE,
    "prompts:suggestion": NO_PAGE,
    "tools:activity": [("full", FULL, "", None), ("empty", NEW, "", None), ("running", FULL, "", None)],
    "tools:activity_seen": NO_PAGE,
    "tools:rename": NO_PAGE,
    "tools:quote": NO_PAGE,
    "tools:again": NO_PAGE,
    "tools:delete_many": NO_PAGE,
    "tools:restore_many": NO_PAGE,
    "tools:cancel": NO_PAGE,
    "tools:cancel_group": NO_PAGE,
    "tools:stop": NO_PAGE,
    "tools:delete": NO_PAGE,
    "tools:restore": NO_PAGE,
    "voices:library": [("full", FULL, "", None), ("nothing found", FULL, "?q=zebra", None)],
    "voices:favourite": NO_PAGE,
    "voices:sample": NO_PAGE,
    "voices:withdraw": NO_PAGE,
    "models": [("full", STAFF, "", None)],
    "model": NO_PAGE,  # a row of the page above
    "model_act": NO_PAGE,
}
MOVING = ("running", "queued")  # states that pass: they are looked at last


def names() -> Iterator[str]:
    """Names of all addresses, but for the API and the pages of the administration."""
    from django.urls import get_resolver
    from django.urls.resolvers import URLResolver

    def walk(patterns: Any, prefix: str) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix)
            elif pattern.name:
                yield prefix + pattern.name

    return (name for name in walk(get_resolver().url_patterns, "") if not name.startswith(("api:", "admin:")))


def pages(world: World) -> list[Page]:
    """Return every page in every state, those that pass last. Raises UnknownPage for an address without a rule."""
    unknown = sorted({name for name in names() if name not in RULES})
    if unknown:
        raise UnknownPage(f"scripts/pages.py has no rule for {', '.join(unknown)}: say which states its page has.")
    found = [Page(name, state, who, _path(name, given), act) for name, states in RULES.items()
             for state, who, given, act in states or ()]  # fmt: skip
    found.append(Page("not-found", "error", None, "/home/nothing"))
    return sorted(found, key=lambda page: page.state in MOVING)


def _path(name: str, given: str) -> str:
    """Return the path of an address, with its arguments, which may name what the world has as `{film}`."""
    from django.urls import reverse

    before, _, query = given.partition("?")
    arguments = before.split("|") if before else []
    if name == "account_reset_password_from_key":
        arguments = before.split("-", 1)
    if arguments and arguments[0].startswith("{") and name != "billing:receipt":
        path = reverse(name, args=[NOBODY]).replace(NOBODY, arguments[0])
    elif name == "billing:receipt":
        path = reverse(name, args=["-"])[:-1] + before
    else:
        path = reverse(name, args=arguments)
    return path + (f"?{query}" if query else "")
