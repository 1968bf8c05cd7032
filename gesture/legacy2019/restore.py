"""Evaluates a checkpoint of the 2019 program as its `restore_and_evaluate.py` did."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from gesture.base.errors import GestureError
from gesture.base.files import file_digest, read_json, value_digest
from gesture.convert.reader import Records, digest_of
from gesture.evaluate.predictions import write_predictions
from gesture.inputs.batch import Inputs, load_batch
from gesture.legacy2019.batches import BATCH, original_batches
from gesture.legacy2019.softlabel import write_labels, write_softlabel
from gesture.legacy2019.tfrecords import paths
from gesture.legacy2019.weight_files import digest, parts
from gesture.legacy2019.weights import Sizes, load_checkpoint, sizes
from gesture.networks.layers.build import build
from gesture.networks.layers.runtime import pin
from gesture.networks.layers.smnet import SMnet
from gesture.networks.smnet import SMnetSettings

SIZE_2019 = 80  # of its pictures [px]


@dataclass(frozen=True)
class Restored:
    """What to restore and how to score.

    Attributes:
        save_dir: folder of the models' folders.
        model_id: how the name of the model's folder begins.
        step: number in the checkpoint's name.
        own_divisor: divide a sequence's score by its own clip count, not by its batch's.
        dropout_seed: of the recurrent dropout that the program left on at evaluation; None = off.
    """

    save_dir: Path
    model_id: str
    step: int
    own_divisor: bool = False
    dropout_seed: int | None = None

    @property
    def name(self) -> str:
        """How its files and the member are called."""
        return f"{self.model_id}_{self.step}"

    def settings(self, found: Sizes) -> SMnetSettings:
        """The network's settings, given the sizes in its checkpoint."""
        return SMnetSettings(
            legacy=True,
            layout="flat",  # padding clips change nothing at evaluation but the time
            score_divisor="own" if self.own_divisor else "batch",
            recurrent_dropout_always=self.dropout_seed is not None,
            widths=found.widths,
            head_units=found.head_units,
            recurrent_units=found.recurrent_units,
        )


def restore(what: Restored, records: Path, split: str, output: Path, threads: int) -> None:
    """Writes `<id>_<step>_submission.csv`, `<id>_<step>_softlabel.csv`, and our table `<id>_<step>.csv`.

    Args:
        what: the checkpoint, and how to score.
        records: folder of 2019 tfrecords, or a manifest of ours or its folder.
        split: `training`, `validation` or `test`.
        output: folder of the three files.
        threads: TensorFlow threads.

    Raises:
        GestureError: the model or the records are missing, damaged, or do not fit together; nothing is written.
    """
    folder = find_model(what.save_dir, what.model_id)
    checkpoint = find_checkpoint(folder, what.step)
    config = read_config(folder / "config.json")
    manifest = next((path for path in (records, records / "manifest.json") if path.is_file()), None)
    found = sizes(checkpoint)
    pin(threads)
    ours = Records(manifest) if manifest else None
    _refuse_other_records(found, ours)
    size = ours.manifest["size"] if ours else SIZE_2019
    settings = what.settings(found)
    network = build(settings, found.streams, found.classes, size, seed=what.dropout_seed or 0)
    assert isinstance(network, SMnet)
    # The pictures of 2019 are blue first, ours are red first.
    load_checkpoint(network, checkpoint, blue_first=ours is not None)
    batches = _our_batches(ours, split, settings, found.streams) if ours else original_batches(records, split)
    ids, labels, softmaxes = _predict(network, batches)
    if not len(ids):
        raise GestureError(f"{records}: no sequence of split {split}")
    order = np.argsort(ids, kind="stable")
    table = {
        "step": "restore",
        "split": split,
        "data_digest": digest_of(ours.manifest, split) if ours else _digest_of_2019(records),
        "member": what.name,
        "checkpoint_digest": digest([checkpoint]),
        "checkpoint": str(checkpoint),
        "score_divisor": network.score_divisor,
        "recurrent_dropout_seed": what.dropout_seed,
        "config": config,
    }
    write_predictions(output / f"{what.name}.csv", ids, softmaxes, labels, table)
    write_softlabel(output / f"{what.name}_softlabel.csv", softmaxes[order])
    write_labels(output / f"{what.name}_submission.csv", softmaxes[order].argmax(axis=1))
    known = labels >= 0
    accuracy = f", accuracy {(softmaxes.argmax(1) == labels)[known].mean():.4f}" if known.any() else ", no labels"
    print(f"{what.name} on {split}: {len(ids)} sequences{accuracy}: {output / what.name}.csv")


def find_model(save_dir: Path, model_id: str) -> Path:
    """The one folder whose name begins with the model's id; one of exactly this name goes first.

    Raises:
        GestureError: there is none, or several.
    """
    if not save_dir.is_dir():
        raise GestureError(f"-S {save_dir}: no such folder; expected the models' folders in it")
    folders = sorted(path for path in save_dir.iterdir() if path.is_dir())
    found = [path for path in folders if path.name.startswith(model_id)]
    found = [path for path in found if path.name == model_id] or found
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in (found or folders)[:5]) or "no folder"
    if found:
        raise GestureError(f"-M {model_id}: {len(found)} folders of {save_dir} begin so: {names}; name one in full")
    raise GestureError(f"-M {model_id}: no folder of {save_dir} begins so; it has {names}")


def find_checkpoint(folder: Path, step: int) -> Path:
    """The checkpoint `model-<step>`.

    Raises:
        GestureError: there is none; those that are there are named.
    """
    path = folder / f"model-{step}"
    if parts(path):
        return path
    others = sorted({one.name.partition(".")[0] for one in folder.glob("model-*")})
    raise GestureError(f"-C {step}: no {path}.index; the folder has {', '.join(others) or 'no model-*'}")


def read_config(path: Path) -> dict[str, Any] | None:
    """The settings that the program wrote beside its checkpoints; the sizes are taken from the tensors.

    Raises:
        GestureError: the file is no JSON object, or asks for what cannot be repeated here.
    """
    if not path.is_file():
        warnings.warn(f"{path}: not there; taking the program's shipped settings", stacklevel=2)
        return None
    config = read_json(path)
    if not isinstance(config, dict):
        raise GestureError(f"{path}: expected a JSON object with the program's settings")
    if config.get("subsample", 1) not in (1, None):
        raise GestureError(f"{path}: subsample is {config['subsample']!r}; only 1, every frame, can be restored")
    return config


def _refuse_other_records(found: Sizes, records: Records | None) -> None:
    if records is None:
        return
    needed = {*found.streams, *(("mask",) if "depth" in found.streams else ())}
    missing = sorted(needed - set(records.manifest["modalities"]))
    if missing:
        raise GestureError(f"{records.folder}: the checkpoint needs {', '.join(missing)}, which these records lack")
    if len(records.class_names) != found.classes:
        raise GestureError(f"{records.folder}: {len(records.class_names)} classes, the checkpoint has {found.classes}")


def _our_batches(
    records: Records, split: str, settings: SMnetSettings, streams: tuple[str, ...]
) -> Iterator[dict[str, np.ndarray]]:
    """The sequences of a split in the order of their ids, in batches as large as those of 2019."""
    inputs = Inputs.made(settings.pictures([*streams, "mask"]))
    positions = np.flatnonzero(records.index["split"] == split)
    for start in range(0, len(positions), BATCH):
        chosen = positions[start : start + BATCH]
        yield {"id": records.ids(chosen), **load_batch(records, chosen, inputs)}


def _predict(network: SMnet, batches: Iterator[dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, labels and softmaxes of all sequences."""
    step = None
    ids, labels, softmaxes = [], [], []
    for batch in tqdm(batches, unit=" batches", disable=None):
        ids.append(batch.pop("id"))
        labels.append(batch.pop("label"))
        if step is None:  # one trace for batches of any size
            spec = {name: tf.TensorSpec((None, *array.shape[1:]), array.dtype) for name, array in batch.items()}
            step = tf.function(lambda x: tf.nn.softmax(network.scores(*network(x, training=False))), [spec])
        softmaxes.append(step({name: tf.constant(array) for name, array in batch.items()}).numpy())
    if not ids:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 2), np.float32)
    return np.concatenate(ids), np.concatenate(labels), np.concatenate(softmaxes)


def _digest_of_2019(folder: Path) -> str:
    return value_digest([[path.name, file_digest(path)] for _, path in paths(folder)])
