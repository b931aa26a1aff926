"""SkyReels-V3-A2V by its makers' `generate_video.py`, which makes up to 200 seconds in one go."""

from __future__ import annotations

from pathlib import Path

from workers.engines.external.adapters.link import GivenUp, Link, main

RESULTS = Path("result") / "talking_avatar"  # of the directory in which their script runs
HEIGHTS = {480: "480P", 540: "540P", 720: "720P"}
STEPS = 8  # of a window, at most; longer bars are those of files that are read
LARGE_GB = 48.0  # below, weights are stored in eight bits and blocks take turns


def work(link: Link) -> None:
    """Make a talk."""
    asked, folder = link.asked, Path.cwd()
    for old in (folder / RESULTS).glob("*.mp4"):
        old.unlink()
    link.progress("loading", 0, 1)

    def on_bar(step: int, steps: int) -> None:
        if steps <= STEPS:  # one bar for each window of the film; how many there will be is not said
            link.progress("denoising", step, steps)

    # In the job's folder: their script writes beside where it runs.
    link.run(command_of(asked, folder), folder, on_bar)
    made = sorted((folder / RESULTS).glob("*_with_audio.mp4")) or sorted((folder / RESULTS).glob("*.mp4"))
    if not made:
        raise GivenUp("failed", "the script made no film")
    film = folder / "film.mp4"
    made[-1].replace(film)
    link.say(done=[film.name])


def command_of(asked: dict[str, object], folder: Path) -> list[str]:
    """Return the makers' command line."""
    height = min(int(str(asked["width"])), int(str(asked["height"])))
    resolution = next((name for lines, name in HEIGHTS.items() if lines >= height), "720P")
    options = {
        "task_type": "talking_avatar",
        "model_id": asked["weights"],
        "input_image": folder / str(asked["portrait"]),
        "input_audio": folder / str(asked["sound"]),
        "prompt": asked["prompt"],
        "seed": asked["seed"],
        "resolution": resolution,
    }
    command = [str(asked["python"]), str(Path(str(asked["code"])) / "generate_video.py"), "--offload"]
    # In one word each: a prompt may begin with a dash.
    command += [f"--{name}={value}" for name, value in options.items()]
    told = float(str(asked["gigabytes"]))
    return [*command, "--low_vram"] if 0 < told < LARGE_GB else command


if __name__ == "__main__":
    main(work)
