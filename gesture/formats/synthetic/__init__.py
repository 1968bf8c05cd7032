"""The built-in data set: a generator of true ChaLearn 2014 ``SampleXXXX.zip`` files, read as the genuine ones are."""

from gesture.formats.catalog import SyntheticOptions
from gesture.formats.chalearn import CLASS_NAMES
from gesture.formats.montalbano2014 import modalities, read, sources
from gesture.formats.synthetic.generate import generate
from gesture.formats.synthetic.presets import PRESETS

__all__ = ["PRESETS", "class_names", "generate", "modalities", "read", "sources"]


def class_names(options: SyntheticOptions) -> list[str]:
    """Names of the preset's classes in label order: small presets have the first few of the twenty."""
    return list(CLASS_NAMES[: PRESETS[options.preset].classes])
