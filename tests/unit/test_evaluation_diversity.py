"""How members differ and what each adds, on an example small enough to count by hand."""

from pathlib import Path

import numpy as np
import pytest

from gesture.evaluation.diversity import accuracy_by_count, accuracy_without, agreement
from gesture.evaluation.predictions import Predictions


def table(name, right, sure=0.8):
    """A member on rows of class 0 with two classes; right where told."""
    p = np.array([[sure, 1 - sure] if one else [1 - sure, sure] for one in right], np.float32)
    return Predictions(Path(f"{name}.csv"), np.arange(len(right)), p, np.zeros(len(right), np.int64))


A = table("a", [1, 1, 1, 0])
B = table("b", [1, 1, 0, 1], sure=0.75)
C = table("c", [0, 1, 1, 1], sure=0.7)


def test_agreement_is_the_share_of_equal_choices():
    assert agreement([A, B, C]).tolist() == [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]


@pytest.mark.parametrize("method", ["mean", "geometric"])
def test_three_that_err_apart_are_right_together(method):
    assert accuracy_by_count([A, B, C], method)[-1] == {"mean": 1, "lowest": 1, "highest": 1}
    assert accuracy_by_count([A, B, C], method)[0] == {"mean": 0.75, "lowest": 0.75, "highest": 0.75}
    # Of two, the surer one decides.
    assert accuracy_without([A, B, C], method) == [0.75, 0.75, 0.75]
