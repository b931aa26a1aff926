"""Pictures and clips as people bring them, made on the spot."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 60), (40, 60, 220), (255, 255, 255)


def quarters(width=96, height=64):
    """Return a picture whose top left is red, top right green, bottom left blue and bottom right white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, WHITE
    return pixels


def film(
    path,
    frames,
    *,
    rate=24,
    codec="libx264",
    pix_fmt="yuv420p",
    times=None,
    rotate=0,
    aspect=None,
    title="",
    b_frames=None,
    **options,
):
    """Write frames [H, W, 3] as a clip; `times` are their places in milliseconds, `options` those of the container."""
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update({"title": title} if title else {})
        stream = container.add_stream(codec, rate=rate, options={"crf": "12"} if codec == "libx264" else {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if times:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        if rotate:
            stream.set_display_rotation(rotate)
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path, codec="aac", seconds=0.02, rate=44100, title=""):
    """Write a tone of 440 Hz, without a picture."""
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": title} if title else {})
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        wave = np.sin(np.arange(int(rate * seconds)) * 440 * 2 * np.pi / rate).astype(np.float32) / 4
        tone = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
        tone.sample_rate, tone.pts = rate, 0
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, "stereo", rate, frame_size=context.frame_size or 1024)
        for frame in (*resampler.resample(tone), *resampler.resample(None)):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def encoded(pixels, form="PNG", **options) -> bytes:
    """A picture [H, W, 3] as the bytes of its file."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()
