"""The network `stgcn`: convolutions along the bones and over time."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gesture.networks.base import Chains, Context, Layer, Product, Width
from gesture.networks.parts import JOINTS, JOINTS_BYTES, Frames, OnSkeleton

if TYPE_CHECKING:
    from gesture.networks.layers.network import GestureNetwork


class StgcnSettings(OnSkeleton):
    """Convolutions along the bones and over time, the same for every joint."""

    model: Literal["stgcn"] = Field("stgcn", description="Kind of network.")
    frames: Frames = 48
    streams: tuple[Literal["joints", "bones", "velocity"], ...] = Field(
        ("joints", "bones", "velocity"),
        min_length=1,
        description="What each joint brings: its position, its bone, its velocity.",
    )
    widths: tuple[Width, ...] = Field(
        (32, 64, 64), min_length=1, max_length=12, description="Channels of the blocks [channels]."
    )
    kernel: int = Field(5, ge=1, le=31, description="Length of the temporal convolutions [frames].")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropped in blocks and before the logits [fraction].")
    batch_norm_momentum: float = Field(
        0.9, ge=0, lt=1, description="Part of the moving batch statistics that survives a step [fraction]."
    )

    @property
    def strides(self) -> tuple[int, ...]:
        """Every block halves time but the last, which leaves it."""
        return (2,) * (len(self.widths) - 1) + (1,)

    @property
    def width(self) -> int:
        """Channels of the last block."""
        return self.widths[-1]

    def products(self, modalities: Sequence[str], size: int) -> list[Product]:
        """All that is counted."""
        found, frames, channels = [], self.frames, 3 * len(self.streams)
        for width, stride in zip(self.widths, self.strides, strict=True):
            found.append(Product(frames * channels, JOINTS, 3 * JOINTS))
            found.append(Product(frames * JOINTS, 3 * channels, width))
            frames = ceil(frames / stride)
            found.append(Product(frames * JOINTS, self.kernel * width, width))
            found.append(Product(frames * JOINTS, channels, width))
            channels = width
        return found

    def chains(self, modalities: Sequence[str], size: int, width: int, gradient_checkpointing: bool) -> Chains:
        """The blocks, one after another."""
        return Chains([list(self._layers(width))], JOINTS_BYTES)

    def _layers(self, width: int) -> Iterator[Layer]:
        frames, channels = self.frames, 3 * len(self.streams)
        yield Layer(frames * JOINTS * channels * width, 0.0)
        for filters, stride in zip(self.widths, self.strides, strict=True):
            seen, made = frames * JOINTS * channels * width, frames * JOINTS * filters * width
            frames = ceil(frames / stride)
            left = frames * JOINTS * filters * width
            # Neighbours; products, their norm with ReLU, what dropout left and its mask; the same after time.
            kept = 3 * seen + 3 * made + made / width + 2 * left + (seen / stride if stride > 1 else 0)
            yield Layer(kept, max(2 * made, 3 * seen) + left, self.kernel * made, made + left)
            channels = filters

    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables."""
        from gesture.networks.layers.skeleton import GraphNetwork

        return GraphNetwork(self, context.modalities, context.classes, context.rng)
