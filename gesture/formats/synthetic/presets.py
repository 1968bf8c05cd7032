"""The sizes of the built-in data set, and which subject performs which classes in which sample."""

from dataclasses import dataclass

import numpy as np

from gesture.formats.sequence import SPLITS

FIRST_SAMPLE = {"training": 1, "validation": 471, "test": 701}


@dataclass(frozen=True)
class Part:
    """One split's size: people, recordings (at most 230), and gestures in each recording."""

    subjects: int
    samples: int
    gestures: int


@dataclass(frozen=True)
class Preset:
    """One size of the data set.

    Attributes:
        classes: the first so many of the 20 gestures.
        coarseness: side in video pixels of one rendered pixel; cost falls with its square.
        variety: how far people and their places differ, 1 for the full range; few clips teach only a smaller one.
        training: size of that split; likewise validation and test.
    """

    classes: int
    coarseness: int
    variety: float
    training: Part
    validation: Part
    test: Part


PRESETS = {
    "tiny": Preset(3, 4, 0.5, Part(2, 2, 3), Part(1, 1, 3), Part(1, 1, 3)),
    "demo": Preset(12, 2, 0.5, Part(24, 24, 6), Part(2, 2, 4), Part(8, 8, 6)),
    "default": Preset(20, 2, 1.0, Part(26, 78, 10), Part(4, 8, 10), Part(24, 82, 10)),
}


@dataclass(frozen=True)
class Plan:
    """What one sample will hold.

    Attributes:
        number: sample number; says the split, as in ChaLearn 2014.
        subject: number of the person, counted over all splits.
        classes: ids 1-20 in the order of performance.
        coarseness: as in `Preset`; likewise variety.
    """

    number: int
    split: str
    subject: int
    classes: tuple[int, ...]
    coarseness: int
    variety: float

    @property
    def name(self) -> str:
        """Such as ``Sample0001``."""
        return f"Sample{self.number:04d}"


def plans(preset: Preset, seed: int) -> list[Plan]:
    """All samples of a preset: splits share no subject, classes are balanced and in random order."""
    result, first_subject = [], 1
    for index, split in enumerate(SPLITS):
        part: Part = getattr(preset, split)
        rng = np.random.default_rng([seed, 0, index])
        clips = part.samples * part.gestures
        rounds = [rng.permutation(preset.classes) + 1 for _ in range(-(-clips // preset.classes))]
        order = np.concatenate(rounds)[:clips].reshape(part.samples, part.gestures)
        for sample, classes in enumerate(order):
            subject = first_subject + sample % part.subjects
            number = FIRST_SAMPLE[split] + sample
            result.append(Plan(number, split, subject, tuple(map(int, classes)), preset.coarseness, preset.variety))
        first_subject += part.subjects
    return result
