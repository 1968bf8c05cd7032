"""Settings of the networks; free of NumPy and TensorFlow, so that a workflow can check them on any node."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Width = Annotated[int, Field(ge=1, le=4096)]

# What the 2019 program did and we do not do unless asked.
_LEGACY: dict[str, Any] = {"layout": "padded", "recurrent_dropout_always": True, "score_divisor": "batch"}


class _NetworkSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SMnetSettings(_NetworkSettings):
    """Three 3-D convolutional clip encoders, joined by a bidirectional LSTM with attention over its last outputs."""

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
    memory: int = Field(5, ge=1, le=64, description="Past outputs that the recurrent cell attends to [clips].")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropped before the dense layers when training [fraction].")
    recurrent_dropout: float = Field(
        0.3, ge=0, lt=1, description="Dropped of the recurrent cell's input and output when training [fraction]."
    )
    recurrent_dropout_always: bool = Field(
        False, description="Recurrent dropout also at evaluation, as in 2019: predictions become random."
    )
    norm_momentum: float = Field(
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


class TemporalSettings(_NetworkSettings):
    """Sizes of the temporal convolutions."""

    width: Width = Field(64, description="Channels of the temporal convolutions [channels].")
    blocks: int = Field(3, ge=1, le=32, description="Residual blocks of two convolutions, each halving time [blocks].")
    kernel: int = Field(5, ge=1, le=31, description="Length of the convolutions [frames].")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropped in blocks and before the logits [fraction].")
    norm_momentum: float = Field(
        0.9, ge=0, lt=1, description="Part of the moving batch statistics that survives a step [fraction]."
    )


_Streams = tuple[Literal["joints", "bones", "velocity", "path"], ...]
_Frames = Annotated[int, Field(ge=4, le=512)]


class JointsSettings(TemporalSettings):
    """Temporal convolutions over the world coordinates of the 20 joints."""

    model: Literal["joints"] = Field("joints", description="Kind of network.")
    frames: _Frames = Field(48, description="Length that every sequence is resampled to [frames].")
    streams: _Streams = Field(
        ("joints", "bones", "velocity", "path"),
        min_length=1,
        description="What the network sees: joint positions, bone vectors, velocities, the path of the hip.",
    )


class GraphSettings(_NetworkSettings):
    """Convolutions along the bones and over time, the same for every joint."""

    model: Literal["graph"] = Field("graph", description="Kind of network.")
    frames: _Frames = Field(48, description="Length that every sequence is resampled to [frames].")
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
    norm_momentum: float = Field(
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


class TransformerSettings(_NetworkSettings):
    """Self-attention over the frames' joint coordinates."""

    model: Literal["transformer"] = Field("transformer", description="Kind of network.")
    frames: _Frames = Field(48, description="Length that every sequence is resampled to [frames].")
    streams: _Streams = Field(
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


class FramesSettings(TemporalSettings):
    """2-D convolutions on the person in each depth picture, joined over time; the skeleton may be added."""

    model: Literal["frames"] = Field("frames", description="Kind of network.")
    frames: _Frames = Field(24, description="Length that every sequence is resampled to [frames].")
    person: int = Field(48, ge=16, le=224, description="Side of the square cut out around the person [px].")
    widths: tuple[Width, ...] = Field(
        (16, 32, 48, 64),
        min_length=1,
        max_length=6,
        description="Channels of the 2-D convolutions, the first 5x5, each halving the picture [channels].",
    )
    features: Width = Field(64, description="Numbers that a frame of each modality becomes [units].")
    streams: _Streams = Field(
        ("joints", "bones", "velocity", "path"),
        min_length=1,
        description="What is seen of the skeleton, if it is among the modalities.",
    )
    fusion: Literal["early", "late", "attention"] = Field(
        "attention",
        description="How depth and skeleton are joined: `early` = features of each frame side by side, `late` = mean "
        "of the logits of two networks, `attention` = summaries of the sequence, weighted by what they say.",
    )


SkeletonSettings = JointsSettings | GraphSettings | TransformerSettings
ModelSettings = Annotated[
    SMnetSettings | JointsSettings | GraphSettings | TransformerSettings | FramesSettings, Field(discriminator="model")
]
