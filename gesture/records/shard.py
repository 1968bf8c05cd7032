"""TFRecord files: framed, checksummed records, written in order and read at any offset.

Format: length (uint64), masked CRC-32C of it, data, masked CRC-32C of the data; all little-endian
(tensorflow/core/lib/io/record_writer.h).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from gesture.errors import FailedForGoodError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


def write_record(file: BinaryIO, data: bytes) -> tuple[int, int]:
    """Appends one record; returns its offset and its length with framing [bytes]."""
    offset = file.tell()
    length = struct.pack("<Q", len(data))
    file.write(length + _FOOTER.pack(_masked_crc(length)) + data + _FOOTER.pack(_masked_crc(data)))
    return offset, file.tell() - offset


def read_record(file: BinaryIO, offset: int, size: int, path: Path) -> bytes:
    """Reads the record of ``size`` bytes, framing included, that starts at ``offset``.

    Raises:
        FailedForGoodError: the file is shorter, or a checksum is wrong.
    """
    file.seek(offset)
    frame = file.read(size)
    remedy = "the shard is damaged: delete it and its .json, and convert again"
    if len(frame) < size:
        raise FailedForGoodError(f"{path}: ends inside the record at byte {offset}; {remedy}")
    length, length_crc = _HEADER.unpack_from(frame)
    data = frame[_HEADER.size : -_FOOTER.size]
    (data_crc,) = _FOOTER.unpack(frame[-_FOOTER.size :])
    if length != len(data) or length_crc != _masked_crc(frame[:8]) or data_crc != _masked_crc(data):
        raise FailedForGoodError(f"{path}: wrong checksum in the record at byte {offset}; {remedy}")
    return data


def read_stream(stream: BinaryIO) -> Iterator[bytes]:
    """All records from here to the end of a stream, in order; it need not be seekable.

    Raises:
        ValueError: it ends inside a record, or a checksum is wrong.
    """
    while header := stream.read(_HEADER.size):
        if len(header) < _HEADER.size:
            raise ValueError("ends inside a record")
        length, length_crc = _HEADER.unpack(header)
        if length_crc != _masked_crc(header[:8]):
            raise ValueError("wrong checksum of a record's length")
        data, footer = stream.read(length), stream.read(_FOOTER.size)
        if len(footer) < _FOOTER.size:
            raise ValueError("ends inside a record")
        if _FOOTER.unpack(footer) != (_masked_crc(data),):
            raise ValueError("wrong checksum of a record")
        yield data


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
