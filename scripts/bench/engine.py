"""Our engine beside diffusers' unmodified pipelines, on the same weights: memory, times, platform, crashes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from scripts.bench import web
from scripts.bench.chart import line_chart
from scripts.bench.child import Case, Found
from scripts.bench.report import MEGA, Section, against, megabytes, seconds
from tests.e2e.site import Site
from tests.params import PARAMS

LENGTHS, BASE, OVERLAP = (257, 737, 1457), 97, 17
# Sides and steps are small so that all lengths take minutes on two cores; both ways compute the same.
NANO = Case(way="ours", model="nano", frames=BASE, steps=2, width=96, height=96, base=BASE, overlap=OVERLAP)
WIDE = replace(NANO, model="wide", width=48, height=128)
OWN = Case(way="ours", model="nano", frames=129, steps=16, width=128, height=128)  # as the studio makes them
QUICK_LENGTHS, QUICK = (57, 81), {"width": 64, "height": 64, "base": 33, "overlap": 9}
# Only the sides are smaller than the studio's: the first frames wait for all of the steps.
PARTS = replace(NANO, frames=LENGTHS[-1], steps=16, width=64, height=64)
FLAT, FASTER, OVERHEAD, FIRST_WINDOW, FIRST_PART, AS_SINGLES = 1.15, 0.8, 1.05, 1.05, 0.03, 1.1
BATCH, PLATFORM_JOBS, LIMIT_SECONDS = 8, 4, 1800
NAMES = {"ours": "ours", "pipeline": "diffusers"}


def child(case: Case) -> Found:
    """Measure a case in a fresh process."""
    return timed(case)[0]


def timed(case: Case) -> tuple[Found, float]:
    """Measure a case in a fresh process; also the moment in which that was started."""
    # One heap: with one for each thread, glibc keeps more the longer a film is, though nothing is in use.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}
    command, began = [sys.executable, "-m", "scripts.bench.child", json.dumps(asdict(case))], time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=LIMIT_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{case} failed:\n{done.stderr[-2000:]}")
    print(f"  {time.monotonic() - began:6.1f} s  {case}", file=sys.stderr, flush=True)
    return Found(**json.loads(done.stdout.splitlines()[-1])), began


def told(case: Case) -> str:
    """The side and steps of a case."""
    return f"{case.width}×{case.height}, {case.steps} steps"


def length(quick: bool) -> Section:
    """Memory, first frames and total time against the length of the film."""
    lengths = QUICK_LENGTHS if quick else LENGTHS
    cases = [replace(NANO, **QUICK)] if quick else [NANO, WIDE]
    rows, memory, times = [], {}, {}
    flat, alone = [], []
    for case in cases:
        found = {(way, frames): child(replace(case, way=way, frames=frames)) for frames in lengths for way in NAMES}
        for frames in lengths:
            ours, theirs = found["ours", frames], found["pipeline", frames]
            rows.append(
                {
                    "model": f"{case.model} ({told(case)})",
                    "frames": str(frames),
                    "peak, ours": megabytes(ours.peak),
                    "peak, diffusers": megabytes(theirs.peak),
                    "first frames, ours": seconds(ours.first[0]),
                    "first frames, diffusers": seconds(theirs.first[0]),
                    "whole film, ours": seconds(ours.total[0]),
                    "whole film, diffusers": seconds(theirs.total[0]),
                    "ours / diffusers": against(
                        ours.total[0] / theirs.total[0], FASTER if frames == lengths[-1] else None
                    ),
                }
            )
        for way, name in NAMES.items():
            curve = f"{case.model}, {name}"
            memory[curve] = [(frames, found[way, frames].peak / MEGA) for frames in lengths]
            times[curve] = [(frames, found[way, frames].total[0]) for frames in lengths]
        ratio = found["ours", lengths[-1]].peak / found["ours", lengths[0]].peak
        flat.append(f"{case.model} {against(ratio, FLAT)}")
        # Best of three each, as one window takes a second or two.
        one = min(child(replace(case, way="ours", frames=case.base, jobs=1)).total[0] for _ in range(1 if quick else 3))
        long = [found["ours", lengths[-1]]]
        long += [child(replace(case, way="ours", frames=lengths[0])) for _ in range(0 if quick else 2)]
        first = min(run.first[0] for run in long)
        alone.append(f"{case.model} {against(first / one, FIRST_WINDOW)}")
    note = (
        f"Every cell is a fresh process, from noise to an MP4, in windows of {cases[0].base} frames with "
        f"{cases[0].overlap} of overlap; peak is resident memory above that of the loaded process. diffusers has no "
        f"frame to show before the last. Our memory at {lengths[-1]} against {lengths[0]} frames: {', '.join(flat)}. "
        f"First playable frames of a long film against a film of one window alone: {', '.join(alone)}. "
        "Few steps at small sides make decoding and copying weigh more than at full size, where most time is the "
        "transformer's and both ways ask it equally often."
    )
    charts = {
        "bench-memory.svg": line_chart("Peak memory against length", "frames", "MB above base", memory, whole=True),
        "bench-time.svg": line_chart("Time of the whole film", "frames", "seconds", times, whole=True),
    }
    return Section("Length: memory, first frames, total time", rows, note, charts)


def first(quick: bool) -> Section:
    """How soon a film that shows parts of its windows can be played, against one that shows whole windows."""
    case = replace(PARTS, **QUICK, frames=QUICK_LENGTHS[-1], steps=4) if quick else PARTS
    rows = []
    for ar_step, name in ((0, "all at once"), (1, "one after another (`ar_step` 1)")):
        found = child(replace(case, ar_step=ar_step))
        share = found.first[0] / found.total[0]
        rows.append(
            {
                "latents of a window": name,
                "first playable frames": seconds(found.first[0]),
                "whole film": seconds(found.total[0]),
                "first / whole": against(share, FIRST_PART) if ar_step else against(share),
            }
        )
    note = (
        f"nano, {case.frames} frames in windows of {case.base} with {case.overlap} of overlap, {told(case)}; each row "
        "is a process of its own, from noise to an MP4, and the ratio is of one run. Where latents become clean one "
        "after another, a film takes more steps in all, and its first frames the same."
    )
    return Section("First playable frames of a long film", rows, note)


def start(quick: bool) -> Section:
    """A process that must start and load, against one that is warm."""
    case = replace(OWN, frames=21, jobs=2, steps=4 if quick else 16)
    rows = []
    for way, name in NAMES.items():
        tries = [timed(replace(case, way=way)) for _ in range(1 if quick else 3)]
        cold = min(found.ended[0] - began for found, began in tries)
        load = min(found.loaded - began for found, began in tries)
        warm = min(found.total[1] for found, _ in tries)
        rows.append(
            {
                "way": name,
                "start and load": seconds(load),
                "first film, from nothing": seconds(cold),
                "second film": seconds(warm),
                "cold / warm": against(cold / warm),
            }
        )
    note = (
        f"nano, {case.frames} frames, {told(case)}; best of {1 if quick else 3} processes. Workers stay and keep their "
        "models, so only the first film of a worker is a cold one. Real weights take minutes to read where nano takes "
        "a moment."
    )
    return Section("Cold and warm start", rows, note)


def batch(quick: bool) -> Section:
    """Eight prompts."""
    case = replace(OWN, frames=21, jobs=BATCH, steps=4 if quick else 16)
    small = replace(WIDE, frames=33, base=0, overlap=0, jobs=BATCH, steps=4)
    rows = []
    for shape in (case,) if quick else (case, small):
        ways = ("ours", "singles", "pipeline", "list")
        ours, alone, theirs, listed = (child(replace(shape, way=way)) for way in ways)
        for name, found, forwards in (
            ("ours, a batch of eight", ours, ours.forwards),
            ("ours, eight warm singles", alone, alone.forwards),
            ("diffusers, eight calls", theirs, theirs.forwards),
            ("diffusers, one call with a list", listed, BATCH * 2),
        ):
            rows.append(
                {
                    "model": f"{shape.model} ({shape.frames} frames, {told(shape)})",
                    "way": name,
                    "prompts through the text encoder": str(forwards),
                    "first film": seconds(found.first[0]),
                    "all films": seconds(sum(found.total)),
                    "ours / this": against(sum(ours.total) / sum(found.total), AS_SINGLES if found is alone else None),
                    "peak memory": megabytes(found.peak),
                }
            )
    note = (
        "The model is loaded before the clock starts. A batch shares one negative prompt, which is encoded once; a "
        f"single reads both of its texts. A batch may take {AS_SINGLES} times as long as its singles. In "
        "one call with a list all films come at the end, memory grows with the list, and the 1.3B model fails on it."
    )
    return Section("A batch of eight prompts", rows, note)


def platform(quick: bool) -> Section:
    """The same film through the studio and by the engine alone."""
    frames, jobs = (21, 2) if quick else (OWN.frames, PLATFORM_JOBS)
    bare = child(replace(OWN, frames=frames, jobs=jobs)).total[1:]
    through = _through_the_studio(frames, jobs)[1:]
    rows = [
        {"way": "engine and encoder alone", "fastest": seconds(min(bare)), "slowest": seconds(max(bare))},
        {
            "way": "submit, queue, worker, stored film",
            "fastest": seconds(min(through)),
            "slowest": seconds(max(through)),
        },
    ]
    ratio = min(through) / min(bare)
    note = (
        f"nano, {frames} frames, {told(OWN)}, {jobs - 1} films each after one to warm up. Platform against engine: "
        f"{against(ratio, OVERHEAD)}, {seconds(min(through) - min(bare))} a film: the row, its events, the playlist, "
        "poster, strip and storage. It does not grow with the size of the model."
    )
    return Section("Platform against bare engine", rows, note)


def _through_the_studio(frames: int, jobs: int) -> list[float]:
    """Seconds from submission to the stored film, as the job's own row has them."""
    with tempfile.TemporaryDirectory(prefix="cinevivid-bench-") as folder:
        site = Site(Path(folder))
        try:
            site.start()
            _, secret = web.sign_in(site)
            found = []
            for seed in range(jobs):
                spec = {"num_frames": frames, "steps": OWN.steps, "guidance_scale": OWN.guidance, "seed": seed}
                pk = web.submit(site, secret, PARAMS | spec)
                found.append(_whole(site, secret, pk))
            return found
        finally:
            site.stop()


def _whole(site: Site, secret: str, pk: str) -> float:
    """Wait for a job and return its seconds from row to film."""
    until = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < until:
        job = web.call(site, secret, f"generations/{pk}/")
        if job["status"] not in ("queued", "running"):
            assert job["status"] == "succeeded", job
            moments = [datetime.fromisoformat(str(job[name])) for name in ("created_at", "finished_at")]
            return (moments[1] - moments[0]).total_seconds()
        time.sleep(0.5)
    raise TimeoutError(pk)


def resume(quick: bool) -> Section:
    """What a crash costs."""
    case = replace(OWN, way="resume", frames=69 if quick else OWN.frames, steps=4 if quick else OWN.steps)
    found = child(case)
    rows = []
    for cut in found.more:
        lost = cut["all"] - cut["rest"]
        rows.append(
            {
                "killed after": f"{cut['kept']:.0f} of {cut['windows']:.0f} windows",
                "going on to the end": seconds(cut["all"]),
                "from the beginning": seconds(found.total[0]),
                "going on / again": against(cut["all"] / found.total[0]),
                "first new window (normally)": f"{seconds(cut['first'])} ({seconds(cut['window'])})",
                "cost of the crash": f"{lost:+.2f} s",
                "saved state": f"{cut['bytes'] / 1000:.0f} kB",
            }
        )
    note = (
        f"nano, {case.frames} frames, {told(case)}. The state is read, the decoder's cache is rebuilt from the newest "
        "latents, and the window that was under way is made again. Its time is on top, up to one window. The film is "
        "the same bit for bit (tests/workers/test_render.py)."
    )
    return Section("Crash and resume", rows, note)
