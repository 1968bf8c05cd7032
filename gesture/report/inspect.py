"""What is in the records, for people: figures of all, and one sequence as a strip of pictures."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gesture.base.errors import GestureError
from gesture.base.files import atomic_path
from gesture.base.problems import not_one_of
from gesture.convert.reader import Records
from gesture.formats.sequence import Sequence
from gesture.inputs.skeleton_image import draw

COLUMNS = 12
CELL = 96
LABEL_WIDTH = 72


def describe(records: Records) -> str:
    """Counts, lengths and sizes as a table, one line a split."""
    manifest, index = records.manifest, records.index
    lines = [
        f"{manifest['dataset']}: {len(index)} sequences, {len(records.class_names)} classes, "
        f"{manifest['size']}x{manifest['size']} px, {', '.join(manifest['modalities'])}",
        f"digest {manifest['digest'][:16]}, {index['size'].sum() / 1e6:.1f} MB in {manifest['layout']} records, "
        f"{index['size'].mean() / 1e3:.1f} kB a sequence",
        "split       sequences  labelled  subjects  frames: least  median  most",
    ]
    for split, counts in manifest["counts"].items():
        frames = index.loc[index["split"] == split, "frames"]
        subjects = index.loc[index["split"] == split, "subject"].nunique()
        spread = [frames.min(), int(frames.median()), frames.max()] if len(frames) else ["-"] * 3
        lines.append(
            f"{split:<10}  {counts['sequences']:>9}  {counts['labelled']:>8}  {subjects:>8}  "
            f"{spread[0]:>13}  {spread[1]:>6}  {spread[2]:>4}"
        )
    return "\n".join(lines)


def find(records: Records, split: str, identity: int) -> Sequence:
    """The sequence of an Id.

    Raises:
        GestureError: the split has no such Id.
    """
    chosen = np.flatnonzero((records.index["split"] == split) & (records.index["id"] == identity))
    if not len(chosen):
        known = [str(one) for one in records.index.loc[records.index["split"] == split, "id"].head(5)]
        raise GestureError(f"{records.folder}: {not_one_of(str(identity), f'{split} Id', [*known, '…'])}")
    return records.read(int(chosen[0]))


def strip(sequence: Sequence) -> Image.Image:
    """A row of pictures for each modality, twelve frames evenly spaced: what a network is shown."""
    frames = np.unique(np.linspace(0, sequence.length - 1, COLUMNS).round().astype(int))
    rows = {name: _gray_or_colour(name, array) for name, array in sequence.arrays.items() if name != "skeleton"}
    if sequence.skeleton is not None:
        size = next(iter(rows.values())).shape[1] if rows else 80
        rows["skeleton"] = draw(sequence.skeleton, size)
    sheet = Image.new("RGB", (LABEL_WIDTH + CELL * len(frames), CELL * len(rows) + 16), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, images) in enumerate(rows.items()):
        pen.text((4, row * CELL + CELL // 2), name, fill="black")
        for column, frame in enumerate(frames):
            picture = Image.fromarray(images[frame]).resize((CELL - 2, CELL - 2), Image.Resampling.NEAREST)
            sheet.paste(picture, (LABEL_WIDTH + column * CELL, row * CELL))
    for column, frame in enumerate(frames):
        pen.text((LABEL_WIDTH + column * CELL + 4, CELL * len(rows) + 2), f"{frame}", fill="black")
    return sheet


def _gray_or_colour(name: str, array: np.ndarray) -> np.ndarray:
    """`(T, H, W, 3)` uint8."""
    images = array.astype(np.uint8) * 255 if name == "mask" else array
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def inspect(manifest: Path, identity: int | None, split: str, output: Path | None) -> None:
    """Prints figures; with an Id also writes its strip of pictures.

    Raises:
        GestureError: no such records, no such Id.
    """
    records = Records(manifest)
    if identity is None:
        print(describe(records))
        return
    sequence = find(records, split, identity)
    output = output or Path(f"{split}-{identity}.png")
    with atomic_path(output) as temporary:
        strip(sequence).save(temporary)
    label = "no label" if sequence.label is None else f"{sequence.label + 1} {records.class_names[sequence.label]}"
    print(
        f"{split} Id {identity}: {label}, {sequence.length} frames, subject {sequence.subject or 'unknown'}, "
        f"from {sequence.source or 'unknown'}: {output}"
    )
