"""EchoMimicV3-Flash by its makers' `infer_flash.py`.

Their script makes one film of up to as many frames as fit, so a sound is cut into pieces of 81 frames, each of which
begins with the last picture of the one before. Pieces that are there already are not made again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from workers.engines.external.adapters.link import GivenUp, Link, main
from workers.media import audio, foreign

PIECE = 81  # frames; the VAE takes four and one
STEP = PIECE - 1  # the last picture of a piece is the first of the next
STEPS = 8
GUIDANCE = (2.0, 4.0)  # by the sound, from calm to lively; the makers take 3
AREA = 768  # pixels of the side of a square as large as the largest film
NEW_WEIGHTS, BASE, EAR = "echomimicv3-flash-pro", "Wan2.1-Fun-V1.1-1.3B-InP", "chinese-wav2vec2-base"


def work(link: Link) -> None:
    """Make the pieces of a talk."""
    asked, folder = link.asked, Path.cwd()
    frames = max(2, round(asked["seconds"] * asked["fps"]))
    count = max(1, -(-(frames - 1) // STEP))
    portrait = folder / asked["portrait"]
    parts = []
    for number in range(count):
        part = folder / f"piece-{number:04d}.mp4"
        if not part.exists():
            _make(link, portrait, number, count, part)
        parts.append(part.name)
        link.say(kept=parts, overlap=1)
        link.progress("denoising", (number + 1) * STEPS, count * STEPS)
        if number + 1 < count:
            portrait = folder / f"last-{number:04d}.png"
            foreign.last_frame(part, portrait, folder / "poster.webp")
    link.say(done=parts, overlap=1)


def _make(link: Link, portrait: Path, number: int, count: int, part: Path) -> None:
    asked, folder = link.asked, part.parent
    place = folder / f"{part.stem}.work"
    shutil.rmtree(place, ignore_errors=True)  # what a lost attempt has left
    place.mkdir()
    sound = place / "sound.wav"
    # A frame longer than the piece: their script rounds down, and then to whole latents.
    audio.cut(folder / asked["sound"], sound, number * STEP / asked["fps"], (PIECE + 1) / asked["fps"])
    command = command_of(asked, portrait, sound, place)

    def on_bar(step: int, steps: int) -> None:
        if steps == STEPS:  # other bars are those of files that are read
            link.progress("denoising", number * STEPS + step, count * STEPS)

    if not number:
        link.progress("loading", 0, 1)
    link.run(command, place, on_bar)
    made = place / f"{portrait.stem}_output.mp4"
    if not made.is_file():
        raise GivenUp("failed", "the script made no film")
    made.replace(part)
    shutil.rmtree(place, ignore_errors=True)


def command_of(asked: dict[str, object], portrait: Path, sound: Path, place: Path) -> list[str]:
    """Return the makers' command line for one piece."""
    weights, code = Path(str(asked["weights"])), Path(str(asked["code"]))
    (network,) = sorted((weights / NEW_WEIGHTS).rglob("*.safetensors"))[:1]
    low, high = GUIDANCE
    options = {
        "image_path": portrait,
        "audio_path": sound,
        "prompt": asked["prompt"],
        "num_inference_steps": STEPS,
        "config_path": code / "config" / "config.yaml",
        "model_name": weights / BASE,
        "transformer_path": network,
        "save_path": place,
        "wav2vec_model_dir": weights / EAR,
        "sampler_name": "Flow_Unipc",
        "video_length": PIECE,
        "guidance_scale": 6.0,
        "audio_guidance_scale": low + (high - low) * float(str(asked["expressiveness"])),
        "seed": asked["seed"],
        "weight_dtype": "bfloat16",
        "fps": asked["fps"],
        "negative_prompt": "",
    }
    command = [str(asked["python"]), str(code / "infer_flash.py")]
    # In one word each: a prompt may begin with a dash.
    command += [f"--{name}={value}" for name, value in options.items()]
    return [*command, "--sample_size", str(AREA), str(AREA)]


if __name__ == "__main__":
    main(work)
