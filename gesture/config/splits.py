"""Who plays which role: the data set's splits, changed by held-out subjects and `train_on_validation`.

Hold-outs act here, at training, never at conversion: records are shared by all experiments with the same options.
"""

from typing import Literal

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.config.settings import Data

Role = Literal["training", "validation", "test"]
ROLES: tuple[Role, ...] = ("training", "validation", "test")


def plays(role: str, split: str, subject: str | None, labelled: bool, data: Data) -> bool:
    """Whether a sequence is used for training, for validation or as test.

    Args:
        role: ``training``, ``validation`` or ``test``.
        split: of the data set, as the records' index has it.
        subject: who performs; None or empty where it is not known.
        labelled: whether it has a label; training needs one.
        data: with held-out subjects of the training split, these are the validation set, and the data set's own is not
            used; `train_on_validation` adds the validation split to training.

    Raises:
        GestureError: there is no such role.
    """
    held_out = split == "training" and subject in data.holdout_subjects
    if role == "test":
        return split == "test"
    if role == "validation":
        return held_out if data.holdout_subjects else split == "validation"
    if role == "training":
        trained_on = ("training", "validation") if data.train_on_validation else ("training",)
        return labelled and not held_out and split in trained_on
    raise GestureError(not_one_of(role, "role", ROLES))


def trained_on(data: Data) -> tuple[str, ...]:
    """The splits of the data set that training depends on: what it learns from and what it is validated on."""
    return ("training",) if data.holdout_subjects and not data.train_on_validation else ("training", "validation")


def stored_as(role: str, data: Data) -> str:
    """The split that the records' index has for the sequences of a role, leaving `train_on_validation` aside."""
    return "training" if role == "validation" and data.holdout_subjects else role
