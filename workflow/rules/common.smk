# What the rules share: the checked configuration, the folders, input functions.
#
# Every cluster job reads this file again, on nodes that may lack TensorFlow: what is imported here needs the standard
# library, pydantic and PyYAML only.
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import yaml
from snakemake.logging import logger
from snakemake.persistence.file import FilePersistence

# This checkout's modules for this file, its `gesture` command and this Python for the jobs: nothing must be activated.
# As a module, `workflow.basedir` is the importer's; single files from GitHub are no checkout: there, gesture is that of
# the clone whose `make env` made this environment.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if not CHECKOUT.is_dir():
    CHECKOUT = Path(find_spec("gesture").origin).parents[1]
sys.path.insert(0, str(CHECKOUT))
_bin = [
    str(CHECKOUT / "workflow" / "bin"),
    os.path.dirname(sys.executable),
]
os.environ.update(PATH=os.pathsep.join([*_bin, *os.get_exec_path()]))

from gesture.base.errors import GestureError
from gesture.base import yaml_file
from gesture.base.disk import refusal
from gesture.base.files import write_text
from gesture.config import digests, layout, members, old_names, settings, splits
from gesture.download.seen import Seen, see
from gesture.operate import costs, heads
from gesture.operate.ancient import look_behind_ancient_inputs
from gesture.operate.preflight import check, suspicious
from gesture.schedulers import gpus
from gesture.schedulers.patterns import refuse_patterns
from gesture.steps import STEPS

IS_MODULE = not workflow.modifier.is_main_snakefile()

# Only where none is given: Snakemake merges, and the demo's variants would join every experiment.
if not workflow.overwrite_configfiles and not IS_MODULE:

    configfile: CHECKOUT / "config" / "demo.yaml"


def as_given(path):
    """A configuration file as the user wrote it; Snakemake has made it absolute."""
    words = [word.removeprefix("--configfile=") for word in sys.argv]
    return next((word for word in words if Path(word).name and Path(path).match(word)), str(path))


def stop(error, where=None):
    """Ends Snakemake as the `gesture` commands end: one line a problem, and the error's exit code."""
    print(f"{where}: {error}" if where else error, file=sys.stderr)
    sys.exit(error.exit_code)


def read_experiment():
    """The configuration, with all its problems told at once."""
    try:
        for path in workflow.configfiles:
            yaml_file.read(Path(path))  # refuses what Snakemake's own reader lets pass: a key given twice
        if workflow.is_main_process:
            if remark := old_names.warning(config, CONFIGURATION):
                logger.warning(remark)
        return settings.parse(config, CONFIGURATION)
    except GestureError as error:
        stop(error)


CONFIGURATION = " + ".join(map(as_given, workflow.configfiles)) or "the configuration of the module"
EXPERIMENT = read_experiment()
MEMBERS = members.members(EXPERIMENT)
SETTINGS = layout.settings_file(EXPERIMENT)
LAYOUT = layout.Layout(EXPERIMENT.experiment)
CHECKPOINTS = str(LAYOUT.live("{member}", "{stage}"))


def records_are_whole():
    """Whether the records are there, and no head of Snakemake is about to finish or to remove them."""
    files = [str(layout.records_folder(EXPERIMENT) / name) for name in (layout.MANIFEST, layout.INDEX)]
    return all(Path(file).exists() for file in files) and not FilePersistence(nolock=True)._filter_incomplete_keys(
        files
    )


def one_of_several_heads(prepare):
    """`prepare`, which Snakemake calls before it looks at files, made to come to terms with other heads first."""

    def prepared(**options):
        if workflow.is_main_process and workflow.execution_settings and not workflow.dryrun and not workflow.touch:
            if not records_are_whole():
                look_at_data()  # before a folder is made
            try:
                if workflow.executor_plugin.common_settings.non_local_exec:
                    refuse_patterns(Path.cwd())
                heads.be_the_only_one(EXPERIMENT.experiment)
                heads.make_or_wait_for_records(EXPERIMENT, records_are_whole)
            except GestureError as error:
                stop(error)
            if IS_MODULE:  # `onstart` is the importer's
                fix_settings()
            else:  # its lock would keep out experiments that share records, for as long as this head runs
                options["nolock"] = True
        return prepare(**options)

    return prepared


workflow._prepare_dag = one_of_several_heads(workflow._prepare_dag)


def fix_settings():
    """From here on the configuration is this, whatever becomes of the YAML."""
    if not Path(SETTINGS).exists():
        try:
            write_text(Path(SETTINGS), yaml.safe_dump(digests.resolved(EXPERIMENT), sort_keys=False))
        except OSError as error:
            stop(refusal(error, Path(SETTINGS)))


def look_at_data():
    """Refuses data that no job could use."""
    try:
        check(EXPERIMENT)
    except GestureError as error:
        stop(error, CONFIGURATION)


def before_jobs():
    """The last look at the data; then the configuration is fixed."""
    look_at_data()
    if any(job.name in ("download", "convert") for job in workflow.dag.needrun_jobs()):
        try:
            heads.make_records_anew(EXPERIMENT)
        except GestureError as error:
            stop(error)
    fix_settings()
    # A job reads the Snakefile again, perhaps hours later: the file it then gets as configuration is the resolved one.
    workflow.overwrite_configfiles[:] = [Path(SETTINGS).absolute()]


def after_jobs():
    """Where the results are, and the table of accuracies and durations that the report step wrote."""
    summary = LAYOUT.results.path / layout.SUMMARY
    if summary.exists():  # not after a run for some of the files only
        print(summary.read_text(encoding="utf-8"))


def raw_files():
    """The user's raw files as they are now; what they were when a job was planned does not concern the job."""
    try:
        return see(EXPERIMENT) if workflow.is_main_process else Seen()
    except OSError as error:
        stop(refusal(error, Path(EXPERIMENT.data.folder)))


# What was made of raw files or records runs again for the splits that changed, not since a file is newer.
look_behind_ancient_inputs()
SEEN = raw_files()
if SEEN.change:
    logger.warning(f"Raw files have changed since they were converted: {SEEN.change}")


if workflow.is_main_process and workflow.output_settings.dryrun:
    logger.info(costs.describe(EXPERIMENT))
    for message in suspicious(EXPERIMENT):
        logger.warning(f"warning: {message}")
    try:
        refuse_patterns(Path.cwd())
    except GestureError as error:
        logger.warning(f"On a cluster, a real run would stop here: {error}")
    try:
        check(EXPERIMENT)
    except GestureError as error:
        logger.warning(f"A real run would stop here: {CONFIGURATION}: {error}")


pathvars:
    raw=str(layout.raw_folder(EXPERIMENT)),
    records=str(layout.records_folder(EXPERIMENT)),
    results=str(LAYOUT.results.path),
    logs=str(LAYOUT.logs),
    benchmarks=str(LAYOUT.benchmarks),


wildcard_constraints:
    member="|".join(map(re.escape, MEMBERS)),
    stage=r"[1-9]\d*",
    split="validation|test",


def stage_slice(wildcards):
    """Digest of the settings that this stage and those before it depend on."""
    return digests.stage_digest(EXPERIMENT, MEMBERS[wildcards.member], int(wildcards.stage))


def stage_folder(member, stage):
    return str(LAYOUT.results.stage(member, stage))


def outcome_file(wildcards):
    """Where an executor reads how a session ended: no scheduler passes an exit code on."""
    return str(LAYOUT.live(**wildcards) / layout.OUTCOME)


def asked_gpus(wildcards, resources):
    """GPUs that the profile asks for. What is derived from resources never makes a job run again."""
    return gpus.asked(resources)


def previous_stage(wildcards):
    """What a stage starts from: weights and optimiser slots of the one before; nothing for stage 1."""
    folder = stage_folder(wildcards.member, int(wildcards.stage) - 1)
    return [f"{folder}/model.weights.h5", f"{folder}/optimiser.h5"] if int(wildcards.stage) > 1 else []


def last_stage(wildcards):
    """The folder of a member's final weights."""
    return stage_folder(wildcards.member, MEMBERS[wildcards.member].stages)


def histories(wildcards):
    """What every stage of every member wrote down while it trained."""
    stages = [(one.name, stage) for one in MEMBERS.values() for stage in range(1, one.stages + 1)]
    return [f"{stage_folder(member, stage)}/history.jsonl" for member, stage in stages]


def manifests_of(tables):
    """What says whose predictions a table holds, and of which records; it is read with the table."""
    return [str(Path(table).with_suffix(".json")) for table in tables]
