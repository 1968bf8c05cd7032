# ruff: noqa: F401 (all of it is for others)
"""All that the frozen values ask of gesture: when modules move, this is the only file here to change."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import snakemake_executor_plugin_lsf_steady.request as bsub
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings as LsfSettings
from snakemake_executor_plugin_slurm.submit_string import get_submit_command as sbatch_line

import gesture
import gesture.report.page as report_page
from gesture.average import average as averaging
from gesture.base.errors import GestureError
from gesture.base.files import read_json
from gesture.catalog import FORMATS, METHODS
from gesture.cli import OTHERS, main
from gesture.config.digests import (
    average_digest,
    evaluate_digest,
    raw_name,
    records_name,
    report_digest,
    resolved,
    stage_digest,
)
from gesture.config.layout import settings_file
from gesture.config.members import members
from gesture.config.schedule import rates, stage_bounds
from gesture.config.settings import Augmentation, Average, Data, Experiment, load, parse
from gesture.convert.convert import convert
from gesture.convert.reader import Records, records_digest
from gesture.download.download import download
from gesture.evaluate.predictions import read_predictions, write_predictions
from gesture.formats.sequence import Sequence
from gesture.formats.synthetic.body import pose
from gesture.formats.synthetic.generate import RECIPE as SYNTHETIC_RECIPE
from gesture.formats.synthetic.motion import perform
from gesture.formats.synthetic.presets import PRESETS, plans
from gesture.formats.synthetic.render import pictures
from gesture.formats.synthetic.sensor import skeleton as synthetic_skeleton
from gesture.inputs.augment import augment, retimed, warped
from gesture.inputs.batch import Inputs, load_batch
from gesture.inputs.order import batch_at, steps_per_epoch
from gesture.operate.costs import training_sequences
from gesture.operate.probe import MEMORY_MB, MINUTES
from gesture.schedulers.profile import request as profile_request
from gesture.schedulers.profile import scheduler_of
from gesture.steps import STEPS

PACKAGE = Path(gesture.__file__).parent
RECIPES = {"SYNTHETIC_RECIPE": SYNTHETIC_RECIPE} | {f"{name.upper()}_RECIPE": one.recipe for name, one in STEPS.items()}
COMMANDS = (*STEPS, *OTHERS)


def probe_line(request: object, command: str, log: Path) -> list[str]:
    """The line that submits the doctor's probe."""
    return scheduler_of(request.executor).submission(request, MINUTES, MEMORY_MB, command, log)


def Method(name: str, weights: dict[str, float] | None = None, calibrated: bool = False, fit_on: Any = ()) -> Any:
    """How to average, and on what it is fitted."""
    return Average(method=name, weights=weights, temperature_scaling=calibrated), fit_on


def average(tables: list[Path], output: Path, method: Any) -> Any:
    """The figures of an average."""
    how, fit_on = method
    return averaging.average(tables, output, how, fit_on)


def with_tensorflow() -> SimpleNamespace:
    """The part that imports TensorFlow."""
    from gesture.base.lease import Lease
    from gesture.base.session import Session
    from gesture.evaluate.predict import evaluate
    from gesture.inputs.pipeline import training_batches
    from gesture.networks.layers.build import build
    from gesture.train.loop import Cadence, train
    from gesture.train.stage import StageJob

    return SimpleNamespace(**locals())
