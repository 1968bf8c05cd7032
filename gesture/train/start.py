"""What the first step of stage 1 finds: weights from elsewhere, if the settings name some."""

from pathlib import Path
from typing import cast

from gesture.config.settings import Variant
from gesture.legacy2019.pretrained import load_pretrained
from gesture.legacy2019.weight_files import existing, pretrained_files
from gesture.legacy2019.weights import adam_moments, load_checkpoint, variables_by_name
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.smnet import SMnet
from gesture.train.optimiser import TwoRateAdam


def load_start(variant: Variant, network: GestureNetwork, optimiser: TwoRateAdam) -> str:
    """Loads what `start` or `pretrained` of a variant names; returns a sentence, empty if they name nothing.

    Raises:
        GestureError: a file is missing, damaged or unsafe, or does not fit the network.
    """
    if variant.start is not None:
        return _whole_checkpoint(existing(variant.start), variant.blue_first, network, optimiser)
    if variant.pretrained is not None:
        files = pretrained_files(variant)
        load_pretrained(cast(SMnet, network), files, variant.blue_first)
        return "starting from the pretrained convolutions in " + ", ".join(map(str, dict.fromkeys(files.values())))
    return ""


def _whole_checkpoint(path: Path, blue_first: bool, network: GestureNetwork, optimiser: TwoRateAdam) -> str:
    smnet = cast(SMnet, network)
    steps, first, second = adam_moments(smnet, path, blue_first)
    load_checkpoint(smnet, path, blue_first)
    names = {id(variable): name for name, variable in variables_by_name(smnet).items()}
    trained = [names[id(variable)] for variable in optimiser.variables]
    optimiser.take_over(steps, [(first[name], second[name]) if name in first else None for name in trained])
    return f"starting from {path} of 2019, after {steps} steps there"
