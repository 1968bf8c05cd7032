"""TFRecord files: framed, checksummed records, written in order and read at any offset.

Format: length (uint64), masked CRC-32C of it, data, masked CRC-32C of the data; all little-endian
(tensorflow/core/lib/io/record_writer.h).
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from gesture.base.errors import FailedForGoodError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
REMEDY = "the shard is damaged: delete it and its .json, and convert again"


def write_record(file: BinaryIO, data: bytes) -> tuple[int, int]:
    """Appends one record; returns its offset and its length with framing [bytes]."""
    offset = file.tell()
    length = struct.pack("<Q", len(data))
    file.write(length + _FOOTER.pack(_masked_crc(length)) + data + _FOOTER.pack(_masked_crc(data)))
    return offset, file.tell() - offset


def read_record(descriptor: int, offset: int, size: int, path: Path) -> bytes:
    """Reads the record of ``size`` bytes, framing included, that starts at ``offset`` of an open file.

    Threads may share the file: its position is neither used nor moved.

    Raises:
        FailedForGoodError: the file is shorter, or a checksum is wrong.
    """
    header = os.pread(descriptor, _HEADER.size, offset)
    # The data by themselves: cutting them out of the frame would copy megabytes.
    data = os.pread(descriptor, size - _HEADER.size - _FOOTER.size, offset + _HEADER.size)
    footer = os.pread(descriptor, _FOOTER.size, offset + size - _FOOTER.size)
    if len(header) + len(data) + len(footer) < size:
        raise FailedForGoodError(f"{path}: ends inside the record at byte {offset}; {REMEDY}")
    expected = _HEADER.pack(len(data), _masked_crc(header[:8])), _FOOTER.pack(_masked_crc(data))
    if (header, footer) != expected:
        raise FailedForGoodError(f"{path}: wrong checksum in the record at byte {offset}; {REMEDY}")
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
