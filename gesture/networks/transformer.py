"""The network `transformer`: attention of every frame to all others."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from gesture.networks.base import FLOAT, Chains, Context, Layer, Product, Width
from gesture.networks.parts import JOINTS_BYTES, Frames, OnSkeleton, Streams, channels_of

if TYPE_CHECKING:
    from gesture.networks.layers.network import GestureNetwork


class TransformerSettings(OnSkeleton):
    """Self-attention over the frames' joint coordinates."""

    model: Literal["transformer"] = Field("transformer", description="Kind of network.")
    frames: Frames = 48
    streams: Streams = Field(
        ("joints", "bones", "velocity", "path"),
        min_length=1,
        description="What the network sees: joint positions, bone vectors, velocities, the path of the hip.",
    )
    width: Width = Field(64, description="Channels of a frame; a multiple of `heads` [channels].")
    blocks: int = Field(3, ge=1, le=32, description="Attention blocks [blocks].")
    heads: int = Field(4, ge=1, le=64, description="Heads of the attention [heads].")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropped in blocks and before the logits [fraction].")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "TransformerSettings":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self

    def products(self, modalities: Sequence[str], size: int) -> list[Product]:
        """All that is counted."""
        frames, width = self.frames, self.width
        block = [
            Product(frames, width, 3 * width),
            Product(frames, width, frames, trained=False),  # queries times keys
            Product(frames, frames, width, trained=False),  # weights times values
            Product(frames, width, width),
            Product(frames, width, 2 * width),
            Product(frames, 2 * width, width),
        ]
        return [Product(frames, channels_of(self.streams), width), *self.blocks * block]

    def chains(self, modalities: Sequence[str], size: int, width: int, gradient_checkpointing: bool) -> Chains:
        """The blocks, one after another."""
        return Chains([list(self._layers(width))], JOINTS_BYTES)

    def _layers(self, width: int) -> Iterator[Layer]:
        frames, made = self.frames, self.frames * self.width
        channels = channels_of(self.streams)
        yield Layer(frames * channels * width + made * width, made * width)
        scores = self.heads * frames**2
        for _ in range(self.blocks):
            # Norms in float32; queries, keys, values; attended and joined; a dense layer of twice the width, its GELU.
            norms = 4 * made * (FLOAT if width == FLOAT else FLOAT + width)
            kept = norms + 14 * made * width + 2 * made + scores * (FLOAT if width == FLOAT else FLOAT + width)
            yield Layer(kept, 4 * made * width)

    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables."""
        from gesture.networks.layers.skeleton import TransformerNetwork

        return TransformerNetwork(self, context.modalities, context.classes, context.rng)
