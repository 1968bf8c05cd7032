"""Videos whose container does not say how many frames they have."""

import contextlib
import io

import av
import numpy as np
import pytest

from gesture.base.errors import GestureError
from gesture.formats.video import CroppedVideo

FRAMES = 9
FORMS = {
    "mp4": ("mp4", "libx264", {}),
    "fragmented mp4": ("mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    "mkv": ("matroska", "libx264", {}),
    "webm": ("webm", "libvpx-vp9", {}),
    "ts": ("mpegts", "libx264", {}),
}


def video(form: str) -> bytes:
    """Gray pictures of level 25 * frame."""
    container_format, codec, options = FORMS[form]
    file = io.BytesIO()
    with av.open(file, "w", format=container_format, options=options) as container:
        stream = container.add_stream(codec, rate=20)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(FRAMES):
            picture = np.full((480, 640), 25 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_every_container_gives_all_its_frames(form: str) -> None:
    opened = CroppedVideo(video(form), "a video", "gray", 16)
    assert opened.frames == FRAMES
    levels = [round(float(image.mean())) for image in opened.images(list(range(FRAMES)))]
    assert np.abs(np.array(levels) - 25 * np.arange(FRAMES)).max() <= 3


@pytest.mark.parametrize("form", ["fragmented mp4", "mkv", "ts"])
def test_a_cut_video_without_a_frame_count_is_never_an_empty_one(form: str) -> None:
    content = video(form)
    told = []
    for part in range(1, 10):
        with contextlib.suppress(GestureError):
            told.append(CroppedVideo(content[: len(content) * part // 10], "a video", "gray", 16).frames)
    assert told
    assert all(0 < frames <= FRAMES for frames in told)
