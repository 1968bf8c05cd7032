"""One stream of random numbers for each thing that is drawn, so that no two of them draw alike."""

from enum import IntEnum


class Stream(IntEnum):
    """What is drawn from the seed of a member. A number is never given to anything else."""

    AUGMENTATION = 1
    DROPOUT = 2
    ORDER = 3
    INITIAL_WEIGHTS = 4

    def entropy(self, seed: int, *numbers: int) -> list[int]:
        """What NumPy's `default_rng` and `SeedSequence` are made from.

        The tag is no zero and comes last: NumPy takes no notice of zeros at the end, so that `[seed, 0]` is `seed`.

        Args:
            seed: of the member.
            numbers: epoch or step.
        """
        return [seed, *numbers, int(self)]
