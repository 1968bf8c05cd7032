"""Has Snakemake ask every job for its own reasons to run, also behind `ancient` inputs.

Snakemake 9 does not look at the params of a job behind one that runs, since that one makes it run anyway. Where the
input between them is `ancient` it does not, and so a changed learning rate went unnoticed while records were made anew.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def look_behind_ancient_inputs() -> None:
    """Changes Snakemake's DAG for this process: of what runs because of a job, `ancient` edges are no part."""
    from snakemake.dag import DAG

    if hasattr(DAG, "_asks_for_reasons"):
        return
    search, decide = DAG.bfs, DAG.update_needrun

    def bfs(self: Any, direction: Any, *jobs: Any, stop: Callable[[Any], bool] = lambda job: False) -> Iterable[Any]:
        if self._asks_for_reasons and direction is self.depending:
            return _made_to_run(direction, *jobs)
        return search(self, direction, *jobs, stop=stop)

    async def update_needrun(self: Any, *arguments: Any, **keywords: Any) -> None:
        self._asks_for_reasons = True
        try:
            await decide(self, *arguments, **keywords)
        finally:
            self._asks_for_reasons = False

    DAG._asks_for_reasons, DAG.bfs, DAG.update_needrun = False, bfs, update_needrun


def _made_to_run(depending: Any, *jobs: Any) -> Iterator[Any]:
    """These jobs and all that run because they do."""
    queue, seen = deque(jobs), set(jobs)
    while queue:
        job = queue.popleft()
        yield job
        for one, files in depending[job].items():
            if one not in seen and not all(file.is_ancient for file in files):
                seen.add(one)
                queue.append(one)
