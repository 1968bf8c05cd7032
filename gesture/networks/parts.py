"""Parts that several networks have: streams of the skeleton, and temporal convolutions with their cost."""

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from gesture.networks.base import FLOAT, USUAL_LENGTH, InputSpec, Layer, NetworkSettings, Product, VariantLike, Width

JOINTS = 20
# A sequence of joints as the pipeline delivers it [bytes].
JOINTS_BYTES = USUAL_LENGTH * JOINTS * 9 * FLOAT
CHANNELS = {"joints": 60, "bones": 57, "velocity": 60, "path": 3}

Streams = tuple[Literal["joints", "bones", "velocity", "path"], ...]
Frames = Annotated[int, Field(ge=4, le=512, description="Length that every sequence is resampled to [frames].")]


def channels_of(streams: Iterable[str]) -> int:
    """Numbers that these streams of the skeleton give for a frame."""
    return sum(CHANNELS[name] for name in streams)


class OnSkeleton(NetworkSettings):
    """A network that sees the skeleton alone."""

    def problems(self, variant: VariantLike) -> list[str]:
        """What of a variant this network cannot do."""
        found = super().problems(variant)
        if variant.modalities != ["skeleton"]:
            given = ", ".join(variant.modalities)
            found.append(f"modalities: network {self.name!r} takes skeleton alone, got {given}")
        return found

    def inputs(self, variant: VariantLike) -> tuple[InputSpec, ...]:
        """The joints of every frame."""
        return (InputSpec("skeleton"),)


class TemporalSettings(NetworkSettings):
    """Sizes of the temporal convolutions."""

    width: Width = Field(64, description="Channels of the temporal convolutions [channels].")
    blocks: int = Field(3, ge=1, le=32, description="Residual blocks of two convolutions, each halving time [blocks].")
    kernel: int = Field(5, ge=1, le=31, description="Length of the convolutions [frames].")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropped in blocks and before the logits [fraction].")
    batch_norm_momentum: float = Field(
        0.9, ge=0, lt=1, description="Part of the moving batch statistics that survives a step [fraction]."
    )

    def convolutions(self, frames: int, channels: int) -> list[Product]:
        """The temporal convolutions over so many channels of each frame."""
        found = [Product(frames, channels, self.width)]
        for _ in range(self.blocks):
            found += 2 * [Product(frames, self.kernel * self.width, self.width)]
            frames = ceil(frames / 2)
        return found

    def temporal_layers(self, frames: int, channels: int, width: int) -> Iterator[Layer]:
        """What the temporal convolutions take over so many channels of each frame."""
        made = frames * self.width * width
        yield Layer(frames * channels * width + made, made)
        for _ in range(self.blocks):
            made, half = frames * self.width * width, ceil(frames / 2) * self.width * width
            # Two norms with ReLU, two convolutions, what dropout left and its mask; the pool.
            yield Layer(5 * made + made / width + half, 3 * made, self.kernel * made, 2 * made)
            frames = ceil(frames / 2)
        yield Layer(frames * self.width * (width + FLOAT), 2 * frames * self.width * FLOAT)
