"""Random streams: whatever is drawn for a member, nothing else draws the same."""

from itertools import product

import numpy as np

from gesture.base.streams import Stream

FEW = (0, 1, 2, 3, 4, 5, 2**32, 2**32 + 1, 3 * 2**32, 2**64 + 4)


def first_draw(entropy: list[int]) -> bytes:
    return np.random.default_rng(entropy).bytes(16)


def test_no_two_streams_draw_alike_whatever_seed_epoch_and_step() -> None:
    drawn = [first_draw(Stream.INITIAL_WEIGHTS.entropy(seed)) for seed in FEW]
    for stream in (Stream.ORDER, Stream.AUGMENTATION, Stream.DROPOUT):
        drawn += [first_draw(stream.entropy(seed, number)) for seed, number in product(FEW[:6], FEW[:6])]
    assert len(set(drawn)) == len(drawn)


def test_numbers_of_streams_are_distinct_and_none_is_zero() -> None:
    assert len({int(one) for one in Stream}) == len(Stream.__members__)
    assert all(Stream)
