"""Every path of the working directory, in one place: the rules and all commands ask here.

Names may be Snakemake's wildcards, such as `{member}`, so a rule's pattern and a command's path are the same code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gesture.config.digests import raw_name, records_name, settings_digest
from gesture.config.settings import Experiment

# Folders of the working directory.
RESOURCES, RECORDS, CHECKPOINTS, RESULTS, LOGS = "resources", "records", "checkpoints", "results", "logs"

# Files of a folder of raw files, of records, or of a stage.
MANIFEST = "manifest.json"
# Beside the records' manifest: one row for each sequence.
INDEX = "index.csv"
# The result of a stage.
WEIGHTS, OPTIMISER, HISTORY = "model.weights.h5", "optimiser.h5", "history.jsonl"
# Beside the live checkpoints of a stage.
LEDGER, OUTCOME = "sessions.jsonl", "outcome.json"
# The result of averaging a split.
ENSEMBLE, SUBMISSION, ORIGIN, METRICS = "ensemble.csv", "submission.csv", "submission.json", "metrics.json"
# What the report step writes.
PAGE, FIGURES, SUMMARY = "report.html", "figures", "summary.txt"


@dataclass(frozen=True)
class ResultFolder:
    """What users keep of one experiment, wherever the folder lies.

    Attributes:
        path: `results/<experiment>`.
    """

    path: Path

    @property
    def settings(self) -> Path:
        """Folder of the resolved configurations, each named after its content."""
        return self.path / "settings"

    def stage(self, member: str, stage: int | str) -> Path:
        """Result of a stage: final weights, optimiser slots, history and manifest."""
        return self.path / "train" / member / f"stage{stage}"

    def table(self, split: str, member: str) -> Path:
        """A member's softmaxes of a split."""
        return self.path / "predictions" / split / f"{member}.csv"

    def average(self, split: str) -> Path:
        """Folder of the averaged softmaxes of a split."""
        return self.path if split == "test" else self.path / split


@dataclass(frozen=True)
class Layout:
    """Paths of one experiment.

    Attributes:
        name: of the experiment.
        root: working directory of the workflow; the rules' paths are relative to it.
    """

    name: str
    root: Path = Path()

    @property
    def results(self) -> ResultFolder:
        """What users keep."""
        return ResultFolder(self.root / RESULTS / self.name)

    @property
    def logs(self) -> Path:
        """What every step printed."""
        return self.root / LOGS / self.name

    @property
    def benchmarks(self) -> Path:
        """What Snakemake measured of every job."""
        return benchmarks(self.logs)

    @property
    def head(self) -> Path:
        """Lease of the Snakemake that runs the experiment."""
        return head_folder(self.checkpoints)

    @property
    def checkpoints(self) -> Path:
        """Live state of all stages of all members."""
        return self.root / CHECKPOINTS / self.name

    def live(self, member: str, stage: int | str) -> Path:
        """Live state of a stage: checkpoints, ledger, outcome; never a declared output."""
        return self.checkpoints / member / f"stage{stage}"

    def owns(self, paths: Iterable[str]) -> bool:
        """True if one of these paths, relative or not, is the experiment's own; records and raw files are shared."""
        folders = [f"/{folder}/{self.name}/" for folder in (RESULTS, CHECKPOINTS, LOGS)]
        return any(folder in f"/{path}".replace("//", "/") for path in paths for folder in folders)

    def log(self, *step: str) -> Path:
        """Log of a step, such as `train`, member, `stage2`."""
        return self.logs.joinpath(*step[:-1], f"{step[-1]}.log")


def benchmarks(logs: Path) -> Path:
    """Folder of what Snakemake measured of every job, inside an experiment's logs."""
    return logs / "benchmark"


def head_folder(folder: Path) -> Path:
    """Lease of the Snakemake that makes what is in a folder; no member can have this name, none being without seed."""
    return folder / "head"


def raw_folder(experiment: Experiment, root: Path = Path()) -> Path:
    """Folder of the raw files; experiments with the same data share it."""
    return root / RESOURCES / raw_name(experiment)


def records_folder(experiment: Experiment, root: Path = Path()) -> Path:
    """Folder of the tfrecords; experiments with the same data and options share it."""
    return root / RECORDS / records_name(experiment)


def settings_file(experiment: Experiment) -> str:
    """Path of the resolved configuration, named after its content."""
    return str(Layout(experiment.experiment).results.settings / f"{settings_digest(experiment)[:8]}.yaml")
