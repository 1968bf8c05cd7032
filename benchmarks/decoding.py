"""Decodes a recording's colour video as `gesture convert` does, and in the ways it is compared with, one thread each.

All sides run in turn on the same file, which is made first; reported are medians of CPU time. `ffmpeg -f null` decodes
and throws the frames away. Where there is no `ffmpeg` command, PyAV stands for it, which calls the same libraries and
starts no program: harder to reach.

    python benchmarks/decoding.py
"""

import argparse
import io
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from gesture.formats.synthetic.files import write_sample
from gesture.formats.synthetic.presets import PRESETS, plans
from gesture.formats.video import CroppedVideo

SIZE = 80


def make_video(folder: Path) -> bytes:
    """The colour of a generated recording, encoded with x264's defaults.

    The generator's own settings, `ultrafast`, leave out what such files usually have (CABAC, B-frames, deblocking).
    """
    path = write_sample(folder, plans(PRESETS["demo"], seed=1)[0], seed=1)
    with zipfile.ZipFile(path) as archive:
        quick = io.BytesIO(archive.read(f"{path.stem}_color.mp4"))
    usual = io.BytesIO()
    with av.open(quick) as source, av.open(usual, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")))
        target.mux(stream.encode(None))
    return usual.getvalue()


def ours(content: bytes) -> int:
    video = CroppedVideo(content, "video", "rgb24", SIZE)
    return sum(1 for _ in video.images(list(range(video.frames))))


def decode_only(content: bytes) -> int:
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def full_frames(content: bytes) -> int:
    """Whole frames as arrays, cut and averaged afterwards."""
    count = 0
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            image = Image.fromarray(frame.to_ndarray(format="rgb24")[10:330, 140:460])
            count += len(np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))) > 0
    return count


def ffmpeg_null(path: Path) -> None:
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(path), "-f", "null", "-"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def cpu_seconds() -> float:
    """User and system time of this process and of those it has waited for [s]."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usages)


def median_times(sides: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """CPU time of each side [s]; they take turns, and the first turn only warms up."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, side in sides.items():
            began = cpu_seconds()
            side()
            times[name].append(cpu_seconds() - began)
    return {name: statistics.median(runs[1:]) for name, runs in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    mine, full = "gesture", "PyAV, whole frames, then crop and resize"
    with tempfile.TemporaryDirectory() as folder:
        content = make_video(Path(folder))
        path = Path(folder) / "video.mp4"
        path.write_bytes(content)
        count = decode_only(content)
        assert ours(content) == full_frames(content) == count
        sides = {mine: lambda: ours(content), full: lambda: full_frames(content)}
        if shutil.which("ffmpeg"):
            null = "ffmpeg -threads 1 -f null"
            sides[null] = lambda: ffmpeg_null(path)
        else:
            null = "PyAV, frames thrown away (no ffmpeg command here)"
            sides[null] = lambda: decode_only(content)
        seconds = median_times(sides, options.repeats)
    print(f"{count} frames of 640x480 H.264 to {SIZE}x{SIZE}, one thread; load {os.getloadavg()[0]:.1f}")
    for name, one in seconds.items():
        print(f"{name:50}{1000 * one / count:7.3f} ms of CPU a frame")
    print(f"speed relative to {null}: {seconds[null] / seconds[mine]:.2f} (target 0.85 of ffmpeg)")
    print(f"speed relative to {full}: {seconds[full] / seconds[mine]:.2f} (target 1.30)")


if __name__ == "__main__":
    main()
