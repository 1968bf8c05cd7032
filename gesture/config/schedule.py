"""How long stages are and which learning rates their steps have: pure functions of the settings."""

import math

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.config.settings import Stage, Training


def stage_steps(stage: Stage, training: Training, sequences: int) -> int:
    """Length of a stage [steps]; ``sequences`` is the number of training sequences."""
    if stage.steps is not None:
        return stage.steps
    return (stage.epochs or 0) * math.ceil(sequences / training.batch_size)


def stage_bounds(training: Training, stage: int, sequences: int) -> tuple[int, int]:
    """First step of a stage (1-based) and first step after it, counted from stage 1."""
    lengths = [stage_steps(one, training, sequences) for one in training.stages[:stage]]
    return sum(lengths[:-1]), sum(lengths)


def rates(training: Training, stage: int, step: int, sequences: int) -> tuple[float, float]:
    """Learning rates (main, pretrained) of a step: pure, so a resumed run repeats them.

    A stage begins at its `learning_rate`; with a `final_learning_rate` it moves there along `learning_rate_schedule`,
    and would reach it at the first step of the next stage (cosine: Loshchilov and Hutter 2017). The warm-up, from the
    start of stage 1, multiplies all.

    Args:
        training: stages and schedule.
        stage: 1-based.
        step: counted from the start of stage 1.
        sequences: number of training sequences, which gives an epoch its steps.

    Raises:
        GestureError: there is no such schedule.
    """
    settings = training.stages[stage - 1]
    factor = min(1.0, (step + 1) / training.warmup_steps) if training.warmup_steps else 1.0
    if settings.final_learning_rate is not None:
        first, end = stage_bounds(training, stage, sequences)
        part, ratio = (step - first) / (end - first), settings.final_learning_rate / settings.learning_rate
        if training.learning_rate_schedule == "exponential":
            factor *= ratio**part
        elif training.learning_rate_schedule == "cosine":
            factor *= ratio + (1 - ratio) * (1 + math.cos(math.pi * part)) / 2
        else:
            raise GestureError(not_one_of(training.learning_rate_schedule, "schedule", ("cosine", "exponential")))
    pretrained = (
        settings.learning_rate if settings.pretrained_learning_rate is None else settings.pretrained_learning_rate
    )
    return factor * settings.learning_rate, factor * pretrained
