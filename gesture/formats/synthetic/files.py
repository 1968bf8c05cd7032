"""One sample on disk: a zip of three videos and three CSVs, laid out as in ChaLearn 2014."""

import io
import zipfile
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from gesture.base.files import atomic_path
from gesture.formats.synthetic.body import pose
from gesture.formats.synthetic.motion import perform
from gesture.formats.synthetic.presets import Plan
from gesture.formats.synthetic.render import HEIGHT, WIDTH, pictures
from gesture.formats.synthetic.sensor import skeleton

FRAMES_PER_SECOND = 20


def write_sample(folder: Path, plan: Plan, seed: int) -> Path:
    """Makes ``SampleXXXX.zip`` in the folder, unless a complete one is there; a pure function of plan and seed."""
    final = folder / f"{plan.name}.zip"
    if final.is_file() and zipfile.is_zipfile(final):
        return final
    script = perform(plan, seed)
    body = pose(script, seed)
    frames = len(body.joints)
    colour, depth, user = VideoFile("rgb24", "BILINEAR"), VideoFile("gray", "POINT"), VideoFile("gray", "POINT")
    for picture in pictures(script, body, range(frames)):
        colour.add(picture.colour)
        depth.add(picture.depth)
        user.add(picture.mask)
    members = {
        "color.mp4": colour.finish(),
        "depth.mp4": depth.finish(),
        "user.mp4": user.finish(),
        "data.csv": f"{frames},{FRAMES_PER_SECOND},{script.recording.max_depth_mm}\n".encode(),
        "labels.csv": "".join(f"{x.gesture},{x.begin},{x.end}\n" for x in script.labels).encode(),
        "skeleton.csv": skeleton_csv(skeleton(body, seed, plan.number)).encode(),
    }
    with atomic_path(final) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in members.items():
            # A ZipInfo without a date keeps the bytes independent of the clock.
            method = zipfile.ZIP_STORED if name.endswith(".mp4") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(f"{plan.name}_{name}"), content, method)
    return final


def skeleton_csv(frames: np.ndarray) -> str:
    """Text of ``_skeleton.csv`` for `(N, 20, 9)`: 180 values a line, pixels as integers."""
    line = ",".join(["%.7g"] * 7 + ["%d"] * 2)
    line = ",".join([line] * frames.shape[1]) + "\n"
    return "".join(line % tuple(frame) for frame in frames.reshape(len(frames), -1).tolist())


class VideoFile:
    """An H.264 file in memory, enlarged to 640x480 on the way.

    Args:
        pixels: ``rgb24`` or ``gray``.
        enlarge: ``BILINEAR``, or ``POINT`` where values must not be blended.
    """

    def __init__(self, pixels: str, enlarge: str) -> None:
        self._pixels, self._enlarge = pixels, enlarge
        self._reformatter = VideoReformatter()
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        self._stream.width, self._stream.height, self._stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        self._stream.options = {"preset": "ultrafast", "crf": "20"}
        self._stream.codec_context.thread_count = 1  # one process a sample: threads would only fight

    def add(self, picture: np.ndarray) -> None:
        """Encodes one more picture of any size."""
        frame = av.VideoFrame.from_ndarray(picture, format=self._pixels)
        # Gray is full range, video is not: this also squeezes 0-255 into 16-235, as genuine files have it.
        frame = self._reformatter.reformat(frame, WIDTH, HEIGHT, "yuv420p", interpolation=self._enlarge)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> bytes:
        """Bytes of the whole file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.getvalue()
