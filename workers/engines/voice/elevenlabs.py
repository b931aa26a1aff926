"""Speech by ElevenLabs: the account's voices, speech with times of words, voices of one's own, and the quota.

ELEVENLABS_API_KEY is the account's key, ELEVENLABS_BASE_URL another address of the service (a gateway, or a test's).
"""

from __future__ import annotations

import base64
import itertools
import math
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from workers.base import Sentence
from workers.engines.voice import cards
from workers.voice import text as texts
from workers.voice.base import Speech, Timed, Voice, VoiceError
from workers.voice.mix import bend

if TYPE_CHECKING:
    from elevenlabs.client import ElevenLabs

T = TypeVar("T")

# The best model finds the language in the text; the fast one can be told, and is asked for other languages than a
# voice's own.
MODEL, MODEL_WITH_LANGUAGE = "eleven_multilingual_v2", "eleven_flash_v2_5"
RATE, FORMAT = 24_000, "pcm_24000"  # what every plan may ask for
MOST_CHARACTERS = 2_500  # of one request; longer texts are several
SLOWEST, FASTEST = 0.7, 1.2  # of the service; beyond, the sound is stretched here
LOOKUP_SECONDS, SPEECH_SECONDS = 10, 120
KEPT_SECONDS = 600  # how long a list of voices is good for
FRESH_SECONDS = 10  # how old it may be where a voice is missing in it: another process may have made one
MOST_PAGES = 50  # of voices, a hundred each
MARK = "cinevivid"  # the label of a voice that a studio had made
# What a voice's id may be, as it becomes part of addresses.
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
ATTEMPTS, LOOKUP_ATTEMPTS = 4, 2  # a page waits for a lookup
BACKOFF, LONGEST_WAIT = 0.5, 20.0  # seconds before the second attempt, doubled each time
MOST_FILES, MOST_FILE_BYTES = 25, 10_000_000  # of recordings for a voice of one's own

# What the service's `detail.status` means to us; what is not listed is told by its HTTP status.
STATUSES = {
    "invalid_api_key": "voice_provider_key",
    "missing_permissions": "voice_provider_key",
    "needs_authorization": "voice_provider_key",
    "detected_unusual_activity": "voice_provider_key",
    "quota_exceeded": "voice_quota",
    "voice_not_found": "voice_gone",
    "voice_does_not_exist": "voice_gone",
    "max_character_limit_exceeded": "text_too_long",
    "paid_plan_required": "voice_unavailable",
    "payment_required": "voice_unavailable",
    "voice_disabled": "voice_unavailable",
    "too_many_concurrent_requests": "voice_provider_busy",
    "system_busy": "voice_provider_busy",
    "rate_limit_exceeded": "voice_provider_busy",
    "can_not_use_instant_voice_cloning": "voice_not_cloned",
    "voice_limit_reached": "voice_not_cloned",
    "invalid_voice_sample": "voice_not_cloned",
    "audio_too_short": "voice_not_cloned",
    "audio_too_long": "voice_not_cloned",
    "upload_file_size_exceeded": "voice_not_cloned",
}
HTTP_STATUSES = {401: "voice_provider_key", 402: "voice_unavailable", 403: "voice_unavailable", 404: "voice_gone"}


@dataclass(slots=True)
class _Kept:
    """A list of the account's voices with their ids, and when it was fetched."""

    voices: tuple[Voice, ...]
    ids: dict[str, str]
    at: float


_kept: dict[tuple[str, str], _Kept] = {}
_lock = threading.Lock()


def voices(oldest: float = KEPT_SECONDS) -> tuple[Voice, ...]:
    """Return the voices of the account, the four known names first; those that it lacks are not `available`.

    They are at most `oldest` seconds old, unless the service does not answer.
    """
    return _account(oldest).voices


def say(voice: Voice, text: str, language: str = "", speed: float = 1.0, pitch: float = 0.0) -> Speech:
    """Speak a text that was checked. Raises VoiceError."""
    if not voice.available:
        raise VoiceError(
            "voice_unavailable", Sentence("The ElevenLabs account of this studio has no voice {name}.", name=voice.name)
        )
    known = _account().ids.get(voice.slug)
    if known is None:
        raise VoiceError(
            "voice_gone", Sentence("The voice {name} is no longer in the ElevenLabs account.", name=voice.name)
        )
    language = language or voice.language[0]
    factor = 2.0 ** (pitch / 12)
    native = min(max(speed / factor, SLOWEST), FASTEST)
    pieces: list[NDArray[np.float32]] = []
    words: list[Timed] = []
    at = 0.0
    parts = list(_parts(text))
    for number, (part, pause) in enumerate(parts):
        readings = texts.read(part, language)
        answer = _speak(
            known,
            " ".join(reading.said for reading in readings if reading.said),
            None if texts.main(language) == texts.main(voice.language[0]) else texts.main(language),
            native,
            parts[number - 1][0] if number else None,
            parts[number + 1][0] if number + 1 < len(parts) else None,
        )
        samples = _samples(answer)
        spoken = len(samples) / RATE
        places = _places(readings, _aligned(getattr(answer, "alignment", None), spoken), spoken)
        samples = bend(_stretched(samples, speed / factor / native), factor)
        scale = len(samples) / RATE / spoken if spoken else 1.0
        words += [Timed(one.text, at + one.start * scale, at + one.end * scale) for one in places]
        pieces += [samples, np.zeros(round(pause * RATE), np.float32)]
        at = sum(map(len, pieces)) / RATE
    return Speech(np.concatenate(pieces) if pieces else np.zeros(0, np.float32), RATE, tuple(words), ())


def clone(name: str, files: Sequence[Path], description: str = "", mark: str = "") -> Voice:
    """Make a voice of one's own from recordings, by instant cloning. The speaker's consent is the caller's to record.

    Raises VoiceError("voice_not_cloned") for what the service does not take, and the others of `say`. When the service
    does not answer it may have made the voice all the same: then `remove` finds it by its `mark`.
    """
    if not 1 <= len(files) <= MOST_FILES:
        raise VoiceError("voice_not_cloned", Sentence("A voice is made from 1 to {most} recordings.", most=MOST_FILES))
    if any(file.stat().st_size > MOST_FILE_BYTES for file in files):
        told = Sentence("A recording has at most {most} MB.", most=MOST_FILE_BYTES // 1_000_000)
        raise VoiceError("voice_not_cloned", told)
    sent: list[Any] = [(f"recording-{at}{file.suffix}", file.read_bytes()) for at, file in enumerate(files, 1)]
    made = _ask(
        lambda client, options: client.voices.ivc.create(
            name=name,
            files=sent,
            description=description or None,
            labels={MARK: mark} if mark else None,
            request_options=options,
        ),
        SPEECH_SECONDS,
        otherwise="voice_not_cloned",
        twice=False,
    )
    forget()
    if not ID.fullmatch(str(made.voice_id)):
        raise _nonsense()
    slug, own = _slug(made.voice_id), _own(_slug(made.voice_id), name, description, mark)
    try:
        return next((voice for voice in voices() if voice.slug == slug), own)
    except VoiceError:  # it is made, whatever the list says
        return own


def remove(slug: str, mark: str = "") -> bool:
    """Delete a voice of one's own from the account, by its slug or, without one, by its mark. Raises VoiceError.

    Returns whether it was there; one that is gone already stays gone.
    """
    if slug:
        ids = [slug.removeprefix(PREFIX)] if slug.startswith(PREFIX) else []
    else:
        account = _account(0.0, stale=False)
        ids = [account.ids[voice.slug] for voice in account.voices if mark and voice.mark == mark]
    found = False
    for known in ids:
        try:
            _ask(partial(_delete, known), LOOKUP_SECONDS)
            found = True
        except VoiceError as error:
            if error.code != "voice_gone":
                raise
    forget()
    return found


def _delete(known: str, client: ElevenLabs, options: Any) -> Any:
    return client.voices.delete(known, request_options=options)


def quota() -> tuple[int, int]:
    """Return how many of the plan's characters are used, and how many it has. Raises VoiceError."""
    told = _ask(lambda client, options: client.user.subscription.get(request_options=options), LOOKUP_SECONDS)
    used, limit = (getattr(told, name, None) for name in ("character_count", "character_limit"))
    if not isinstance(used, int) or not isinstance(limit, int):
        raise _nonsense()
    return used, limit


def expire() -> None:
    """Fetch the account's voices anew when they are asked for next; should that fail, they are as they were."""
    with _lock:
        for kept in _kept.values():
            kept.at = -math.inf


def forget() -> None:
    """Fetch the account's voices anew when they are asked for next."""
    with _lock:
        _kept.clear()


# --- the account


def _account(oldest: float = KEPT_SECONDS, stale: bool = True) -> _Kept:
    """Return the account's voices, from the service when they are `oldest` seconds old.

    When that fails, they are as they were last, unless `stale` is False. Raises VoiceError.
    """
    key = _key()
    with _lock:
        kept = _kept.get(key)
        if kept and time.monotonic() - kept.at < min(oldest, KEPT_SECONDS):
            return kept
        try:
            fetched = _fetched()
        except VoiceError as error:
            if stale and kept and error.code == "voice_provider_busy":
                return kept
            raise
        _kept[key] = fetched
        return fetched


def _fetched() -> _Kept:
    try:
        return _fetch()
    except (AttributeError, TypeError, ValueError, KeyError):  # JSON of another shape
        raise _nonsense() from None


def _fetch() -> _Kept:
    languages = _languages()
    found: list[Any] = []
    token: str | None = None
    for _page_number in range(MOST_PAGES):
        page = _ask(partial(_page, token), LOOKUP_SECONDS)
        if not isinstance(listed := getattr(page, "voices", None), list):
            raise _nonsense()
        found += (one for one in listed if ID.fullmatch(str(getattr(one, "voice_id", ""))))
        token = page.next_page_token
        if not page.has_more or not token:
            break
    ids: dict[str, str] = {}
    named: list[Voice] = []
    for name in cards.SEED_NAMES:
        ours = cards.get(name.lower()).voice
        # One that was made from recordings has the name that somebody gave it.
        same = (one for one in found if _plain_name(one).lower() == name.lower())
        known = next((one for one in same if str(one.category) != "cloned" and not _labels(one).get(MARK)), None)
        if known is None:
            named.append(replace(ours, engine="elevenlabs", description="", stands_for="", available=False))
        else:
            named.append(replace(_voice(known, languages), slug=ours.slug, name=name))
            ids[ours.slug] = known.voice_id
            found.remove(known)
    rest = [_voice(one, languages) for one in found]
    ids |= {_slug(one.voice_id): one.voice_id for one in found}
    return _Kept((*named, *rest), ids, time.monotonic())


def _page(token: str | None, client: ElevenLabs, options: Any) -> Any:
    return client.voices.search(page_size=100, next_page_token=token, request_options=options)


def _languages() -> tuple[str, ...]:
    """Return the languages that the model that can be told one speaks."""
    models = _ask(lambda client, options: client.models.list(request_options=options), LOOKUP_SECONDS)
    for model in models if isinstance(models, list) else ():
        if getattr(model, "model_id", "") == MODEL_WITH_LANGUAGE:
            found = (getattr(language, "language_id", "") for language in model.languages or ())
            return tuple(str(language) for language in found if language)
    return ()


def _labels(known: Any) -> dict[str, str]:
    given = getattr(known, "labels", None)
    return {str(name).lower(): str(label) for name, label in given.items()} if isinstance(given, dict) else {}


def _voice(known: Any, languages: tuple[str, ...]) -> Voice:
    labels = _labels(known)
    verified = [str(one.locale or one.language or "") for one in known.verified_languages or ()]
    own = next((tag for tag in (labels.get("language"), *verified, "en") if tag), "en")
    own = next((tag for tag in verified if tag and texts.main(tag) == texts.main(own)), own)
    sex = labels.get("gender", "").lower()
    age = labels.get("age", "").lower().replace(" ", "_").split("_")[0]
    described = str(known.description or "") or " ".join(
        filter(None, (labels.get("descriptive"), labels.get("use_case")))
    )
    return Voice(
        slug=_slug(known.voice_id),
        name=_plain_name(known)[:100],
        language=tuple(dict.fromkeys((own, *languages))),
        sex=sex if sex in ("female", "male") else "neutral",
        age=age if age in ("young", "middle", "old") else "",
        accent=labels.get("accent", "").replace("_", " ").title(),
        engine="elevenlabs",
        description=described.replace("_", " ")[:200],
        mark=labels.get(MARK, ""),
    )


def _own(slug: str, name: str, description: str, mark: str) -> Voice:
    """Describe a voice that was made a moment ago, before the account lists it."""
    return Voice(
        slug=slug, name=name, language=("en",), sex="neutral", age="", accent="", engine="elevenlabs",
        description=description, mark=mark,
    )  # fmt: skip


def _plain_name(known: Any) -> str:
    """Return "Rachel" for "Rachel - calm and clear"."""
    return str(known.name or known.voice_id).split(" - ")[0].strip()


PREFIX = "elevenlabs-"


def _slug(voice_id: str) -> str:
    return f"{PREFIX}{voice_id}"


# --- speech


def _parts(text: str) -> Iterator[tuple[str, float]]:
    """Join sentences to parts of MOST_CHARACTERS; within them the service makes the pauses."""
    part = ""
    pause = 0.0
    for sentence in texts.sentences(text):
        if part and len(part) + len(sentence.text) > MOST_CHARACTERS:
            yield part, pause
            part = ""
        part, pause = f"{part} {sentence.text}".strip(), sentence.pause
    if part:
        yield part, pause


def _speak(voice_id: str, said: str, language: str | None, speed: float, before: str | None, after: str | None) -> Any:
    from elevenlabs.types import VoiceSettings

    asked: dict[str, Any] = {"language_code": language} if language else {}
    if before:
        asked["previous_text"] = before
    if after:
        asked["next_text"] = after
    return _ask(
        lambda client, options: client.text_to_speech.convert_with_timestamps(
            voice_id,
            text=said,
            model_id=MODEL_WITH_LANGUAGE if language else MODEL,
            output_format=FORMAT,
            voice_settings=VoiceSettings(speed=round(speed, 3)) if speed != 1 else None,
            request_options=options,
            **asked,
        ),
        SPEECH_SECONDS,
    )


def _samples(answer: Any) -> NDArray[np.float32]:
    """Return the sound of an answer, float32 [N]. Raises VoiceError for what is none."""
    try:
        data = base64.b64decode(answer.audio_base_64, validate=True)
    except (AttributeError, TypeError, ValueError):
        raise _nonsense() from None
    if not data or len(data) % 2:
        raise _nonsense()
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)


def _aligned(alignment: Any, seconds: float) -> list[tuple[str, float, float]]:
    """Return when each letter and digit is heard; empty when the times cannot be those of a sound so long."""
    parts = ("characters", "character_start_times_seconds", "character_end_times_seconds")
    given = [getattr(alignment, name, None) for name in parts]
    if not all(isinstance(each, list) for each in given) or len(set(map(len, given))) != 1:  # type: ignore[arg-type]
        return []
    found, before = [], 0.0
    for letter, start, end in zip(*given, strict=True):
        if not isinstance(letter, str) or not all(isinstance(time, int | float) for time in (start, end)):
            return []
        if not before - 0.01 <= start <= end + 0.01 <= seconds + 0.5:
            return []
        before = start
        if letter.isalnum():
            found.append((letter, max(0.0, start), min(end, seconds)))
    return found


def _places(readings: list[texts.Reading], heard: list[tuple[str, float, float]], seconds: float) -> list[Timed]:
    """Return the words by the times of their letters; where these are not all there, spread evenly."""
    said = [reading for reading in readings if any(letter.isalnum() for letter in reading.said)]
    if len(heard) != sum(letter.isalnum() for one in said for letter in one.said):
        edges = list(itertools.accumulate((len(one.said) + 1 for one in said), initial=0))
        whole = max(edges[-1], 1)
        return [
            Timed(one.written, start * seconds / whole, end * seconds / whole)
            for one, (start, end) in zip(said, itertools.pairwise(edges), strict=True)
        ]
    found, at = [], 0
    for one in said:
        count = sum(letter.isalnum() for letter in one.said)
        mine = heard[at : at + count]
        at += count
        if mine:
            found.append(Timed(one.written, mine[0][1], mine[-1][2]))
    return found


def _stretched(samples: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Return a sound that is faster by a factor at the same pitch."""
    if abs(factor - 1) < 0.01 or not len(samples):
        return samples
    import av

    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=RATE, layout="mono", time_base=Fraction(1, RATE))
    tempo, sink = graph.add("atempo", f"{factor:.4f}"), graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    source.push(frame)
    source.push(None)
    made = []
    while True:
        try:
            pulled: Any = sink.pull()
            made.append(pulled.to_ndarray().ravel())
        except (av.EOFError, av.BlockingIOError):
            return np.concatenate(made).astype(np.float32) if made else samples


# --- requests


def _key() -> tuple[str, str]:
    key = os.environ.get(cards.KEY, "").strip()
    if not key:
        raise VoiceError("voice_provider_key", "ElevenLabs has no key: ELEVENLABS_API_KEY is not set.")
    if not key.isascii() or not key.isprintable() or " " in key:  # no header can hold it
        raise VoiceError("voice_provider_key", TOLD["voice_provider_key"])
    return key, os.environ.get("ELEVENLABS_BASE_URL", "").strip()


def _ask(
    send: Callable[[ElevenLabs, Any], T],
    seconds: int,
    otherwise: str = "voice_provider_refused",
    *,
    twice: bool = True,
) -> T:
    """Send a request, again after a while where the service is busy. Raises VoiceError with what it answered.

    What must not be done `twice` is sent again only where the service has surely not done it. Its errors go no
    further: they may repeat the text, or the key.
    """
    from elevenlabs.client import ElevenLabs
    from elevenlabs.core.api_error import ApiError
    from elevenlabs.core.parse_error import ParsingError

    key, address = _key()
    client = ElevenLabs(api_key=key, base_url=address or None, timeout=seconds)
    most = LOOKUP_ATTEMPTS if seconds == LOOKUP_SECONDS else ATTEMPTS
    for attempt in itertools.count(1):
        waits = BACKOFF * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
        try:
            return send(client, {"timeout_in_seconds": seconds, "max_retries": 0})
        except ApiError as error:
            refused = _refused(error, otherwise)
            again = twice or error.status_code == 429
            if refused.code != "voice_provider_busy" or attempt >= most or not again:
                raise refused from None
            waits = max(waits, _retry_after(error))
        except httpx.HTTPError as error:
            if attempt >= most or not (twice or isinstance(error, httpx.ConnectError)):
                raise VoiceError("voice_provider_busy", "ElevenLabs does not answer.") from None
        except (ParsingError, httpx.InvalidURL, ValueError, TypeError, AttributeError):
            raise _nonsense() from None
        time.sleep(min(waits, LONGEST_WAIT))
    raise AssertionError


def _retry_after(error: Any) -> float:
    try:
        return float({name.lower(): value for name, value in (error.headers or {}).items()}.get("retry-after", 0))
    except ValueError:
        return 0.0


TOLD = {
    "voice_provider_key": Sentence("ElevenLabs does not accept the key of this studio."),
    "voice_quota": Sentence("The quota of this studio at ElevenLabs is used up."),
    "voice_gone": Sentence("ElevenLabs no longer has this voice."),
    "voice_unavailable": Sentence("The ElevenLabs plan of this studio does not include this voice."),
    "text_too_long": Sentence("This text is too long for ElevenLabs."),
    "voice_provider_busy": Sentence("ElevenLabs is busy."),
    "voice_provider_refused": Sentence("ElevenLabs refused this text."),
    "voice_not_cloned": Sentence("ElevenLabs could not make a voice from these recordings."),
}


def _nonsense() -> VoiceError:
    return VoiceError("voice_provider_busy", "ElevenLabs answered what cannot be read.")


def _refused(error: Any, otherwise: str) -> VoiceError:
    detail = error.body.get("detail") if isinstance(error.body, dict) else None
    status = str(detail.get("status") or detail.get("code") or "") if isinstance(detail, dict) else ""
    number = error.status_code or 0
    code = STATUSES.get(status) or HTTP_STATUSES.get(number) or otherwise
    if status not in STATUSES and (number == 429 or number in (408, 409) or number >= 500 or 200 <= number < 300):
        code = "voice_provider_busy"
    return VoiceError(code, TOLD[code])
