"""What kind of thing an unknown file is, told from its content. Nothing here trusts a file.

Only `workers.media.child` calls this, in a process with a budget; others ask `workers.media.foreign`.
"""

import warnings
from pathlib import Path

import av
from av.stream import Disposition
from PIL import Image

from workers.media.facts import MediaError, let_through
from workers.media.reader import CLIP_OPTIONS
from workers.media.sound import SOUND_OPTIONS
from workers.media.uploads import PICTURE_FORMATS

# Containers of clips and of sounds; a name beside another one is harmless.
OPTIONS = CLIP_OPTIONS | {
    "format_whitelist": f"{CLIP_OPTIONS['format_whitelist']},{SOUND_OPTIONS['format_whitelist']}",
}


def kind_of(path: Path) -> str:
    """Return "image", "video" or "audio"; whether it can be used is seen by whoever keeps it. Raises MediaError."""
    return "image" if _is_picture(path) else _of_container(path)


def _is_picture(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(path, formats=PICTURE_FORMATS).close()
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _of_container(path: Path) -> str:
    """Tell a film from a sound, which may have a picture of its cover."""
    try:
        with av.open(str(path), options=dict(OPTIONS), metadata_errors="ignore") as container:
            if any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video):
                return "video"
            if container.streams.audio:
                return "audio"
    except (av.FFmpegError, EOFError, ValueError) as error:
        let_through(error)
        raise _unknown() from error
    raise _unknown()


def _unknown() -> MediaError:
    return MediaError("kind_unknown", "The file is no picture, video or sound that is known here.")
