"""What stands for a result: digests of all that determines it, and the names of folders that follow from them.

The recipe numbers in `gesture/steps.py` are part of them. Of settings, their `identity` is: what is required, which
kind was chosen, and what differs from its default. So a new key whose default changes nothing runs nothing again, and
whoever changes a default raises the recipe number of what it changes.
"""

from collections.abc import Sequence
from typing import Any

from gesture.base.files import value_digest
from gesture.catalog import FORMATS
from gesture.config.data import Download
from gesture.config.members import Member
from gesture.config.settings import Experiment
from gesture.formats.options import Options
from gesture.steps import recipe

# Keys of `training` that are in no digest at all: they decide whether a session begins, not what it computes.
_NOT_OF_THE_RESULT = ("other_device",)


def raw_name(experiment: Experiment) -> str:
    """Folder name of the raw files below `resources/`."""
    data = experiment.data
    options = experiment.dataset_options.model_dump(mode="json")
    raw = {key: options[key] for key in FORMATS[data.dataset].raw_options}
    origin = _remote(data.download) if data.download else data.folder
    return f"{data.dataset}-{value_digest([recipe('download'), raw, origin])[:8]}"


def _remote(download: Download) -> list[Any]:
    """What decides which bytes come: of several URLs the first, for mirrors have the same."""
    files = [[one.name, one.urls[0], one.checksums, one.unpack] for one in download.files]
    return [files, download.subfolder]


def records_name(experiment: Experiment) -> str:
    """Folder name of the tfrecords below `records/`: shared by all experiments with the same options."""
    data = experiment.data
    options = experiment.dataset_options.identity()
    digest = value_digest([recipe("convert"), raw_name(experiment), options, data.size, data.layout])
    return f"{data.dataset}-{digest[:8]}"


def shard_digest(module: str, options: Options, size: int, layout: str, sources: Sequence[Any]) -> str:
    """Digest of all that determines a shard's bytes.

    Args:
        module: of the raw format.
        options: of the data set.
        size: height and width of the stored images [px].
        layout: how records are stored.
        sources: fingerprints of the raw recordings, in order.
    """
    return value_digest([recipe("convert"), module, options.identity(), size, layout, list(sources)])


def stage_digest(experiment: Experiment, member: Member, stage: int) -> str:
    """Digest of everything in the settings that can change the result of a stage (1-based).

    Later stages are not part of it: changing the rate of stage 3 reruns 3 and 4, not 1 and 2.
    """
    variant = member.variant.identity()
    variant.pop("seeds", None)
    variant["training"]["stages"] = variant["training"]["stages"][:stage]
    for key in _NOT_OF_THE_RESULT:
        variant["training"].pop(key, None)
    data = experiment.data
    return value_digest(
        [
            recipe("train"),
            records_name(experiment),
            data.holdout_subjects,
            data.train_on_validation,
            variant,
            member.seed,
        ]
    )


def evaluate_digest(experiment: Experiment) -> str:
    """Digest of what changes an evaluation beside the weights."""
    return value_digest([recipe("evaluate"), experiment.data.holdout_subjects])


def average_digest(experiment: Experiment) -> str:
    """Digest of what changes the average beside the members' predictions."""
    return value_digest([recipe("average"), experiment.average.identity()])


def report_digest(experiment: Experiment) -> str:
    """Digest of what changes the report beside its inputs."""
    return value_digest([recipe("report"), experiment.report.identity()])


def settings_digest(experiment: Experiment) -> str:
    """Digest of the whole configuration, every default written out: which file of settings it is."""
    return value_digest(resolved(experiment))


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The whole configuration with every default written out."""
    return experiment.model_dump(mode="json")
