"""What a configuration can name. One more of a kind is one file and one line here: see CONTRIBUTING.md.

Other packages bring their own by entry points of the groups named here. What needs NumPy is named as text and imported
when it is used: the workflow and a login node read this file too.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gesture.base.registry import Registry
from gesture.formats import options
from gesture.formats.options import Format
from gesture.networks.base import NetworkSettings

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
    "joints = gesture.networks.joints:JointsSettings",
    "graph = gesture.networks.graph:GraphSettings",
    "transformer = gesture.networks.transformer:TransformerSettings",
    "frames = gesture.networks.frames:FramesSettings",
    group="gesture.networks",
)

if TYPE_CHECKING:
    AnyNetwork = NetworkSettings
else:
    # Any of them, chosen by the key `model`.
    AnyNetwork = Annotated[reduce(or_, NETWORKS.values()), Field(discriminator="model")]
