"""Segments -> the n-grams of evaluation sets that too many documents contain to be evidence. Only hashes and counts are shuffled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apache_beam as beam
import msgspec
import numpy as np
import pyarrow as pa

from pipelines.dedup.evals.matches import gram_documents
from pipelines.dedup.evals.sets import load_evals
from pipelines.dedup.memory import partitions_for
from pipelines.dedup.partitions import partition_by_key
from pipelines.dedup.pool import RowFilter
from pipelines.engine.progress import Progress
from pipelines.engine.segments import batches_of
from pipelines.engine.shuffle import Shuffle
from schemas.files import entry, whole_file
from schemas.recipe import Recipe

_ROW_BYTES: Final = 20  # gram, documents, partition


class FindCommonGrams(beam.PTransform):
    """Path of a segment -> FileEntry lines of files with a column `gram`: those in more than `decontaminate.max_documents` documents."""

    def __init__(self, recipe: Recipe, row_filter: RowFilter, n_segments: int, run: Path, folder: Path, progress: Progress) -> None:
        super().__init__()
        n_grams = len(load_evals(recipe.decontaminate).index.grams) // 2
        self.count = _CountGrams(recipe, row_filter, partitions_for(n_segments * n_grams * _ROW_BYTES, recipe.dedup), progress)
        self.common = CommonGrams(recipe.decontaminate.max_documents or 0, run, folder)
        self.folder = folder

    def expand(self, segments: beam.PCollection[str]) -> beam.PCollection[str]:
        """Count in each segment, add up, write."""
        counted = segments | beam.Reshuffle() | "count grams" >> beam.ParDo(self.count)
        return counted | "common grams" >> Shuffle(self.folder / "counts", self.common, str)


class _CountGrams(beam.DoFn):
    def __init__(self, recipe: Recipe, row_filter: RowFilter, n_partitions: int, progress: Progress) -> None:
        self.config, self.row_filter, self.n_partitions, self.progress = recipe.decontaminate, row_filter, n_partitions, progress

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        index = load_evals(self.config).index
        counts = np.zeros(len(index.grams), np.int64)
        for batch in batches_of(Path(path)):
            counts += gram_documents(batch.column("text").filter(pa.array(self.row_filter(batch))), index)
        seen = counts > 0
        grams = index.grams[seen]
        rows = pa.RecordBatch.from_pydict({"gram": pa.array(grams), "n": pa.array(counts[seen])})
        yield partition_by_key(rows, "gram", self.n_partitions)
        self.progress.step()


class CommonGrams:
    """Shuffle reducer: rows (gram, documents of a segment that contain it) -> a file of the grams that too many documents contain."""

    def __init__(self, most: int, run: Path, folder: Path) -> None:
        self.most, self.run, self.folder = most, run, folder

    def __call__(self, number: int, table: pa.Table) -> Iterator[str]:
        """Add up, write."""
        sums = table.group_by("gram").aggregate([("n", "sum")])
        common = sums.filter(pa.compute.greater(sums.column("n_sum"), self.most)).select(["gram"]).sort_by("gram")
        path = self.folder / f"common-{number:05d}.arrow"
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), common.schema) as writer:
            writer.write_table(common)
        yield msgspec.json.encode(entry(path, self.run, common.num_rows)).decode()
