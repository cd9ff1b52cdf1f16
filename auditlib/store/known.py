"""Events that a new snapshot brings although an earlier one holds them already."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib.errors import DamagedFileError
from auditlib.store.chain import read_chain
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.sources import Source
from auditlib.store.verify import open_verified


def count_known(source: Source, manifest: Manifest) -> int:
    """How many event ids of a snapshot stand in other files of the record; damaged files tell nothing.

    Reads one column of the files, a row group at a time. Raises StoreError where the chain cannot be read.
    """
    new = pa.chunked_array([chunk for entry in manifest.files for chunk in _ids(source, entry)], pa.string())
    known: set[str] = set()
    own = {entry.path for entry in manifest.files}
    for entry in read_chain(source).kept:
        for ids in _ids(source, entry) if entry.path not in own else ():
            known.update(ids.filter(pc.is_in(ids, value_set=new)).to_pylist())
    return len(known)


def _ids(source: Source, entry: FileEntry) -> list[pa.Array]:
    try:
        with open_verified(source, entry) as file, pq.ParquetFile(file.path) as parquet:
            return [batch.column(0).cast(pa.string()) for batch in parquet.iter_batches(columns=["event_id"])]
    except DamagedFileError:
        return []
