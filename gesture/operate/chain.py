"""The jobs of an experiment, as the rules of the workflow make them: what each writes, where it logs, what it needs.

`tests/workflow/test_status_of_all_jobs.py` compares it with the dry run, so neither can forget a step of the other.
"""

from dataclasses import dataclass
from pathlib import Path

from gesture.config.layout import (
    ENSEMBLE,
    FIGURES,
    HISTORY,
    INDEX,
    MANIFEST,
    METRICS,
    OPTIMISER,
    ORIGIN,
    PAGE,
    SUBMISSION,
    SUMMARY,
    WEIGHTS,
    Layout,
    raw_folder,
    records_folder,
)
from gesture.config.members import Member, members
from gesture.config.settings import Experiment

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class ChainJob:
    """One job of the workflow.

    Attributes:
        step: name in `gesture/steps.py`.
        rule: of the workflow; the same but for the second rule of a step.
        wildcards: its values in the rule's order, such as ("skeleton-s1", "2").
        folder: where it writes; `download`, `convert` and `train` hold a lease there or in ``live``.
        outputs: names of its files in that folder.
        log: what it printed.
        after: keys of the jobs whose files it reads.
        member: whose stage it trains; None for other steps.
        live: folder of a stage's checkpoints; None for other steps.
    """

    step: str
    rule: str
    wildcards: tuple[str, ...]
    folder: Path
    outputs: tuple[str, ...]
    log: Path
    after: tuple[str, ...] = ()
    member: Member | None = None
    live: Path | None = None

    @property
    def key(self) -> str:
        """Rule and wildcards, such as `train skeleton-s1 2`."""
        return " ".join([self.rule, *self.wildcards])

    @property
    def files(self) -> list[Path]:
        """All that it writes."""
        return [self.folder / name for name in self.outputs]


def chain(experiment: Experiment, root: Path) -> list[ChainJob]:
    """All jobs, each after those that it needs.

    Args:
        experiment: resolved settings.
        root: working directory of the workflow.
    """
    layout, everyone = Layout(experiment.experiment, root), members(experiment).values()
    raw, records = raw_folder(experiment, root), records_folder(experiment, root)
    found = [
        ChainJob("download", "download", (), raw, (MANIFEST,), layout.log("download")),
        ChainJob("convert", "convert", (), records, (MANIFEST, INDEX), layout.log("convert"), ("download",)),
    ]
    tables: dict[str, list[str]] = {split: [] for split in SPLITS}
    for one in everyone:
        found += [_stage(layout, one, stage) for stage in range(1, one.stages + 1)]
    trained = [job.key for job in found if job.step == "train"]
    for split in SPLITS:
        for one in everyone:
            table = layout.results.table(split, one.name)
            names = (table.name, table.with_suffix(".json").name)
            # The wildcards in the order of the rule's output.
            who, log = (split, one.name), layout.log("evaluate", split, one.name)
            needs = ("convert", f"train {one.name} {one.stages}")
            found.append(ChainJob("evaluate", "evaluate", who, table.parent, names, log, needs))
            tables[split].append(found[-1].key)
    fit_on = [] if experiment.data.train_on_validation else tables["validation"]
    for rule, split in (("average_validation", "validation"), ("average", "test")):
        found.append(_average(layout, rule, split, ("convert", *dict.fromkeys([*tables[split], *fit_on]))))
    last = ("convert", "average", "average_validation", *trained)
    page = (PAGE, FIGURES, SUMMARY)
    return [*found, ChainJob("report", "report", (), layout.results.path, page, layout.log("report"), last)]


def _average(layout: Layout, rule: str, split: str, after: tuple[str, ...]) -> ChainJob:
    names = (ENSEMBLE, SUBMISSION, ORIGIN, METRICS)
    log = layout.log(rule.replace("_", "-"))
    return ChainJob("average", rule, (), layout.results.average(split), names, log, after)


def _stage(layout: Layout, member: Member, stage: int) -> ChainJob:
    before = (f"train {member.name} {stage - 1}",) if stage > 1 else ()
    return ChainJob(
        step="train",
        rule="train",
        wildcards=(member.name, str(stage)),
        folder=layout.results.stage(member.name, stage),
        outputs=(WEIGHTS, OPTIMISER, HISTORY, MANIFEST),
        log=layout.log("train", member.name, f"stage{stage}"),
        after=("convert", *before),
        member=member,
        live=layout.live(member.name, stage),
    )
