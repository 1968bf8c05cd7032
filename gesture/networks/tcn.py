"""The network `tcn`: temporal convolutions over all joints of a frame at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gesture.networks.base import Chains, Context, Product
from gesture.networks.parts import JOINTS_BYTES, Frames, OnSkeleton, Streams, TemporalSettings, channels_of

if TYPE_CHECKING:
    from gesture.networks.layers.network import GestureNetwork


class TcnSettings(TemporalSettings, OnSkeleton):
    """Temporal convolutions over the world coordinates of the 20 joints."""

    model: Literal["tcn"] = Field("tcn", description="Kind of network.")
    frames: Frames = 48
    streams: Streams = Field(
        ("joints", "bones", "velocity", "path"),
        min_length=1,
        description="What the network sees: joint positions, bone vectors, velocities, the path of the hip.",
    )

    def products(self, modalities: Sequence[str], size: int) -> list[Product]:
        """All that is counted."""
        return self.convolutions(self.frames, channels_of(self.streams))

    def chains(self, modalities: Sequence[str], size: int, width: int, gradient_checkpointing: bool) -> Chains:
        """The temporal convolutions."""
        return Chains([list(self.temporal_layers(self.frames, channels_of(self.streams), width))], JOINTS_BYTES)

    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables."""
        from gesture.networks.layers.skeleton import JointsNetwork

        return JointsNetwork(self, context.modalities, context.classes, context.rng)
