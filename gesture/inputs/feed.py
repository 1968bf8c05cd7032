"""Batches made ahead by several threads, in order; NumPy, Pillow and the checksums leave the interpreter to the others.

Threads need no memory of their own beside what they work on, and none outlives its process, however that ends.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

import numpy as np

from gesture.config.settings import Augmentation
from gesture.convert.reader import Records
from gesture.formats.sequence import Sequence
from gesture.inputs.augment import Chances
from gesture.inputs.batch import BatchPlan, Inputs, lay_out, read_sequence

# More would wait for each other where the interpreter is held, as by Pillow's lines.
MOST_WORKERS = 4


def usual_workers(threads: int, on_gpu: bool = False) -> int:
    """Threads that make batches, where nothing is said: one for each core that this process may use and leaves idle.

    Args:
        threads: of TensorFlow.
        on_gpu: True if a GPU computes, and they do not.
    """
    cores = len(os.sched_getaffinity(0))
    return max(1, min(MOST_WORKERS, cores if on_gpu else cores - threads))


class Feed:
    """Turns plans of batches into batches; their bytes depend on the plans alone.

    Args:
        records: where the sequences are.
        inputs: what the network is fed.
        augmentation: random changes; None when evaluating.
        workers: threads that read and compute beside the one that asks.
    """

    def __init__(
        self, records: Records, inputs: Inputs, augmentation: Augmentation | None = None, workers: int = 1
    ) -> None:
        self._records, self._inputs, self._augmentation, self._workers = records, inputs, augmentation, workers

    def batches(self, plans: Iterable[BatchPlan]) -> Iterator[dict[str, np.ndarray]]:
        """The batches in order; see `gesture.inputs.batch.load_batch`.

        The sequences of the next batch, bytes, are read while this one is laid out: one batch of float32 is in the
        making at a time, as if one thread did all.

        Raises:
            FailedForGoodError: a record is damaged.
        """
        if self._workers == 1:
            for plan in plans:
                yield self._made(plan)
            return
        with ThreadPoolExecutor(self._workers, "feed") as pool:
            try:
                yield from self._made_together(iter(plans), pool)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _made(self, plan: BatchPlan) -> dict[str, np.ndarray]:
        batch, fills = self._laid_out(plan, [self._read(*one) for one in plan.reads()])
        for fill in fills:
            fill()
        return batch

    def _made_together(self, plans: Iterator[BatchPlan], pool: ThreadPoolExecutor) -> Iterator[dict[str, np.ndarray]]:
        def begun() -> tuple[BatchPlan, list[Future[Sequence]]] | None:
            plan = next(plans, None)
            return None if plan is None else (plan, [pool.submit(self._read, *one) for one in plan.reads()])

        coming = begun()
        while coming is not None:
            plan, reading = coming
            batch, fills = self._laid_out(plan, [one.result() for one in reading])
            filling = [pool.submit(fill) for fill in fills]
            coming = begun()  # behind what the batch in hand still needs
            wait_for(filling)
            for one in filling:
                one.result()  # raises what went wrong
            del reading, filling, fills  # they hold the sequences
            yield batch

    def _read(self, position: int, chances: Chances | None) -> Sequence:
        return read_sequence(self._records, self._inputs, self._augmentation, position, chances)

    def _laid_out(
        self, plan: BatchPlan, sequences: list[Sequence]
    ) -> tuple[dict[str, np.ndarray], list[Callable[[], None]]]:
        return lay_out(self._records, plan, sequences, self._inputs, self._augmentation)
