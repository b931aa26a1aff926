"""What kind of thing an unknown file is, told from its content. Nothing here trusts a file."""

import warnings
from typing import IO

import av
from av.stream import Disposition
from PIL import Image

from workers.media.probe import MediaError
from workers.media.sound import SOUND_OPTIONS
from workers.media.uploads import CLIP_OPTIONS, PICTURE_FORMATS

# Containers of clips and of sounds; a name beside another one is harmless.
OPTIONS = CLIP_OPTIONS | {
    "format_whitelist": f"{CLIP_OPTIONS['format_whitelist']},{SOUND_OPTIONS['format_whitelist']}",
}


def kind_of(file: IO[bytes]) -> str:
    """Return "image", "video" or "audio"; whether it can be used is seen by whoever keeps it. Raises MediaError."""
    file.seek(0)
    try:
        return "image" if _is_picture(file) else _of_container(file)
    finally:
        file.seek(0)


def _is_picture(file: IO[bytes]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(file, formats=PICTURE_FORMATS)
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):
        return False
    finally:
        file.seek(0)
    return True


def _of_container(file: IO[bytes]) -> str:
    """Tell a film from a sound, which may have a picture of its cover."""
    try:
        with av.open(file, options=dict(OPTIONS), metadata_errors="ignore") as container:
            if any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video):
                return "video"
            if container.streams.audio:
                return "audio"
    except (av.FFmpegError, EOFError, ValueError) as error:
        raise _unknown() from error
    raise _unknown()


def _unknown() -> MediaError:
    return MediaError("kind_unknown", "The file is no picture, video or sound that is known here.")
