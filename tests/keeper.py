"""Finished windows, laid down the way a worker lays them down, without an engine."""

from apps.library.keeper import StorageKeeper
from workers.keeper import CHANGING, CLIP_PARTS, PLAYLIST, STATE, Kept

NEW_FRAMES, FIRST_FRAMES, FPS = 12, 21, 8


def film(job, folder, windows, of=3):
    """Let the attempt `job` finish windows up to `windows` of `of`, in `folder`; returns its keeper."""
    keeper = StorageKeeper(job)
    keeper.fetch(folder)
    job.advance(windows=of, steps=4)
    for window in range(job.kept_windows, windows):
        frames = FIRST_FRAMES + NEW_FRAMES * window
        files = {
            f"{window:04d}.mp4": f"segment {window}",
            f"{PLAYLIST}/init.mp4": "init",
            f"{PLAYLIST}/{window:04d}.m4s": f"media {window}",
            CHANGING[1]: f"#EXTM3U {window + 1}",
            STATE: f"state {window + 1}",
            CLIP_PARTS: "0",
        }
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        keeper.keep(folder, Kept(window + 1, frames, frames / FPS))
    return keeper
