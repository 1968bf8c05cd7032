"""The ensemble while its members are added, one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gesture.average.exact_sum import ExactSum
from gesture.average.methods import Combination

_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Turns:
    """Combinations that take turns: row `r` in the order of Ids belongs to number `r mod F`."""

    parts: Sequence[Combination]

    def term(self, member: str, probabilities: np.ndarray, start: int = 0) -> np.ndarray:
        """What a member adds to the rows from ``start`` on, `(n, K)` float64."""
        if len(self.parts) == 1:
            return self.parts[0].term(member, probabilities)
        found = np.empty_like(probabilities, np.float64)
        for part, own in self._own_rows(start):
            found[own] = part.term(member, probabilities[own])
        return found

    def finish(self, total: np.ndarray, start: int = 0) -> np.ndarray:
        """Softmaxes `(n, K)` float64 of the rows from ``start`` on, from the sum of all terms."""
        if len(self.parts) == 1:
            return self.parts[0].finish(total)
        found = np.empty_like(total)
        for part, own in self._own_rows(start):
            found[own] = part.finish(total[own])
        return found

    def uses(self, member: str) -> bool:
        """Whether the member has any weight."""
        return any(part.weights[member] > 0 for part in self.parts)

    def _own_rows(self, start: int) -> list[tuple[Combination, slice]]:
        count = len(self.parts)
        return [(part, slice((turn - start) % count, None, count)) for turn, part in enumerate(self.parts)]


class RunningEnsemble:
    """Sum of the members' terms, exact and so without an order."""

    def __init__(self, turns: Turns, shape: tuple[int, int]) -> None:
        """Starts an ensemble of `(N, K)` softmaxes."""
        self._turns = turns
        self._shape = shape
        bound = max(part.largest_term for part in turns.parts)
        self._sums = ExactSum(len(turns.parts[0].weights), bound, shape)

    def add(self, member: str, probabilities: np.ndarray) -> None:
        """Adds a member's softmaxes `(N, K)`."""
        for rows in self._chunks():
            self._sums.add(rows, self._turns.term(member, probabilities[rows], rows.start))

    def softmaxes(self) -> np.ndarray:
        """The result, `(N, K)` float32 in Fortran order; the winner before rounding stays the winner."""
        found = np.empty(self._shape, np.float32, order="F")
        for rows in self._chunks():
            found[rows] = _rounded(self._turns.finish(self._sums.total(rows), rows.start))
        return found

    def _chunks(self) -> list[slice]:
        count = self._shape[0]
        return [slice(start, min(start + _ROWS_AT_ONCE, count)) for start in range(0, count, _ROWS_AT_ONCE)]


def _rounded(exact: np.ndarray) -> np.ndarray:
    """As float32; where rounding makes a tie, the class that was ahead is put ahead again by one unit."""
    rounded = exact.astype(np.float32)
    winner = exact.argmax(axis=1)
    (lost,) = np.nonzero(rounded.argmax(axis=1) != winner)
    places = lost, winner[lost]
    rounded[places] = np.nextafter(rounded[places], np.float32(2))
    return rounded
