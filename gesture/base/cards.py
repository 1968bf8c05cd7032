"""Which cards the GPU environment has code for, and what driver each needs: `make check-gpu-env` compares."""

from dataclasses import dataclass

# CUDA -> first release of the driver that knows it (NVIDIA's release notes).
DRIVERS = {
    (12, 0): 525, (12, 1): 530, (12, 2): 535, (12, 3): 545, (12, 4): 550,
    (12, 5): 555, (12, 6): 560, (12, 7): 565, (12, 8): 570, (12, 9): 575,
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """A generation of cards under the TensorFlow and the CUDA libraries of `envs/gpu.lock`.

    Attributes:
        names: of its usual cards.
        capability: compute capability, as (major, minor).
        compiled: whether some of TensorFlow's kernels are there as PTX only, which the driver compiles at first use.
        cuda: least CUDA that the driver must know, as (major, minor).
    """

    names: str
    capability: tuple[int, int]
    compiled: bool
    cuda: tuple[int, int]

    @property
    def driver(self) -> int:
        """First release of the driver that will do, such as 525."""
        return DRIVERS[self.cuda]


# Native code runs on any driver of the same major CUDA. PTX needs one at least as new as the compiler that wrote it
# (12.5 for TensorFlow 2.21), and a card needs one that knows it (Blackwell: 12.8).
CARDS = (
    Card("V100", (7, 0), False, (12, 0)),
    Card("T4", (7, 5), False, (12, 0)),
    Card("A100", (8, 0), False, (12, 0)),
    Card("RTX 30", (8, 6), False, (12, 0)),
    Card("L4, RTX 40", (8, 9), False, (12, 0)),
    Card("H100", (9, 0), True, (12, 5)),
    Card("B200", (10, 0), True, (12, 8)),
    Card("RTX 50", (12, 0), True, (12, 8)),
)


def card(capability: str) -> Card | None:
    """What is known of a compute capability such as `8.9`: its own line, or that of the next one below.

    None for cards older than all.
    """
    major, minor = map(int, capability.split("."))
    known = [one for one in CARDS if one.capability <= (major, minor)]
    return known[-1] if known else None
