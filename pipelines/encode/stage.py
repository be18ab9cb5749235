"""Curated documents -> pre-token counts, and -> token shards in globally shuffled order. Reads `text`, never `raw_text`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import apache_beam as beam
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.encode.sample import Group, sample_batch
from pipelines.encode.shards import in_shuffled_order, shard_counts, shard_partitions, split_shards, write_shard
from pipelines.engine.counters import count
from pipelines.engine.progress import Progress
from pipelines.engine.segments import batches_of
from pipelines.engine.shuffle import Shuffle
from schemas.files import entry, whole_file
from schemas.recipe import Encode, Tokenizer
from schemas.sampling import hash_ids, in_share
from schemas.stages import StageName
from tokenizer.bpe import Encoder, PretokenCounter, column_counter, merge_pretoken_counts, pretoken_partitions

COUNTER_BYTES: Final = 128 * 1024 * 1024
"""Size of the counts that a worker keeps in memory before it emits them."""


class CountPretokens(beam.PTransform):
    """Path of a file of curated documents -> FileEntry lines of files of exact pre-token counts, one per range of pre-tokens."""

    def __init__(
        self, config: Tokenizer, seed: int, shares: dict[Group, float], run: Path, folder: Path, n_partitions: int, progress: Progress
    ) -> None:
        super().__init__()
        self.counts = _Count(config, seed, shares, n_partitions, progress)
        self.sums = AddCounts(run, folder / "counts")
        self.folder = folder

    def expand(self, documents: beam.PCollection[str]) -> beam.PCollection[str]:
        """Count, regroup, add up."""
        return documents | beam.Reshuffle() | "count" >> beam.ParDo(self.counts) | "by range" >> Shuffle(self.folder, self.sums, str)


class _Count(beam.DoFn):
    def __init__(self, config: Tokenizer, seed: int, shares: dict[Group, float], n_partitions: int, progress: Progress) -> None:
        self.config, self.seed, self.shares, self.n_partitions, self.progress = config, seed, shares, n_partitions, progress

    def setup(self) -> None:
        self.add, self.counter = column_counter(self.config), PretokenCounter()

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        for whole in batches_of(Path(path)):
            batch = sample_batch(whole, self.shares, self.seed, StageName.TOKENIZER)
            self.add(self.counter, batch.column("text"))
            count(StageName.TOKENIZER, n_documents=batch.num_rows, n_bytes=pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0)
            if self.counter.nbytes > COUNTER_BYTES:
                yield self._flush()
        self.progress.step()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield GlobalWindows.windowed_value(self._flush())

    def _flush(self) -> pa.RecordBatch:
        counts, self.counter = self.counter.counts(), PretokenCounter()
        return counts.append_column("partition", pretoken_partitions(counts, self.n_partitions))


class AddCounts:
    """Shuffle reducer: all counts of one range of pre-tokens -> one file."""

    def __init__(self, run: Path, folder: Path) -> None:
        self.run, self.folder = run, folder

    def __call__(self, number: int, table: pa.Table) -> Iterator[str]:
        """Add up, write."""
        counts = merge_pretoken_counts(table.to_batches())
        path = self.folder / f"counts-{number:05d}.arrow"
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), counts.schema) as writer:
            writer.write_batch(counts)
        yield msgspec.json.encode(entry(path, self.run, counts.num_rows)).decode()


_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob(Generic[_Part]):
    """The documents to encode, and the settings."""

    read: Callable[[_Part], Iterator[pa.RecordBatch]]
    """Reads batches with `text` from an entry of `documents`."""
    documents: Sequence[_Part]
    """Each part is the work of one worker: a file, or a split."""
    config: Encode
    held_out: tuple[str, ...] = ()
    """Sources whose documents all belong to the validation split."""
    seed: int
    tokenizer: Path
    schema: pa.Schema
    n_partitions: int
    """The shuffled order is divided into this many ranges."""


class EncodeShards(beam.PTransform):
    """An entry of `job.documents` -> FileEntry lines of the shards, under provisional names."""

    def __init__(self, job: ShardJob[_Part], run: Path, folder: Path, progress: Progress) -> None:
        super().__init__()
        self.tokens = _Encode(job, progress)
        self.shards = WriteShards(job.config, job.schema, run, job.n_partitions)
        self.folder = folder

    def expand(self, documents: beam.PCollection[Any]) -> beam.PCollection[str]:
        """Encode, shuffle, write."""
        return documents | beam.Reshuffle() | "tokens" >> beam.ParDo(self.tokens) | "shuffle" >> Shuffle(self.folder, self.shards, str)


class _Encode(beam.DoFn):
    def __init__(self, job: ShardJob[_Part], progress: Progress) -> None:
        self.read, self.encode, self.seed = job.read, job.config, job.seed
        self.tokenizer, self.n_partitions = job.tokenizer, job.n_partitions
        self.held_out, self.progress = pa.array(job.held_out, pa.large_string()), progress

    def setup(self) -> None:
        self.encoder = Encoder(self.tokenizer)

    def process(self, documents: Any) -> Iterator[pa.RecordBatch]:
        for batch in self.read(documents):
            if batch.num_rows:
                yield self.tokens(batch)
        self.progress.step()

    def tokens(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        doc_id = batch.column("doc_id")
        tokens = self.encoder(batch.column("text"))
        order = hash_ids(doc_id, self.seed, "shuffle")
        drawn_valid = in_share(hash_ids(doc_id, self.seed, "valid"), self.encode.valid_ratio)
        valid = drawn_valid | pc.is_in(batch.column("source"), value_set=self.held_out).to_numpy(zero_copy_only=False)
        count(StageName.ENCODE, n_in=batch.num_rows)
        kept = {name: batch.column(name) for name in ("doc_id", "source", "lang", "origin_file", "origin_offset", "part")}
        return pa.RecordBatch.from_pydict(
            kept
            | {
                "tokens": tokens,
                "n_tokens": pc.list_value_length(tokens).cast(pa.uint32()),
                "order": pa.array(order),
                "partition": shard_partitions(order, valid, self.n_partitions),
            }
        )


class WriteShards:
    """Shuffle reducer: one range of the shuffled order -> shards of at most encode.shard_tokens tokens."""

    def __init__(self, encode: Encode, schema: pa.Schema, run: Path, n_partitions: int) -> None:
        self.encode, self.schema, self.run, self.n_partitions = encode, schema, run, n_partitions

    def __call__(self, number: int, table: pa.Table) -> Iterator[str]:
        """Sort, cut, write."""
        split = "valid" if number == self.n_partitions else "train"
        for piece, shard in enumerate(split_shards(in_shuffled_order(table), self.encode.shard_tokens)):
            path = self.run / "shards" / f"{split}-r{number:06d}-{piece:06d}.arrow"
            write_shard(shard, path, self.schema)
            n_documents, _ = shard_counts(path)
            count(StageName.ENCODE, n_out=n_documents)
            yield msgspec.json.encode(entry(path, self.run, n_documents)).decode()
