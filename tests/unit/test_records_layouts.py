"""A record gives back what it was made of, to the bit, in either layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesture.convert.example import decode, encode
from gesture.formats.sequence import MODALITIES, Sequence

layouts = pytest.mark.parametrize("layout", ["lean", "compact"])


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    present = draw(st.sets(st.sampled_from(MODALITIES), min_size=1))
    length, height, width = draw(st.integers(1, 400)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrays = {
        "rgb": rng.integers(0, 256, (length, height, width, 3), np.uint8),
        "depth": rng.integers(0, 256, (length, height, width, 1), np.uint8),
        "mask": rng.random((length, height, width, 1)) > 0.5,
        "skeleton": rng.normal(size=(length, 20, 9)).astype(np.float32),
    }
    return Sequence(
        id=draw(st.integers(0, 2**40)),
        split=draw(st.sampled_from(["training", "validation", "test"])),
        label=draw(st.none() | st.integers(0, 50)),
        subject=draw(st.none() | st.text(max_size=5)),
        source=draw(st.none() | st.text(max_size=5)),
        max_depth_mm=4095 if "depth" in present else None,
        **{name: array for name, array in arrays.items() if name in present},
    )


@layouts
@settings(max_examples=40, deadline=None)
@given(sequence=sequences())
def test_any_sequence_comes_back_to_the_bit(layout: str, sequence: Sequence) -> None:
    data = encode(sequence, layout)
    back = decode(data)
    for name in ("id", "split", "label", "subject", "source", "max_depth_mm", "length"):
        assert getattr(back, name) == getattr(sequence, name)
    assert list(back.arrays) == list(sequence.arrays)
    for name, array in sequence.arrays.items():
        assert (back.arrays[name].dtype, back.arrays[name].shape) == (array.dtype, array.shape)
        assert back.arrays[name].tobytes() == array.tobytes()
    assert encode(back, layout) == data


@layouts
def test_bit_patterns_that_are_no_numbers_survive(layout: str) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, (7, 20, 9), np.uint32)
    bits[3, 0, :4] = 0x7F800001, 0xFFC00000, 0x7F800000, 0x80000000  # two NaNs, infinity, minus zero
    sequence = Sequence(1, "test", skeleton=bits.view(np.float32))
    assert decode(encode(sequence, layout)).skeleton.tobytes() == bits.tobytes()


@layouts
def test_arrays_that_are_views_are_stored_as_they_look(layout: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), np.uint8)
    sequence = Sequence(1, "test", rgb=images[::2, ::-1, ::2, ::-1])
    np.testing.assert_array_equal(decode(encode(sequence, layout)).rgb, images[::2, ::-1, ::2, ::-1])


def test_what_stands_still_costs_next_to_nothing_in_compact_records() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3), np.uint8)
    sequence = Sequence(1, "test", rgb=np.repeat(image, 50, axis=0))
    assert len(encode(sequence, "lean")) > 50 * image.nbytes
    assert len(encode(sequence, "compact")) < 1.1 * image.nbytes
