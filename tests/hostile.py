"""Small files that cost a lot to open, made on the spot, and who opens them."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO

import av
import numpy as np
import psutil
from PIL import Image

from workers.media import foreign


def jpeg_of_scans(path, scans, side=64):
    """Write a progressive JPEG that is drawn in so many scans: its last one over and over again."""
    drawn = BytesIO()
    Image.new("RGB", (side, side), (90, 120, 200)).save(drawn, "JPEG", progressive=True, quality=50)
    data = drawn.getvalue()
    begins, end = [], len(data) - 2
    place = 2
    while place < end:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        begins += [place] if marker == 0xDA else []
        place += 2 + length
        while place < end and (data[place] != 0xFF or data[place + 1] == 0):
            place += 1
    path.write_bytes(data[:end] + data[begins[-1] : end] * (scans - len(begins)) + data[end:])
    return path


def slow_picture(path):
    """Write a picture of few bytes, within all limits that headers tell of, that takes seconds to decode."""
    return jpeg_of_scans(path, 99, side=7000)


def png_with_notes(path, unpacked):
    """Write a PNG whose notes unpack to so many bytes."""
    drawn = BytesIO()
    Image.new("RGB", (64, 64)).save(drawn, "PNG")
    body = b"zTXt" + b"note\0\0" + zlib.compress(bytes(unpacked), 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    data = drawn.getvalue()
    path.write_bytes(data[:33] + chunk + data[33:])
    return path


def still_clip(path, frames, width=3840, height=2160, rate=60):
    """Write a clip of so many frames that do not change: a few hundred bytes each."""
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), "rgb24").reformat(format="yuv420p")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=rate, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        packets = []
        for place in range(3):
            frame.pts = place
            packets += [bytes(packet) for packet in stream.encode(frame)]
        packets += [bytes(packet) for packet in stream.encode()]
        for place in range(frames):
            packet = av.Packet(packets[min(place, len(packets) - 1)])
            packet.pts = packet.dts = place
            packet.time_base, packet.stream, packet.is_keyframe = stream.codec_context.time_base, stream, place == 0
            packet.duration = 1
            container.mux(packet)
    return path


def clip_of_tracks(path, tracks):
    """Write a file with so many tracks of sound."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(tracks)]
        for stream in streams:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
            tone.sample_rate, tone.pts = 8000, 0
            container.mux(stream.encode(tone))
    return path


def opening(parent=None, busy=0.0):
    """Return the processes in which a file is being opened, and that have spent so many seconds on it."""
    found = []
    for child in psutil.Process(parent).children():
        with suppress(psutil.Error):  # it has ended meanwhile
            if foreign.CHILD in " ".join(child.cmdline()) and child.cpu_times().user >= busy:
                found.append(child)
    return found
