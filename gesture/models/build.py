"""From settings to a network with all its variables."""

from collections.abc import Sequence

import numpy as np

from gesture.models.cost import multiply_adds
from gesture.models.frames import FramesNetwork
from gesture.models.joints import GraphNetwork, JointsNetwork, TransformerNetwork
from gesture.models.network import GestureNetwork
from gesture.models.settings import FramesSettings, GraphSettings, JointsSettings, ModelSettings, SMnetSettings
from gesture.models.smnet import SMnet


def build(
    settings: ModelSettings, modalities: Sequence[str], classes: int, image_size: int, seed: int
) -> GestureNetwork:
    """Builds a network; its initial weights are a pure function of the arguments.

    Args:
        settings: kind and sizes.
        modalities: what the network may see, from `rgb`, `depth`, `mask`, `skeleton`.
        classes: number of classes K.
        image_size: height and width of the images [px].
        seed: of the initial weights.

    Raises:
        GestureError: the network cannot use these modalities.
    """
    network = _network(settings, modalities, classes, image_size, np.random.default_rng(seed))
    network.multiply_adds = multiply_adds(settings, modalities, image_size)
    return network


def _network(
    settings: ModelSettings, modalities: Sequence[str], classes: int, image_size: int, rng: np.random.Generator
) -> GestureNetwork:
    if isinstance(settings, SMnetSettings):
        return SMnet(settings, modalities, classes, image_size, rng)
    if isinstance(settings, FramesSettings):
        return FramesNetwork(settings, modalities, classes, rng)
    if isinstance(settings, JointsSettings):
        return JointsNetwork(settings, modalities, classes, rng)
    if isinstance(settings, GraphSettings):
        return GraphNetwork(settings, modalities, classes, rng)
    return TransformerNetwork(settings, modalities, classes, rng)
