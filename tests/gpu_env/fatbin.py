"""Reads from a library for which cards it holds code: the containers that NVIDIA's compiler puts into ELF files.

A container begins with a magic number, 8-aligned: in the section `.nv_fatbin`, but also in data sections, where cuFFT's
are and the kernels that TensorFlow makes with MLIR; so the whole file is searched. It holds entries, each a header and
a payload that is not looked at here. One container is one module: the driver takes from it what fits the card. NVIDIA
does not document the format.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = struct.pack("<I", 0xBA55ED50)
CONTAINER = struct.Struct("<IHHQ")  # magic, version, size of this header, size of the entries
ENTRY = struct.Struct(
    "<HHIQIIHHI"
)  # kind, -, size of this header, size of the payload, -, -, minor, major, architecture
PTX, NATIVE = 1, 2

Capability = tuple[int, int]


@dataclass
class Module:
    """One container.

    Attributes:
        native: compute capabilities that it has machine code for.
        ptx: those from which on its PTX may be compiled, each with the version of the PTX.
    """

    native: set[Capability] = field(default_factory=set)
    ptx: dict[Capability, tuple[int, int]] = field(default_factory=dict)

    def runs_on(self, card: Capability) -> bool:
        """Machine code runs on its own generation, from its own minor number on."""
        return any(major == card[0] and minor <= card[1] for major, minor in self.native)

    def ptx_for(self, card: Capability) -> tuple[int, int] | None:
        """Version of the PTX that would be compiled for a card."""
        fitting = [one for one in self.ptx if one <= card]
        return self.ptx[max(fitting)] if fitting else None


def modules(path: Path) -> list[Module]:
    """All containers of a file, in order."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        return list(_modules(data))


def _modules(data: mmap.mmap) -> Iterator[Module]:
    at = data.find(MAGIC)
    while at >= 0:
        _, version, header, size = CONTAINER.unpack_from(data, at) if at + CONTAINER.size <= len(data) else (0,) * 4
        begin, end = at + header, at + header + size
        if at % 8 == 0 and version == 1 and header >= CONTAINER.size and end <= len(data):
            yield _module(data, begin, end)
        else:  # the same four bytes by chance, or in a program that compares with them
            end = at + len(MAGIC)
        at = data.find(MAGIC, end)


def _module(data: mmap.mmap, begin: int, end: int) -> Module:
    found = Module()
    while begin + ENTRY.size <= end:
        kind, _, header, size, _, _, minor, major, architecture = ENTRY.unpack_from(data, begin)
        if not header:
            break
        capability = (architecture // 10, architecture % 10)
        if kind == NATIVE:
            found.native.add(capability)
        elif kind == PTX:
            found.ptx[capability] = (major, minor)
        begin += header + size
    return found


@dataclass(frozen=True)
class Code:
    """What a library has for one card, in modules.

    Attributes:
        native: with machine code for it.
        compiled: without, though with machine code for other cards, and with PTX that the driver can compile for it.
        isa: newest version of that PTX.
    """

    native: int
    compiled: int
    isa: tuple[int, int] | None

    def __str__(self) -> str:
        if not self.native and not self.compiled:
            return "none"
        parts = [f"{self.native} native"] if self.native else []
        parts += [f"{self.compiled} PTX"] if self.compiled else []
        return " + ".join(parts) if len(parts) > 1 else parts[0].split()[1]


def code(found: list[Module], card: Capability) -> Code:
    """Counts. Modules of PTX alone are left out: a library compiles those at run time on every card."""
    native = sum(one.runs_on(card) for one in found)
    versions = [one.ptx_for(card) for one in found if one.native and not one.runs_on(card)]
    isa = [one for one in versions if one]
    return Code(native, len(isa), max(isa, default=None))
