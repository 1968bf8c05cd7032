"""The built-in data set: a generator of true ChaLearn 2014 ``SampleXXXX.zip`` files, read as the genuine ones are."""

from collections.abc import Callable
from pathlib import Path

from gesture.formats.chalearn import CLASS_NAMES
from gesture.formats.montalbano2014 import modalities, read, sources
from gesture.formats.options import SyntheticOptions
from gesture.formats.synthetic.generate import generate
from gesture.formats.synthetic.presets import PRESETS

__all__ = ["PRESETS", "class_names", "generate", "make", "modalities", "read", "sources"]


def make(folder: Path, options: SyntheticOptions, processes: int, progress: Callable[[int, int], None]) -> None:
    """Makes the raw files that are not there yet; ``progress`` is told how many are ready, and how many there are."""
    generate(folder, options.preset, options.seed, processes, progress)


def class_names(options: SyntheticOptions) -> list[str]:
    """Names of the preset's classes in label order: small presets have the first few of the twenty."""
    return list(CLASS_NAMES[: PRESETS[options.preset].classes])
