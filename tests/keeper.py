"""Finished windows, laid down the way a worker lays them down, without an engine."""

from apps.library.keeper import StorageKeeper
from workers.keeper import CHANGING, CLIP_PARTS, PLAYLIST, STATE, Kept

NEW_FRAMES, FIRST_FRAMES, FPS = 12, 21, 8


def playlist(segments):
    """A playlist of so many segments, as far as the keeper looks at it."""
    return "#EXTM3U\n" + "#EXTINF:1.5,\n" * segments


def film(job, folder, windows, of=3, parts=0):
    """Let the attempt `job` finish windows up to `windows` of `of`, in `folder`, and `parts` of the next one.

    Returns its keeper.
    """
    keeper = StorageKeeper(job)
    keeper.fetch(folder)
    job.advance(windows=of, steps=4)
    for window in range(job.kept_windows, windows):
        frames = FIRST_FRAMES + NEW_FRAMES * window
        files = {
            f"{window:04d}.mp4": f"segment {window}",
            f"{PLAYLIST}/init.mp4": "init",
            f"{PLAYLIST}/{window:04d}.m4s": f"media {window}",
            CHANGING[1]: playlist(window + 1),
            STATE: f"state {window + 1}",
            CLIP_PARTS: "0",
        }
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        keeper.keep(folder, Kept(window + 1, frames, frames / FPS))
    for part in range(parts):
        number = max(job.kept_windows, windows) + part
        (folder / PLAYLIST).mkdir(parents=True, exist_ok=True)
        (folder / f"{number:04d}.mp4").write_text(f"part {part}")
        (folder / PLAYLIST / f"{number:04d}.m4s").write_text(f"media of part {part}")
        (folder / CHANGING[1]).write_text(playlist(number + 1))
        keeper.keep(folder, Kept(windows, 999, 999.0, part + 1))
    return keeper
