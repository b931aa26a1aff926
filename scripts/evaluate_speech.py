"""Measure the voices: words that a recogniser hears, times of words, loudness, speed and memory, into docs/speech.md.

Each voice is measured in a process of its own, and its figures stay in var/speech/, so that a run can be continued:
`--voices heart drew` measures these anew, `--pictures` draws spectrograms beside the figures.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.measuring import ROOT, measured, publish

FOLDER = ROOT / "var" / "speech"
PAGE = ROOT / "docs" / "speech.md"
# Every word is in the recogniser's dictionary.
TEXT = (
    "Hello, and welcome aboard the evening train. Before we leave, I would like you to meet my team. "
    "Big brown bears move slowly above the river, and five foxes jump over the frozen lake. "
    "What a beautiful morning! Please take your seats, because the show begins in seven minutes."
)
SHORT = "The kettle is on, and the door is open."
HEARD_RATE = 16_000


def resampled(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return a sound as the recogniser takes it: 16 kHz, 16 bits."""
    length = round(len(samples) * HEARD_RATE / rate)
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    sound = np.fft.irfft(spectrum, length) * (length / len(samples))
    return (np.clip(sound / max(np.abs(sound).max(), 1e-6) * 0.9, -1, 1) * 32767).astype("<i2").tobytes()


def plain_words(text: str) -> list[str]:
    """Return the words of a text in small letters, without punctuation."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("-", " ")).split()


def heard(samples: NDArray[np.float32], rate: int) -> list[str]:
    """Return the words that pocketsphinx recognises with its own language model."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=HEARD_RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(resampled(samples, rate), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr.split() if found else []


def aligned(samples: NDArray[np.float32], rate: int, text: str) -> list[tuple[str, float, float]]:
    """Return the words of a text with their places in seconds, by forced alignment."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=HEARD_RATE, lm=None, loglevel="FATAL")
    decoder.set_align_text(" ".join(plain_words(text)))
    decoder.start_utt()
    decoder.process_raw(resampled(samples, rate), full_utt=True)
    decoder.end_utt()
    return [
        (re.sub(r"\(\d\)$", "", part.word), part.start_frame / 100, (part.end_frame + 1) / 100)
        for part in decoder.seg() or ()
        if not part.word.startswith(("<", "["))
    ]


def word_errors(said: list[str], found: list[str]) -> int:
    """Return how many words are missing, added or another."""
    row = list(range(len(found) + 1))
    for at, word in enumerate(said, 1):
        last, row[0] = row[0], at
        for place, other in enumerate(found, 1):
            last, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, last + (word != other))
    return row[-1]


def measure(slug: str) -> dict[str, Any]:
    """Measure one voice in this process."""
    from workers.engines import voice
    from workers.voice.mix import level, loudness

    empty = _memory_mb()
    started = time.perf_counter()
    voice.say("Ready.", slug)
    load = time.perf_counter() - started
    started = time.perf_counter()
    voice.say(SHORT, slug)
    first = time.perf_counter() - started
    started, used = time.perf_counter(), time.process_time()
    speech = voice.say(TEXT, slug)
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    FOLDER.mkdir(parents=True, exist_ok=True)
    _save(FOLDER / f"{slug}.wav", speech.samples, speech.rate)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said, places = plain_words(TEXT), aligned(speech.samples, speech.rate, TEXT)
    off = [
        mine.start - start
        for mine, (word, start, _) in zip(speech.words, places, strict=False)
        if plain_words(mine.text) == [word]
    ]
    raw, made = loudness(speech.samples, speech.rate), loudness(level(speech.samples, speech.rate), speech.rate)
    return {
        "slug": slug,
        "words": len(said),
        "errors": word_errors(said, heard(speech.samples, speech.rate)),
        "aligned": len(off),
        "off_ms": [round(1000 * value) for value in off],
        "lufs": raw.lufs,
        "peak": raw.peak,
        "leveled": made.lufs,
        "leveled_peak": made.peak,
        "seconds": speech.seconds,
        "rtf": wall / speech.seconds,
        "cpu": cpu / speech.seconds,
        "first": first,
        "load": load,
        "memory": peak - empty,
    }


def table(results: list[dict[str, Any]]) -> str:
    """Return the figures as a table of Markdown."""
    lines = [
        "| voice | words wrong | word starts, median / p90 error (ms) | bias (ms) | loudness, peak as spoken "
        "| as mixed | time of a second (CPU) | first sound, load (s) | memory (MB) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        off = np.array(one["off_ms"])
        lines.append(
            f"| {one['slug']} | {one['errors']} of {one['words']} | {np.median(abs(off)):.0f} / "
            f"{np.percentile(abs(off), 90):.0f} | {np.median(off):+.0f} | {one['lufs']:.1f} LUFS, {one['peak']:.1f} dB "
            f"| {one['leveled']:.1f} LUFS, {one['leveled_peak']:.1f} dB | {one['rtf']:.2f} ({one['cpu']:.2f}) "
            f"| {one['first']:.2f}, {one['load']:.1f} | {one['memory']:.0f} |"
        )
    every = np.concatenate([np.array(one["off_ms"]) for one in results])
    wrong, words = (sum(one[name] for one in results) for name in ("errors", "words"))
    lines.append(
        f"\nAll together: {100 * wrong / words:.0f} % of the words are wrong to the recogniser, word starts are "
        f"{np.median(abs(every)):.0f} ms off (median; 90 % within {np.percentile(abs(every), 90):.0f} ms)."
    )
    return "\n".join(lines)


def picture(slug: str) -> Path:
    """Draw the spectrogram (to 8 kHz) and the waveform of what a voice said."""
    from PIL import Image

    written = (FOLDER / f"{slug}.wav").read_bytes()
    (rate,) = struct.unpack_from("<I", written, 24)
    sound = np.frombuffer(written, "<i2", offset=44).astype(np.float32) / 32768
    size, width, height = 1024, 1600, 320
    hop = max((len(sound) - size) // width, 1)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop][:width] * np.hanning(size)
    loud = 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1)) + 1e-6)[:, : size * 8000 // rate].T[::-1]
    grey = np.clip((loud - loud.max() + 90) / 90, 0, 1) * 255
    shown = Image.fromarray(grey.astype(np.uint8)).resize((width, height))
    strip = np.zeros((100, width), np.uint8)
    for at, part in enumerate(np.array_split(sound, width)):
        strip[int(50 - 49 * part.max()) : int(51 - 49 * part.min()), at] = 255
    out = Image.new("L", (width, height + 100))
    out.paste(shown, (0, 0))
    out.paste(Image.fromarray(strip), (0, height))
    path = FOLDER / f"{slug}.png"
    out.save(path)
    return path


def _memory_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def _save(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    """Write a sound as WAV: a header of 44 bytes, and 16 bits a sample."""
    sound = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + len(sound), b"WAVE") + form + struct.pack("<4sI", b"data", len(sound))
    path.write_bytes(head + sound)


def main() -> None:
    from workers.engines.voice import cards

    slugs = [voice.slug for voice in cards.voices()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--voices", nargs="*", choices=slugs, help="measure these anew; without it, all that are not yet"
    )
    parser.add_argument("--pictures", action="store_true", help="draw spectrograms into var/speech/")
    parser.add_argument("--one", choices=slugs, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        (FOLDER / f"{asked.one}.json").write_text(json.dumps(measure(asked.one)))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    publish(PAGE, table(measured("scripts.evaluate_speech", FOLDER, slugs, asked.voices)))
    if asked.pictures:
        for slug in asked.voices or slugs:
            print(picture(slug))


if __name__ == "__main__":
    main()
