"""The built-in data set: a generator of true ChaLearn 2014 ``SampleXXXX.zip`` files."""

from gesture.datasets.synthetic.generate import generate
from gesture.datasets.synthetic.presets import PRESETS

__all__ = ["PRESETS", "generate"]
