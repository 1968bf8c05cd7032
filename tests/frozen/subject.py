# ruff: noqa: F401 (all of it is for others)
"""All that the frozen values ask of gesture: when modules move, this is the only file here to change."""

from pathlib import Path
from types import SimpleNamespace

import snakemake_executor_plugin_lsf_steady.request as bsub
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings as LsfSettings
from snakemake_executor_plugin_slurm.submit_string import get_submit_command as sbatch_line

import gesture
import gesture.report.page as report_page
from gesture.cli import COMMANDS, main
from gesture.cluster.probe import submit_command as probe_line
from gesture.cluster.profile import request as profile_request
from gesture.costs import training_sequences
from gesture.datasets.catalog import FORMATS
from gesture.datasets.download import download
from gesture.datasets.sequence import Sequence
from gesture.datasets.synthetic.body import pose
from gesture.datasets.synthetic.generate import RECIPE as SYNTHETIC_RECIPE
from gesture.datasets.synthetic.motion import perform
from gesture.datasets.synthetic.presets import PRESETS, plans
from gesture.datasets.synthetic.render import pictures
from gesture.datasets.synthetic.sensor import skeleton as synthetic_skeleton
from gesture.errors import GestureError
from gesture.evaluation.combine import METHODS
from gesture.evaluation.ensemble import Method, average
from gesture.evaluation.predictions import read_predictions, write_predictions
from gesture.files import read_json
from gesture.plan import (
    AVERAGE_RECIPE,
    CONVERT_RECIPE,
    DOWNLOAD_RECIPE,
    EVALUATE_RECIPE,
    REPORT_RECIPE,
    TRAIN_RECIPE,
    average_digest,
    evaluate_digest,
    members,
    rates,
    raw_name,
    records_name,
    report_digest,
    resolved,
    settings_file,
    stage_bounds,
    stage_digest,
)
from gesture.records.augment import augment, retimed, warped
from gesture.records.batch import Inputs, load_batch
from gesture.records.convert import convert
from gesture.records.order import batch_at, steps_per_epoch
from gesture.records.reader import Records
from gesture.settings import Augmentation, Data, Experiment, load, parse

PACKAGE = Path(gesture.__file__).parent
RECIPES = {
    "SYNTHETIC_RECIPE": SYNTHETIC_RECIPE,
    "DOWNLOAD_RECIPE": DOWNLOAD_RECIPE,
    "CONVERT_RECIPE": CONVERT_RECIPE,
    "TRAIN_RECIPE": TRAIN_RECIPE,
    "EVALUATE_RECIPE": EVALUATE_RECIPE,
    "AVERAGE_RECIPE": AVERAGE_RECIPE,
    "REPORT_RECIPE": REPORT_RECIPE,
}


def with_tensorflow() -> SimpleNamespace:
    """The part that imports TensorFlow."""
    from gesture.lease import Lease
    from gesture.models.build import build
    from gesture.models.predict import evaluate
    from gesture.records.pipeline import training_batches
    from gesture.session import Session
    from gesture.training.loop import Cadence, train
    from gesture.training.stage import StageJob

    return SimpleNamespace(**locals())
