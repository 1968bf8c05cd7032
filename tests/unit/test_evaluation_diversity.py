"""How members differ and what each adds, on an example small enough to count by hand."""

import numpy as np
import pytest

from gesture.average.analysis import accuracy_by_count, accuracy_without, agreement, diversity
from gesture.average.fitted import Turns, fit

LABELS = np.zeros(4, np.int64)


def member(right, sure):
    """Softmaxes on rows of class 0 with two classes; right where told."""
    return np.array([[sure, 1 - sure] if one else [1 - sure, sure] for one in right], np.float32)


MEMBERS = {"a": member([1, 1, 1, 0], 0.8), "b": member([1, 1, 0, 1], 0.75), "c": member([0, 1, 1, 1], 0.7)}
CHOSEN = [p.argmax(axis=1) for p in MEMBERS.values()]


def test_agreement_is_the_share_of_equal_choices():
    assert agreement(CHOSEN).tolist() == [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]


def test_diversity_of_a_worked_example():
    # Of the 3 pairs x 4 rows, 6 have one right and one wrong, none has both wrong.
    assert diversity(CHOSEN, LABELS) == {"disagreement": 0.5, "double_fault": 0, "any_right": 1, "all_right": 0.25}


@pytest.mark.parametrize("method", ["mean", "geometric"])
def test_three_that_err_apart_are_right_together(method):
    ensemble = Turns([fit(method, list(MEMBERS))])
    terms = [ensemble.term(name, p) for name, p in MEMBERS.items()]
    curve = accuracy_by_count(terms, ensemble.finish, LABELS)
    assert curve[-1] == {"mean": 1, "lowest": 1, "highest": 1}
    assert curve[0] == {"mean": 0.75, "lowest": 0.75, "highest": 0.75}
    # Of two, the surer one decides.
    assert accuracy_without(terms, ensemble.finish, LABELS) == [0.75, 0.75, 0.75]
