"""What every network declares: its settings, what it cannot do, what it costs, and how it is built.

Neither this module nor those of the networks import NumPy or TensorFlow when they are loaded, so that a workflow can
check a configuration and count its costs on any node. Keras is imported inside `build`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Protocol, get_args

from pydantic import Field

from gesture.base.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from gesture.networks.layers.network import GestureNetwork

FLOAT = 4  # bytes of float32
# A sequence where nothing is known of the recordings, as long as the mean of ChaLearn LAP 2014 [frames].
USUAL_LENGTH = 60

Width = Annotated[int, Field(ge=1, le=4096)]


class VariantLike(Protocol):
    """What a network may know of a variant; `gesture.config.settings.Variant` says what these are."""

    @property
    def modalities(self) -> Sequence[str]:
        """What the network sees."""

    @property
    def images(self) -> str:
        """What clip encoders see."""

    @property
    def pretrained(self) -> str | None:
        """Convolutions to start from."""

    @property
    def start(self) -> str | None:
        """Checkpoint to start from."""

    @property
    def training(self) -> Any:
        """How it is trained."""


class Product(NamedTuple):
    """A convolution or matrix product: `times` an input of so many numbers becomes an output of so many."""

    times: int
    inputs: int
    outputs: int
    trained: bool = True


class Layer(NamedTuple):
    """What one layer takes of a clip or sequence while a network is trained [bytes].

    Attributes:
        kept: from the forward pass until the backward pass has been there.
        passing: while the backward pass is there: gradients, and what is computed again.
        unrolled: its input as a matrix, as large as the workspace of a convolution can become.
        swapped: its input and output once more, with the channels in front.
    """

    kept: float
    passing: float
    unrolled: float = 0.0
    swapped: float = 0.0


class Chains(NamedTuple):
    """The layers of a network in the order of the forward pass, for its memory.

    Attributes:
        layers: parallel ones as chains of their own.
        inputs: of a clip or sequence [bytes].
    """

    layers: list[list[Layer]]
    inputs: float


class InputSpec(NamedTuple):
    """One thing that a network is fed.

    Attributes:
        kind: a name of `gesture.catalog.INPUTS`, and its key in the batch.
        options: what that kind is made with.
    """

    kind: str
    options: Mapping[str, Any] = MappingProxyType({})


class Context(NamedTuple):
    """What a network is built for.

    Attributes:
        modalities: what it may see, from `rgb`, `depth`, `mask`, `skeleton`.
        classes: number of classes K.
        size: height and width of the stored images [px].
        rng: source of the seeds of all initial weights and dropouts.
        gradient_checkpointing: clip encoders compute their activations again in the backward pass and keep none.
    """

    modalities: Sequence[str]
    classes: int
    size: int
    rng: "np.random.Generator"
    gradient_checkpointing: bool = False


class NetworkSettings(Settings, ABC):
    """Settings of one kind of network; the field `model: Literal["NAME"] = "NAME"` gives its name.

    Attributes:
        name: what `model` is.
        unit: what the multiply-adds are for: a `sequence`, or a `clip` of 16 frames.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = "sequence"

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Takes the name from the field that a configuration chooses the network by."""
        if "model" in cls.model_fields:
            (cls.name,) = get_args(cls.model_fields["model"].annotation)

    def problems(self, variant: VariantLike) -> list[str]:
        """What of a variant this network cannot do, a sentence each, the key first; none if it suits.

        A network with clip encoders as in C3D overrides it; the others add to it.
        """
        return [
            f"{key}: network {self.name!r} has no C3D convolutions; remove the key"
            for key in ("pretrained", "start")
            if getattr(variant, key) is not None
        ]

    @abstractmethod
    def inputs(self, variant: VariantLike) -> tuple[InputSpec, ...]:
        """What the network is fed, each kind once."""

    @abstractmethod
    def products(self, modalities: Sequence[str], size: int) -> list[Product]:
        """All convolutions and matrix products in the order of the forward pass, without the logits.

        The logits are left out, since their share is small and depends on the classes.

        Args:
            modalities: what the network sees.
            size: height and width of the stored images [px].
        """

    def multiply_adds(self, modalities: Sequence[str], size: int) -> int:
        """Multiply-adds of one `unit`, forward; a multiply-add is two FLOPs."""
        return sum(one.times * one.inputs * one.outputs for one in self.products(modalities, size))

    def kernel_weights(self, modalities: Sequence[str], size: int) -> int:
        """Trained numbers in all products: nearly all of the network, without biases, norms and logits."""
        return sum(one.inputs * one.outputs for one in self.products(modalities, size) if one.trained)

    def chains(self, modalities: Sequence[str], size: int, width: int, gradient_checkpointing: bool) -> Chains:
        """What the layers take of a clip or sequence; by the products alone where a network does not know better.

        Args:
            modalities: what the network sees.
            size: height and width of the stored images [px].
            width: of a number in convolutions and products [bytes].
            gradient_checkpointing: clip encoders compute their activations again.
        """
        products = self.products(modalities, size)
        # A product, and what a norm or an activation made of it.
        made = [2 * one.times * one.outputs * width for one in products]
        seen = [one.times * one.inputs * width for one in products]
        layers = [Layer(kept, kept, unrolled) for kept, unrolled in zip(made, seen, strict=True)]
        return Chains([layers], max(one.times * one.inputs for one in products) * FLOAT)

    @abstractmethod
    def build(self, context: Context) -> "GestureNetwork":
        """The network with all its variables, a pure function of the settings and the context.

        Raises:
            GestureError: it cannot use these modalities.
        """
