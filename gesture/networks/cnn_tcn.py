"""The network `cnn_tcn`: the person in each depth picture, joined over time; the skeleton may be added."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gesture.networks.base import FLOAT, Chains, Context, InputSpec, Layer, Product, VariantLike, Width
from gesture.networks.parts import JOINTS_BYTES, Frames, Streams, TemporalSettings, channels_of

if TYPE_CHECKING:
    from gesture.networks.layers.network import GestureNetwork


class CnnTcnSettings(TemporalSettings):
    """2-D convolutions on the person in each depth picture, joined over time; the skeleton may be added."""

    model: Literal["cnn_tcn"] = Field("cnn_tcn", description="Kind of network.")
    frames: Frames = 24
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
            found.append(f"modalities: network 'cnn_tcn' takes depth, mask and maybe skeleton, got {given}")
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

    def chains(self, modalities: Sequence[str], size: int, width: int, gradient_checkpointing: bool) -> Chains:
        """The pictures' convolutions, then those over time."""
        joints = JOINTS_BYTES if "skeleton" in modalities else 0
        return Chains([list(self._layers(modalities, width))], joints + self.frames * self.person**2 * 2 * FLOAT)

    def _layers(self, modalities: Sequence[str], width: int) -> Iterator[Layer]:
        size, channels = self.person, 3
        yield Layer(self.frames * size**2 * channels * width, 0.0)
        for number, filters in enumerate(self.widths):
            half, kernel = ceil(size / 2), 3 if number else 5
            seen = self.frames * size**2 * channels * width
            made = self.frames * (size if number else half) ** 2 * filters * width
            left = self.frames * half**2 * filters * width if number else 0
            unrolled = self.frames * (size if number else half) ** 2 * kernel**2 * channels * width
            yield Layer(2 * made + left, 2 * made, unrolled, seen + made)
            size, channels = half, filters
        flat = self.frames * size**2 * channels
        yield Layer(flat * (width + 1) + 3 * self.frames * self.features * width, 2 * flat * width)
        features = [2 * self.features]
        if "skeleton" in modalities:
            seen = channels_of(self.streams)
            yield Layer(self.frames * (seen * FLOAT + self.features * width), self.frames * seen * width)
            features.append(self.features)
        if self.fusion == "early":
            features = [sum(features)]
        for one in features:
            yield from self.temporal_layers(self.frames, one, width)

    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables."""
        from gesture.networks.layers.frames import FramesNetwork

        return FramesNetwork(self, context.modalities, context.classes, context.rng)
