"""From settings to a network with all its variables."""

from collections.abc import Sequence

import numpy as np

from gesture.models.joints import JointsNetwork
from gesture.models.network import GestureNetwork
from gesture.models.settings import ModelSettings, SMnetSettings
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
    rng = np.random.default_rng(seed)
    if isinstance(settings, SMnetSettings):
        return SMnet(settings, modalities, classes, image_size, rng)
    return JointsNetwork(settings, modalities, classes, rng)
