"""The network `smnet`: clip encoders per modality (C3D or R(2+1)D), joined over time by a recurrent cell."""

from collections.abc import Iterator, Sequence
from math import ceil, prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.networks.base import FLOAT, Chains, Context, InputSpec, Layer, NetworkSettings, Product, VariantLike, Width

if TYPE_CHECKING:
    from gesture.networks.layers.network import GestureNetwork

# What the 2019 program did and we do not do unless asked.
_LEGACY: dict[str, Any] = {"layout": "padded", "recurrent_dropout_always": True, "score_divisor": "batch"}

# Clip encoders (C3D, Tran et al. 2015).
FRAMES = 16  # of a clip
CONVOLUTIONS = ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b")
POOL_AFTER = {"1": (1, 2, 2), "2": (2, 2, 2), "3b": (2, 2, 2), "4b": (2, 2, 2)}
LAST_POOL = (2, 2, 2)
CONVOLUTIONS_OF = {"rgb": 8, "depth": 6, "skeleton": 6}
# Stream, named as the modality that it needs -> kind of input.
PICTURES = {"rgb": "rgb", "depth": "depth", "skeleton": "skeleton_image"}
STREAMS = tuple(PICTURES)
PICTURE_CHANNELS = {"rgb": 3, "depth": 1, "skeleton": 3}  # as the pipeline delivers them; encoders see three
ENCODERS = ("c3d", "r2plus1d")

Kernel = tuple[int, int, int]


class SMnetSettings(NetworkSettings):
    """Three 3-D convolutional clip encoders, joined by a bidirectional LSTM with attention over its last outputs."""

    unit: ClassVar[str] = "clip"

    model: Literal["smnet"] = Field("smnet", description="Kind of network.")
    widths: tuple[Width, ...] = Field(
        (64, 128, 256, 256, 512, 512, 512, 512),
        min_length=1,
        max_length=8,
        description="Channels of the convolutions 1, 2, 3a, 3b, 4a, 4b, 5a, 5b; fewer make a smaller network, "
        "and only the rgb encoder uses more than six [channels].",
    )
    encoder: Literal["c3d", "r2plus1d"] = Field(
        "c3d",
        description="Convolutions of the clip encoders: `c3d` = 3x3x3, `r2plus1d` = 1x3x3 then 3x1x1, with about as "
        "many weights, one more ReLU, and space and time apart.",
    )
    head_units: tuple[Width, Width, Width] = Field(
        (256, 128, 128), description="Features of a clip from the rgb, depth and skeleton encoder [units]."
    )
    recurrent_units: Width = Field(256, description="Units of the recurrent cell, per direction [units].")
    attention_length: int = Field(
        5, ge=1, le=64, description="Past outputs that the recurrent cell attends to [clips]."
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropped before the dense layers when training [fraction].")
    recurrent_dropout: float = Field(
        0.3, ge=0, lt=1, description="Dropped of the recurrent cell's input and output when training [fraction]."
    )
    recurrent_dropout_always: bool = Field(
        False, description="Recurrent dropout also at evaluation, as in 2019: predictions become random."
    )
    batch_norm_momentum: float = Field(
        0.99, ge=0, lt=1, description="Part of the moving batch statistics that survives a step [fraction]."
    )
    train_stack_norm: bool = Field(
        False, description="Train scale and shift of the convolutions' batch norms; 2019 left them at 1 and 0."
    )
    score_divisor: Literal["own", "batch"] = Field(
        "own",
        description="Logits are summed over clips and divided by the sequence's `own` or the `batch`'s clip count.",
    )
    layout: Literal["flat", "padded"] = Field(
        "flat", description="Clips of a batch: `flat` = real ones only, `padded` = as many for each sequence (2019)."
    )
    legacy: bool = Field(
        False,
        description="Behave as the 2019 program: same sums in batch norms (slower), and `layout: padded`, "
        "`recurrent_dropout_always: true`, `score_divisor: batch` where these are not given.",
    )

    @model_validator(mode="before")
    @classmethod
    def _legacy_defaults(cls, value: Any) -> Any:
        return {**_LEGACY, **value} if isinstance(value, dict) and value.get("legacy") is True else value

    def problems(self, variant: VariantLike) -> list[str]:
        """What of a variant this network cannot do."""
        found = []
        given = [key for key in ("pretrained", "start") if getattr(variant, key) is not None]
        if self.encoder != "c3d":
            found += [
                f"{key}: only `encoder: c3d` has the convolutions of such a file; remove the key" for key in given
            ]
        if len(given) > 1:
            found.append("give either `pretrained` (convolutions) or `start` (a whole checkpoint)")
        if variant.training.augmentation.mixup:
            found.append(
                "training.augmentation.mixup: sequences of network 'smnet' have no common length to blend them at; "
                "set it to 0"
            )
        return found

    def inputs(self, variant: VariantLike) -> tuple[InputSpec, ...]:
        """Clips of pictures of each stream."""
        return self.pictures(variant.modalities, motion=variant.images == "subtract_mean")

    def pictures(self, modalities: Sequence[str], motion: bool = False) -> tuple[InputSpec, ...]:
        """What is fed of these modalities; with ``motion`` every image is taken minus its sequence's mean image."""
        every = {"motion": motion, "padded": self.layout == "padded"}
        own = {"depth": {"masked": "mask" in modalities}}
        return tuple(
            InputSpec(kind, {**every, **own.get(stream, {})})
            for stream, kind in PICTURES.items()
            if stream in modalities
        )

    def products(self, modalities: Sequence[str], size: int) -> list[Product]:
        """All that is counted, for one clip."""
        found, features = [], 0
        for stream, units in zip(STREAMS, self.head_units, strict=True):
            if stream not in modalities:
                continue
            extent, channels = [FRAMES, size, size], 3
            for name, kernel, width in layers_of(self.encoder, self.widths[: CONVOLUTIONS_OF[stream]]):
                found.append(Product(prod(extent), prod(kernel) * channels, width))
                extent, channels = pooled(extent, POOL_AFTER.get(name, (1, 1, 1))), width
            found.append(Product(1, prod(pooled(extent, LAST_POOL)) * channels, units))
            features += units
        u = self.recurrent_units
        cell = [
            Product(1, features + u, 2 * u),  # mixes input and attention
            Product(1, 3 * u, 4 * u),  # gates
            Product(1, 2 * u, u),  # query
            Product(1, 2 * u, u),  # output
            Product(self.attention_length, u, u),  # keys of the memory
        ]
        return found + 2 * cell

    def chains(self, modalities: Sequence[str], size: int, width: int, gradient_checkpointing: bool) -> Chains:
        """Each encoder is a chain; the recurrent part follows the first."""
        chains, inputs, features = [], 0.0, 0
        for stream, units in zip(STREAMS, self.head_units, strict=True):
            if stream not in modalities:
                continue
            pixels = FRAMES * size**2
            inputs += pixels * PICTURE_CHANNELS[stream] * FLOAT
            # Depth three times; in a half type what the first convolution sees.
            entry = pixels * 3 * width if stream == "depth" or width < FLOAT else 0.0
            chains.append([Layer(entry, 0.0), *self._encoder(stream, size, units, width, gradient_checkpointing)])
            features += units
        u = self.recurrent_units
        # Of one step and direction, all float32: gates and states, and the memory with its keys and scores.
        step = FLOAT * (2 * features + 40 * u + 5 * self.attention_length * u)
        chains[0].append(Layer(2 * step, step))
        return Chains(chains, inputs)

    def _encoder(
        self, stream: str, image: int, units: int, width: int, gradient_checkpointing: bool
    ) -> Iterator[Layer]:
        size, channels = [FRAMES, image, image], 3
        for name, kernel, filters in layers_of(self.encoder, self.widths[: CONVOLUTIONS_OF[stream]]):
            seen, made = prod(size) * channels * width, prod(size) * filters * width
            size, channels = pooled(size, POOL_AFTER.get(name, (1, 1, 1))), filters
            left = prod(size) * filters * width if name in POOL_AFTER else 0
            # Kept: what the convolution made, for batch norm; its ReLU; the pool.
            inside, gradients = 2 * made + left, 2 * made
            if gradient_checkpointing:
                outside = left or made
                yield Layer(outside, inside + gradients, prod(kernel) * seen, seen + made)
            else:
                yield Layer(inside, gradients, prod(kernel) * seen, seen + made)
        flat = prod(pooled(size, LAST_POOL)) * channels
        # The last pool, what dropout left of it and its mask; dense, its norm.
        yield Layer(flat * (2 * width + 1) + 3 * units * width, 2 * flat * width)

    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables."""
        from gesture.networks.layers.smnet import SMnet

        return SMnet(
            self, context.modalities, context.classes, context.size, context.rng, context.gradient_checkpointing
        )


def layers_of(encoder: str, widths: Sequence[int], channels: int = 3) -> list[tuple[str, Kernel, int]]:
    """Convolutions of a clip encoder: name (empty for the first half of a factorised one), kernel, width.

    A factorised one has as many channels between its halves as keep the number of weights (Tran et al. 2018).

    Raises:
        GestureError: there is no encoder of this kind.
    """
    if encoder not in ENCODERS:
        raise GestureError(not_one_of(encoder, "clip encoder", ENCODERS))
    layers: list[tuple[str, Kernel, int]] = []
    for name, width in zip(CONVOLUTIONS, widths, strict=False):
        if encoder == "r2plus1d":
            layers.append(("", (1, 3, 3), 27 * channels * width // (9 * channels + 3 * width)))
            layers.append((name, (3, 1, 1), width))
        else:
            layers.append((name, (3, 3, 3), width))
        channels = width
    return layers


def pooled(size: Sequence[int], pool: Sequence[int]) -> list[int]:
    """Size after a pool with padding, rounded up."""
    return [ceil(extent / step) for extent, step in zip(size, pool, strict=True)]
