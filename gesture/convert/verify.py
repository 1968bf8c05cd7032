"""Reads every record again and compares it with what the manifest and the index promise."""

from pathlib import Path

from tqdm import tqdm

from gesture.base.errors import FailedForGoodError
from gesture.base.files import file_digest, value_digest
from gesture.config.layout import INDEX
from gesture.convert.reader import Records


def verify(manifest: Path) -> None:
    """Checks digests of index and shards, checksums of all records, and that each row of the index fits its record.

    Raises:
        FailedForGoodError: what is wrong, up to ten shards or records.
        GestureError: manifest or index cannot be read.
    """
    records = Records(manifest)
    problems = _shard_problems(records) + _index_problems(manifest, records)
    for position in tqdm(range(len(records.index)), unit="record", desc="verify", mininterval=2):
        row = records.index.iloc[position]
        try:
            sequence = records.read(position)
        except FailedForGoodError as error:
            problems.append(str(error))
            continue
        found = (sequence.id, sequence.split, sequence.length, "+".join(sequence.arrays))
        if found != (row["id"], row["split"], row["frames"], row["modalities"]):
            problems.append(f"{records.folder / row['shard']}: the record of {row['split']} Id {row['id']} is {found}")
    counted = records.index["split"].value_counts()
    for split, counts in records.manifest["counts"].items():
        if counted.get(split, 0) != counts["sequences"]:
            problems.append(
                f"{manifest}: {counts['sequences']} sequences of {split}, the index has {counted.get(split)}"
            )
    if problems:
        more = f"\n… and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise FailedForGoodError("\n".join(problems[:10]) + more)
    print(f"{len(records.index)} records in {len(records.manifest['shards'])} shards are as they were written")


def _shard_problems(records: Records) -> list[str]:
    problems = []
    for name, digest in records.manifest["shards"].items():
        path = records.folder / name
        if not path.exists():
            problems.append(f"{path}: is missing; run gesture convert again")
        elif file_digest(path) != digest:
            problems.append(f"{path}: its bytes have changed; delete it and its .json, and convert again")
    return problems


def _index_problems(manifest: Path, records: Records) -> list[str]:
    path = manifest.with_name(INDEX)
    shards = sorted(records.manifest["shards"].items())
    if value_digest([shards, path.read_text(encoding="utf-8")]) == records.manifest["digest"]:
        return []
    return [f"{path}: has changed since the records were written; run gesture convert again"]
