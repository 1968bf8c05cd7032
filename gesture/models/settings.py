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


class JointsSettings(_NetworkSettings):
    """Temporal convolutions over the world coordinates of the 20 joints."""

    model: Literal["joints"] = Field("joints", description="Kind of network.")
    frames: int = Field(48, ge=4, le=512, description="Length that every sequence is resampled to [frames].")
    streams: tuple[Literal["joints", "bones", "velocity", "path"], ...] = Field(
        ("joints", "bones", "velocity", "path"),
        min_length=1,
        description="What the network sees: joint positions, bone vectors, velocities, the path of the hip.",
    )
    width: Width = Field(64, description="Channels of the convolutions [channels].")
    blocks: int = Field(3, ge=1, le=32, description="Residual blocks of two convolutions, each halving time [blocks].")
    kernel: int = Field(5, ge=1, le=31, description="Length of the convolutions [frames].")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropped in blocks and before the logits [fraction].")
    norm_momentum: float = Field(
        0.9, ge=0, lt=1, description="Part of the moving batch statistics that survives a step [fraction]."
    )


ModelSettings = Annotated[SMnetSettings | JointsSettings, Field(discriminator="model")]
