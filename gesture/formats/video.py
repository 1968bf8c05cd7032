"""The 640x480 videos of ChaLearn, cropped and scaled inside the decoder's filter graph."""

import io
from collections.abc import Iterator

import av
import av.filter
import numpy as np

from gesture.base.errors import GestureError

_WIDTH, _HEIGHT = 640, 480
_CROP = "320:320:140:10"  # width, height, left, top: columns 140:460, rows 10:330


class CroppedVideo:
    """One video held in memory as a file; decoded once, on one thread."""

    def __init__(self, content: bytes, where: str, pixels: str, size: int) -> None:
        """Opens the video.

        Args:
            content: bytes of the file.
            where: what to call it in an error.
            pixels: ``rgb24``, or ``gray``: luma expanded to 0-255, as the official tools do; not the raw Y plane.
            size: side of the images.

        Raises:
            GestureError: it is no video of 640x480, or has no frames.
        """
        self._where, self._pixels, self._size = where, pixels, size
        try:
            self._container = av.open(io.BytesIO(content), "r")
        except av.FFmpegError as error:
            raise GestureError(f"{where}: not a readable video ({error.strerror})") from error
        streams = self._container.streams.video
        # A damaged stream has no size at all.
        sizes = [(getattr(one, "width", 0), getattr(one, "height", 0)) for one in streams[:1]]
        if sizes != [(_WIDTH, _HEIGHT)]:
            raise GestureError(f"{where}: expected a video of {_WIDTH}x{_HEIGHT}")
        self._stream = streams[0]
        self._stream.codec_context.thread_count = 1  # one process a recording: threads would only fight
        self.frames: int = self._stream.frames or _counted(content, where)
        if not self.frames:
            raise GestureError(f"{where}: holds no frame: cut or damaged; copy or download it again")

    def images(self, wanted: list[int]) -> Iterator[np.ndarray]:
        """Yields the images, uint8, of these frames, which must be in ascending order.

        Raises:
            GestureError: the video is damaged or ends too early.
        """
        due, index = iter(wanted), -1
        next_wanted = next(due, None)
        try:
            graph = self._graph()
            for index, frame in enumerate(self._container.decode(self._stream)):
                if index == next_wanted:
                    graph.push(frame)
                    yield graph.pull().to_ndarray()
                    next_wanted = next(due, None)
                if next_wanted is None:
                    return
        except (av.FFmpegError, ValueError) as error:  # a ValueError where a picture has no format
            reason = getattr(error, "strerror", None) or error
            raise GestureError(f"{self._where}: damaged after frame {index + 1} ({reason})") from error
        raise GestureError(f"{self._where}: ends at frame {index + 1} of {self.frames}: damaged")

    def _graph(self) -> av.filter.Graph:
        """Crop, then area average, then pixel format: nothing larger than the result reaches Python."""
        graph = av.filter.Graph()
        graph.threads = 1  # slices of so small a picture cost more to hand out than to make
        graph.link_nodes(
            graph.add_buffer(template=self._stream),
            graph.add("crop", _CROP),
            graph.add("scale", f"{self._size}:{self._size}:flags=area"),
            graph.add("format", self._pixels),
            graph.add("buffersink"),
        ).configure()
        return graph


def _counted(content: bytes, where: str) -> int:
    """The frames of a video that does not say how many it has: fragmented MP4, MKV, WebM, TS.

    Its packets are counted without decoding them; each holds one picture.

    Raises:
        GestureError: it is damaged.
    """
    try:
        with av.open(io.BytesIO(content), "r") as container:
            return sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))
    except (av.FFmpegError, IndexError) as error:
        raise GestureError(f"{where}: damaged ({error})") from error
