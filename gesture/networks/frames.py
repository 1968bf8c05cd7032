"""The network `frames`: the person in each depth picture, joined over time; the skeleton may be added."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gesture.networks.base import Context, InputSpec, Product, VariantLike, Width
from gesture.networks.parts import Frames, Streams, TemporalSettings, channels_of

if TYPE_CHECKING:
    from gesture.networks.layers.network import GestureNetwork


class FramesSettings(TemporalSettings):
    """2-D convolutions on the person in each depth picture, joined over time; the skeleton may be added."""

    model: Literal["frames"] = Field("frames", description="Kind of network.")
    frames: Frames = Field(24, description="Length that every sequence is resampled to [frames].")
    person: int = Field(48, ge=16, le=224, description="Side of the square cut out around the person [px].")
    widths: tuple[Width, ...] = Field(
        (16, 32, 48, 64),
        min_length=1,
        max_length=6,
        description="Channels of the 2-D convolutions, the first 5x5, each halving the picture [channels].",
    )
    features: Width = Field(64, description="Numbers that a frame of each modality becomes [units].")
    streams: Streams = Field(
        ("joints", "bones", "velocity", "path"),
        min_length=1,
        description="What is seen of the skeleton, if it is among the modalities.",
    )
    fusion: Literal["early", "late", "attention"] = Field(
        "attention",
        description="How depth and skeleton are joined: `early` = features of each frame side by side, `late` = mean "
        "of the logits of two networks, `attention` = summaries of the sequence, weighted by what they say.",
    )

    def problems(self, variant: VariantLike) -> list[str]:
        """What of a variant this network cannot do."""
        found = super().problems(variant)
        if set(variant.modalities) - {"skeleton"} != {"depth", "mask"}:
            given = ", ".join(variant.modalities)
            found.append(f"modalities: network 'frames' takes depth, mask and maybe skeleton, got {given}")
        return found

    def inputs(self, variant: VariantLike) -> tuple[InputSpec, ...]:
        """Pictures of the person, and the joints if wanted."""
        person = InputSpec("person", {"side": self.person, "frames": self.frames})
        return (person, *(InputSpec("skeleton") for name in variant.modalities if name == "skeleton"))

    def products(self, modalities: Sequence[str], size: int) -> list[Product]:
        """All that is counted."""
        found, side, channels = [], self.person, 3
        for number, width in enumerate(self.widths):
            half = ceil(side / 2)
            out, kernel = (side, 3) if number else (half, 5)
            found.append(Product(self.frames * out**2, kernel**2 * channels, width))
            side, channels = half, width
        found.append(Product(self.frames, side**2 * channels, self.features))
        inputs = [2 * self.features]
        if "skeleton" in modalities:
            found.append(Product(self.frames, channels_of(self.streams), self.features))
            inputs.append(self.features)
        if self.fusion == "early":
            inputs = [sum(inputs)]
        for width in inputs:
            found += self.convolutions(self.frames, width)
        if len(inputs) > 1 and self.fusion == "attention":
            found.append(Product(len(inputs), self.width, 1))
        return found

    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables."""
        from gesture.networks.layers.frames import FramesNetwork

        return FramesNetwork(self, context.modalities, context.classes, context.rng)
