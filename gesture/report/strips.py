"""The hardest sequences as the network saw them: a strip of pictures each."""

import io
from dataclasses import dataclass
from pathlib import Path

from gesture.base.errors import GestureError
from gesture.convert.reader import Records
from gesture.report.inspect import find, strip

_QUALITY = 80  # of the JPEG: a strip of four modalities takes about 80 kB


@dataclass(frozen=True)
class Strip:
    """A strip of pictures.

    Attributes:
        id: of the sequence.
        jpeg: the picture's bytes.
        width: [px].
        height: [px].
        alt: what it shows, in words.
    """

    id: int
    jpeg: bytes
    width: int
    height: int
    alt: str


def strips(manifest: Path, split: str, ids: list[int]) -> dict[int, Strip]:
    """Strips of some sequences by Id; what the records no longer hold is left out.

    Args:
        manifest: of the records.
        split: split in which the records keep these sequences.
        ids: which.
    """
    found = {}
    try:
        records = Records(manifest)
        for identity in ids:
            sequence = find(records, split, identity)
            image = strip(sequence)
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
            alt = f"Frames of sequence {identity}, evenly spaced over {sequence.length}: {', '.join(sequence.arrays)}."
            found[identity] = Strip(identity, buffer.getvalue(), *image.size, alt)
    except GestureError:
        return found
    return found
