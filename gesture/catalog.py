"""What a configuration can name. One more of a kind is one file and one line here: see CONTRIBUTING.md.

Other packages bring their own by entry points of the groups named here. What needs NumPy is named as text and imported
when it is used: the workflow and a login node read this file too.
"""

from functools import reduce
from importlib import import_module
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from gesture.base.registry import Registry
from gesture.formats import options
from gesture.formats.options import Format
from gesture.networks.base import NetworkSettings


class Averaging(NamedTuple):
    """A method of averaging, as settings, command line and report know it.

    Attributes:
        name: as in `average.method`.
        title: as the report calls it.
        place: `module:class` of its `gesture.average.methods.Method`.
        fitted: whether it learns from the labels of the validation split.
        takes_weights: whether weights may be given; then a fitted method learns nothing.
    """

    name: str
    title: str
    place: str
    fitted: bool = False
    takes_weights: bool = False

    def load(self) -> Any:
        """Its class; only now its module is imported."""
        module, _, name = self.place.partition(":")
        return getattr(import_module(module), name)

    def is_fitted(self, temperature_scaling: bool, weights: object) -> bool:
        """Whether labels decide the result, given whether a temperature is fitted and which weights were given."""
        return temperature_scaling or (self.fitted and weights is None)


_ALL = ("rgb", "depth", "mask", "skeleton")

FORMATS: Registry[Format] = Registry(
    "data set",
    Format("synthetic", "gesture.formats.synthetic", options.SyntheticOptions, ("preset", "seed"), _ALL, made=True),
    Format("montalbano2014", "gesture.formats.montalbano2014", options.MontalbanoOptions, modalities=_ALL),
    Format("montalbano2013", "gesture.formats.montalbano2013", options.MontalbanoOptions, modalities=_ALL),
    Format("smnet", "gesture.legacy2019.tfrecords", options.SmnetOptions),
    Format("utd_mhad", "gesture.formats.utd_mhad", options.UtdMhadOptions),
    Format("arrays", "gesture.formats.arrays", options.ArraysOptions),
    group="gesture.formats",
)

# Classes of `gesture.inputs.kind.InputKind`.
INPUTS: Registry[Any] = Registry(
    "kind of input",
    "rgb = gesture.inputs.pictures:Colour",
    "depth = gesture.inputs.pictures:Depth",
    "skeleton_image = gesture.inputs.pictures:SkeletonPictures",
    "skeleton = gesture.inputs.skeleton:Skeleton",
    "person = gesture.inputs.person:Person",
    group="gesture.inputs",
)

NETWORKS: Registry[type[NetworkSettings]] = Registry(
    "network",
    "smnet = gesture.networks.smnet:SMnetSettings",
    "tcn = gesture.networks.tcn:TcnSettings",
    "stgcn = gesture.networks.stgcn:StgcnSettings",
    "transformer = gesture.networks.transformer:TransformerSettings",
    "cnn_tcn = gesture.networks.cnn_tcn:CnnTcnSettings",
    group="gesture.networks",
)

METHODS: Registry[Averaging] = Registry(
    "method",
    Averaging("mean", "arithmetic mean", "gesture.average.methods:Mean"),
    Averaging("geometric", "geometric mean", "gesture.average.methods:Geometric"),
    Averaging("weighted", "weighted mean", "gesture.average.methods:WeightedMean", fitted=True, takes_weights=True),
    Averaging("greedy", "greedy selection", "gesture.average.methods:Greedy", fitted=True),
    Averaging("stacking", "stacking", "gesture.average.methods:Stacking", fitted=True),
    group="gesture.methods",
)

if TYPE_CHECKING:
    AnyNetwork = NetworkSettings
else:
    # Any of them, chosen by the key `model`.
    AnyNetwork = Annotated[reduce(or_, NETWORKS.values()), Field(discriminator="model")]
