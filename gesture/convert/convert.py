"""Raw recordings in, tfrecord shards out: parallel over shards, each written whole or not at all.

Which recordings share a shard, and their order, depend on the input alone. A shard that is complete is not made
again, so a killed conversion goes on where it was.
"""

import importlib
import warnings
from collections import Counter
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from gesture.base.errors import FailedForGoodError, GestureError, raise_all
from gesture.base.files import json_text, read_manifest, remove_litter, sealed, write_text_if_other
from gesture.base.lease import Lease
from gesture.base.pool import pool
from gesture.catalog import FORMATS
from gesture.config.layout import INDEX
from gesture.config.settings import Data, Experiment
from gesture.convert.reader import digests_by_split, records_digest
from gesture.convert.reuse import forget, set_aside
from gesture.convert.suspicious import shared, unlearnable
from gesture.convert.writer import Shard, write_shard
from gesture.formats.options import Options
from gesture.formats.sequence import SPLITS
from gesture.formats.source import Source
from gesture.steps import recipe

SEQUENCES_PER_SHARD = 32
INDEX_COLUMNS = ["shard", "offset", "size", "id", "split", "label", "subject", "source", "frames", "modalities"]


def convert(experiment: Experiment, raw: Path, output: Path, processes: int) -> None:
    """Writes shards, `index.csv` and last of all the manifest ``output`` into its folder.

    Of several that are asked for the same folder one writes; the others wait, and find it done.

    Raises:
        GestureError: raw files are missing or damaged, or lack a modality that a variant asks for.
        FailedForGoodError: they are others than `gesture download` listed.
    """
    raw_manifest = read_manifest(raw, "download", dataset=str, folder=str, files=dict)
    data = experiment.data
    module = importlib.import_module(FORMATS[data.dataset].module)
    options = experiment.dataset_options
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sources = module.sources(Path(raw_manifest["folder"]), options)
        check_listed(raw, raw_manifest, data.dataset, sources)
        check_modalities(experiment, module.modalities(sources, options))
    told = [*(str(one.message) for one in caught), *shared(sources)]
    shards = _plan_shards(sources, output.parent, options, data)
    with Lease(output.parent, patient=True) as lease:
        remove_litter(output.parent)
        kept = set_aside(output.parent, [(one.path, one.recipe) for one in shards])
        shards = [one.keeping(kept) for one in shards]
        notes = write_shards(shards, processes)
        index = pd.DataFrame([row for note in notes for row in note["records"]], columns=INDEX_COLUMNS)
        if index.empty:
            raise GestureError(f"{raw}: not one labelled or test sequence found in {raw_manifest['folder']}")
        index = index.sort_values(["split", "id"], key=lambda c: c.map(SPLITS.index) if c.name == "split" else c)
        manifest = json_text(sealed(_manifest(experiment, module.class_names(options), index, notes, told)))
        lease.require()
        # Where nothing changed, dates stay too: others may be training on these records.
        write_text_if_other(output.with_name(INDEX), _text(index))
        write_text_if_other(output, manifest)
        forget(output.parent)
    again = sum(len(one.kept) for one in shards)
    print(f"{len(index)} sequences in {len(shards)} shards: {output.parent}")
    if again:
        print(f"{again} of {len(sources)} recordings had not changed and were copied from the shards before")


def check_listed(raw: Path, manifest: dict[str, Any], dataset: str, sources: list[Source]) -> None:
    """Compares the raw files with the list that `gesture download` made of them.

    Raises:
        FailedForGoodError: another data set, or a file is missing, new, or of another size; it is named.
    """
    remedy = "run gesture download again (snakemake --forcerun download)"
    if manifest["dataset"] != dataset:
        raise FailedForGoodError(f"{raw}: lists {manifest['dataset']!r}, this experiment is on {dataset!r}; {remedy}")
    found, listed = {one.name: one.size for one in sources}, manifest["files"]
    for name in sorted({*found, *listed}):
        if found.get(name) != listed.get(name):
            now = f"has {found[name]} bytes" if name in found else "is not in the folder"
            then = f"{listed[name]} bytes" if name in listed else "none"
            raise FailedForGoodError(
                f"{raw}: the raw files have changed since they were listed: {name} {now}, listed {then}; {remedy}"
            )


def check_modalities(experiment: Experiment, available: tuple[str, ...]) -> None:
    """Refuses variants that want what the data lacks.

    Raises:
        GestureError: names the variant and the modality.
    """
    for name, variant in experiment.variants.items():
        missing = [one for one in variant.modalities if one not in available]
        if missing:
            raise GestureError(
                f"variants.{name}.modalities: the data has no {', '.join(missing)} (it has {', '.join(available)})"
            )


def _plan_shards(sources: list[Source], folder: Path, options: Options, data: Data) -> list[Shard]:
    """Cuts each split's sources, in order, into shards of about SEQUENCES_PER_SHARD sequences."""
    shards = []
    for split in SPLITS:
        groups: list[list[Source]] = []
        count = SEQUENCES_PER_SHARD
        for source in (one for one in sources if one.split == split and one.ids):
            if count >= SEQUENCES_PER_SHARD:
                groups.append([])
                count = 0
            groups[-1].append(source)
            count += len(source.ids)
        for number, group in enumerate(groups, 1):
            path = folder / f"{split}-{number:04d}-of-{len(groups):04d}.tfrecord"
            shards.append(Shard(path, tuple(group), FORMATS[data.dataset].module, options, data.size, data.layout))
    return shards


def write_shards(shards: list[Shard], processes: int) -> list[dict[str, Any]]:
    """Writes the shards in parallel; the notes come back in the order of the shards.

    Raises:
        GestureError: a process was killed; or what reading the raw files raises.
    """
    notes: list[dict[str, Any]] = []
    problems: list[str] = []
    with ExitStack() as stack:
        made: Iterable[dict[str, Any] | str] = map(_tried, shards)
        if min(processes, len(shards)) > 1:
            made = stack.enter_context(pool(min(processes, len(shards)))).map(_tried, shards)
        try:
            for note in tqdm(made, total=len(shards), unit="shard", desc="convert", mininterval=2):
                if isinstance(note, str):
                    problems.append(note)
                    continue
                for message in note["warnings"]:
                    tqdm.write(f"warning: {message}")
                notes.append(note)
        except BrokenProcessPool as error:
            raise GestureError(
                "convert: one of its processes was killed, most likely for want of memory: run it again with more "
                "memory or fewer --processes; shards that are done are kept"
            ) from error
    raise_all(problems)
    return notes


def _tried(shard: Shard) -> dict[str, Any] | str:
    """The notes of a shard, or what is wrong with its recordings: the other shards are made all the same."""
    try:
        return write_shard(shard)
    except GestureError as error:
        return str(error)


def _manifest(
    experiment: Experiment, class_names: list[str], index: pd.DataFrame, notes: list[dict[str, Any]], told: list[str]
) -> dict[str, Any]:
    """What the records are; the digest covers every byte of the shards and the index."""
    counts: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        labels = index.loc[index.split == split, "label"].dropna().astype(int)
        per_class = Counter(labels.tolist())
        counts[split] = {
            "sequences": int((index.split == split).sum()),
            "labelled": len(labels),
            "per_class": [per_class[label] for label in range(1, len(class_names) + 1)],
        }
    told = [*told, *unlearnable(class_names, counts["training"]["per_class"])]
    for message in told:
        print(f"warning: {message}")
    everywhere = set.intersection(*(set(text.split("+")) for text in index.modalities))
    shards = {row[0]: note["sha256"] for note in notes for row in note["records"]}
    return {
        "dataset": experiment.data.dataset,
        "digest": records_digest(shards, _text(index)),
        "digests": digests_by_split(shards, index),
        "recipe": recipe("convert"),
        "layout": experiment.data.layout,
        "size": experiment.data.size,
        "classes": class_names,
        "modalities": [one for one in ("rgb", "depth", "mask", "skeleton") if one in everywhere],
        "counts": counts,
        "warnings": [*told, *(message for note in notes for message in note["warnings"])],
        "shards": dict(sorted(shards.items())),
    }


def _text(index: pd.DataFrame) -> str:
    return str(index.to_csv(index=False, lineterminator="\n"))
