"""Speech as a file, and in films."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workers.base import OnProgress, Progress, Stopped
from workers.tasks.registry import Made, MadeAsset, Request, recipe, task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workers.voiceover import Asked

PACKAGES = ("onnxruntime", "elevenlabs")  # what speech depends on


@task("voiceover")
def voiceover(request: Request) -> Made:
    """Speak a text: a sound with its waveform and its captions, sentence by sentence.

    Goes on after the last sentence that the keeper has of an earlier attempt. When `on_progress` raises Stopped, the
    sound is what is finished of it. Raises VoiceError, or Cancelled through `on_progress`.
    """
    from workers.engines import voice as voices
    from workers.media import audio
    from workers.media.facts import WAVE, sha256
    from workers.voiceover import kept, levelled, speak

    asked = asked_of(request.params)
    voice = voices.get(asked.voice)
    folder, stopped = request.folder / "speech", False
    made_from = recipe("voiceover", request.params, voice.engine, packages=PACKAGES) | {"voice": voice.name}
    try:
        spoken = speak(asked, folder, on_progress=request.on_progress, keeper=request.keeper)
    except Stopped:
        spoken = kept(asked, folder)
        stopped = spoken.sentences < spoken.of
        made_from |= {"sentences_kept": spoken.sentences}
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    spoken = levelled(spoken)
    out = audio.encode(spoken.samples, spoken.rate, request.folder / f"speech.{request.params['format']}")
    files = {"file": out, "strip": audio.draw(spoken.samples, request.folder / WAVE)}
    facts: dict[str, Any] = {"seconds": spoken.seconds, "bytes": out.stat().st_size, "sha256": sha256(out)}
    facts["captions"] = captions_of(asked, spoken.cues)
    sound = MadeAsset(kind="audio", files=files, facts=facts)
    return Made(assets=[sound], engine=voice.engine, recipe=made_from, stopped=stopped)


def heard(
    request: Request, films: Sequence[Path], made_from: dict[str, Any], on_progress: OnProgress
) -> dict[str, Any]:
    """Give a film, and its copies, the speech and the music that a request asks for; nothing where it asks for none.

    Adds to the recipe `made_from`, which is written into the file. A stop is not asked for any more. Returns the facts
    that the film has beyond its pictures: its captions, and how long it is where the speech runs on.
    """
    from workers.voiceover import FilmSound, Voiced, voice_film

    def report(now: Progress) -> None:
        with suppress(Stopped):
            on_progress(Progress(stage="speaking", step=1, steps=1, seconds_left=now.seconds_left))

    def note(voiced: Voiced) -> str:
        speech = {"spoken": round(voiced.spoken, 3), "speed": round(voiced.speed, 3)} if voiced.spoken else {}
        speech |= {"held": round(voiced.held, 3)} if voiced.held else {}
        left_out = {"descriptions_left_out": list(voiced.left_out)} if voiced.left_out else {}
        made_from["sound"] = {"seconds": round(voiced.seconds, 3)} | speech | left_out
        return json.dumps(made_from, sort_keys=True)

    params = request.params
    speech = asked_of(params, "voiceover_") if params.get("voiceover_text") else None
    description = asked_of({**params, "text": params["description"]}) if params.get("description") else None
    if speech is None and description is None and not params.get("music"):
        return {}
    sound = FilmSound(
        speech=speech,
        fit=params.get("voiceover_fit") or "",
        music=params.get("music") or "",
        seed=params.get("seed") or 0,
        burn=bool(params.get("burn_captions")),
        description=description,
    )
    report(Progress(stage="speaking"))
    voiced = voice_film(films, sound, request.folder / "sound", on_progress=report, note=note)
    facts: dict[str, Any] = {"seconds": voiced.seconds}
    found = captions_of(speech, voiced.cues) if speech else {}
    if voiced.descriptions:
        found["descriptions"] = [cue.to_json() for cue in voiced.descriptions]
    return facts | ({"captions": found} if found else {})


def asked_of(params: Mapping[str, Any], before: str = "") -> Asked:
    """Return the speech that parameters ask for; `before` is what stands before their names."""
    from workers.voiceover import Asked

    return Asked(
        text=params[f"{before}text"],
        voice=params.get(f"{before}voice") or params["voiceover_voice"],
        language=params.get(f"{before}language") or "",
        speed=params.get(f"{before}speed") or 1.0,
        pitch=params.get(f"{before}pitch") or 0.0,
    )


def captions_of(asked: Asked, cues: Any) -> dict[str, Any]:
    """Return captions as an asset has them: the language, and the cues."""
    from workers.voiceover import language_of

    return {"language": language_of(asked), "cues": [cue.to_json() for cue in cues]}
