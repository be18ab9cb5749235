"""Kinds that cut: segments -> the same segments, row by row, with less text. Only keys and places are regrouped, never text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.memory import parts_of, range_share, ranges_for
from pipelines.dedup.places import SegmentIndex
from pipelines.dedup.pool import Mask, TakePart
from pipelines.dedup.ranges import by_segment
from pipelines.dedup.sign import Ranks, salts_of
from pipelines.dedup.spans.find import UNITS
from pipelines.dedup.spans.repeats import UNIT, cut_later, cut_rows, first_of_equal, within_documents
from pipelines.dedup.spans.rewrite import Mend, rewrite, rewritten_schema, with_survivor_ids
from pipelines.dedup.spans.substring import anchor_table, anchors, window_units
from pipelines.dedup.spans.templates import count_lines, frequent_lines, host_hashes, template_keys, template_units
from pipelines.dedup.spans.units import UInt64s, Units
from pipelines.engine.counters import count
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.exchange import Exchange, Partition, range_of, read_pieces
from pipelines.engine.progress import Progress
from pipelines.engine.segments import open_segment
from schemas.files import whole_file
from schemas.hops import CUT, MERGE
from schemas.recipe import Dedup

Find = Callable[[pa.Array], Units]


class Standing(NamedTuple):
    """A segment file, and the rows of it that earlier kinds ended, ascending."""

    path: str
    gone: npt.NDArray[np.int64]


class Rewritten(NamedTuple):
    """A segment with the texts that are left, and the documents that ended by it."""

    number: int
    path: str
    merges: pa.RecordBatch


@dataclass(frozen=True)
class Job:
    """One kind of one run."""

    kind: str
    dedup: Dedup
    segments: list[str]
    """What is read."""
    n_bytes: int
    """Of all segments."""
    folder: Path
    """Where the rewritten segments go, and working files."""
    take_part: TakePart
    mend: Mend
    progress: Progress

    @property
    def config(self) -> Any:
        """The kind's section of the recipe."""
        return getattr(self.dedup, self.kind)

    @property
    def n_ranges(self) -> int:
        """Of an exchange of units: mostly less than the text itself."""
        return ranges_for(self.n_bytes, self.dedup)

    def outputs(self) -> list[str]:
        """The rewritten segments."""
        return [str(self.folder / f"segment-{number:05d}.arrow") for number in range(len(self.segments))]


class CutSpans(beam.PTransform):
    """{"path": segments, "merges": those of earlier kinds, if any} -> (rewritten segments, MERGE batches of this kind)."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def expand(self, inputs: Any) -> Any:
        """Find what is cut, bring each segment its cuts, write what is left."""
        job = self.job
        grouped = {"path": inputs["path"]}
        if "merges" in inputs:
            grouped["gone"] = inputs["merges"] | "merged" >> beam.Map(by_segment) | "gone" >> Partition(job.folder / "gone")
        standing = grouped | "join" >> beam.CoGroupByKey() | "standing" >> beam.ParDo(_Stand(job.folder / "gone"))
        cuts = standing | "find" >> FINDERS[job.kind](job) | "cuts" >> Partition(job.folder / "cuts")
        both = {"standing": standing, "cuts": cuts} | "bring cuts" >> beam.CoGroupByKey()
        rewritten = both | "rewrite" >> beam.ParDo(_Rewrite(job))
        return rewritten | "segments" >> beam.Map(segment_of), rewritten | "merges" >> beam.Map(merges_of)


def segment_of(rewritten: Rewritten) -> tuple[int, str]:
    """(segment number, path)."""
    return rewritten.number, rewritten.path


def merges_of(rewritten: Rewritten) -> pa.RecordBatch:
    """The documents that ended."""
    return rewritten.merges


class _Stand(beam.DoFn):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[tuple[int, Standing]]:
        number, found = group
        (path,) = found["path"]
        merges = read_pieces(self.folder, found.get("gone", ()))
        gone = (
            np.zeros(0, np.int64) if merges is None else np.sort((merges.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64))
        )
        yield number, Standing(path, gone)


def standing_batches(standing: Standing, take_part: TakePart) -> Iterator[tuple[int, pa.RecordBatch, Mask]]:
    """(first row, batch, which rows take part) of a segment."""
    reader = open_segment(Path(standing.path))
    first = 0
    for index in range(reader.num_record_batches):
        batch, stays = take_part.in_place(reader.get_batch(index))
        low, high = np.searchsorted(standing.gone, [first, first + batch.num_rows])
        stays[standing.gone[low:high] - first] = False
        yield first, batch, stays
        first += batch.num_rows


# --- Lines, sentences, substrings: the first of equal units stays -----------------------------------------------------


class FindRepeats(beam.PTransform):
    """(segment number, Standing) -> CUT batches ranged by segment."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def expand(self, standing: beam.PCollection[tuple[int, Standing]]) -> beam.PCollection[pa.RecordBatch]:
        """Cut into units; of equal ones the first stays."""
        job = self.job
        known = {"standing": standing}
        if job.kind == "substring" and job.config.scope == "corpus":
            seen = standing | "anchors" >> beam.ParDo(_Anchors(job))
            known["anchors"] = (
                seen | "repeated" >> Exchange(job.folder / "anchors", repeated_by_segment) | Partition(job.folder / "repeated")
            )
        found = known | "known" >> beam.CoGroupByKey() | "units" >> beam.ParDo(_Units(job))
        inside = found | "in one document" >> beam.Map(removed)
        across = found | "elsewhere" >> beam.Map(kept) | "first" >> Exchange(job.folder / "units", KeepFirst(job.dedup))
        return (inside, across) | beam.Flatten()


class _Anchors(beam.DoFn):
    """The anchors of a segment, each twice at most: that is enough to know that it is repeated."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, numbered: tuple[int, Standing]) -> Iterator[pa.RecordBatch]:
        number, standing = numbered
        for _, batch, stays in standing_batches(standing, self.job.take_part):
            keys = anchors(batch.column("text").filter(pa.array(stays)), self.job.config.min_words)
            segment = pa.repeat(pa.scalar(number, pa.uint32()), len(keys))
            ranges = pa.array(range_of(keys, self.job.n_ranges))
            yield pa.RecordBatch.from_pydict({"key": pa.array(keys), "segment": segment, "range": ranges})


def repeated_by_segment(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Exchange reducer: anchors that occur more than once, for each segment that has them."""
    keys, segments = table.column("key").to_numpy(), table.column("segment").to_numpy()
    order = np.argsort(keys)
    same = keys[order][1:] == keys[order][:-1]
    shared = order[np.append(same, False) | np.insert(same, 0, False)] if len(order) else order
    pairs = np.unique(np.rec.fromarrays([segments[shared], keys[shared]]))
    yield pa.RecordBatch.from_pydict({"key": pa.array(pairs["f1"], pa.uint64()), "range": pa.array(pairs["f0"], pa.uint32())})


class _Units(beam.DoFn):
    """Decision: UNIT batches ranged by key, CUT batches ranged by segment."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Decision]:
        number, found = group
        (standing,) = found["standing"]
        job, ranks = self.job, Ranks(self.job.dedup)
        find: Find = partial(UNITS[job.kind], config=job.config)
        if "anchors" in found:
            keys = read_pieces(job.folder / "repeated", found["anchors"])
            table = anchor_table(np.zeros(0, np.uint64) if keys is None else keys.column("key").to_numpy())
            find = partial(window_units, k=job.config.min_words, repeated=table)
        for first, batch, stays in standing_batches(standing, job.take_part):
            rows = np.flatnonzero(stays)
            part = batch.select(["doc_id", "source", "text"]).filter(pa.array(stays))
            places = rows.astype(np.uint64) + np.uint64((number << 32) + first)
            units, cuts = within_documents(find(part.column("text")), places, ranks(part), alone=job.config.scope == "document")
            salts = salts_of(part.column("source"), job.dedup)[np.searchsorted(places, units.column("at").to_numpy())]
            units = units.set_column(0, UNIT.field("key"), pa.array(units.column("key").to_numpy() ^ salts))
            yield Decision(ranged(units, "key", job), by_segment(cuts))


class KeepFirst:
    """Exchange reducer: UNIT rows -> CUT rows ranged by segment.

    It goes through the rows twice, a part at a time, as a line that stands on every page of a corpus makes a range as large as it likes.
    """

    def __init__(self, dedup: Dedup) -> None:
        self.most_bytes = range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Which is the first of equal units, then what becomes of each."""
        parts = list(parts_of(table, self.most_bytes))
        firsts = UNIT.empty_table()
        for part in parts[:-1]:
            firsts = first_of_equal(pa.concat_tables([firsts, part.select(UNIT.names)]), repeated_only=False)
        firsts = first_of_equal(pa.concat_tables([firsts, parts[-1].select(UNIT.names)]), repeated_only=True)
        for part in parts:
            yield by_segment(cut_later(part, firsts))


# --- Templates: lines on many pages of a host -------------------------------------------------------------------------


class FindTemplates(beam.PTransform):
    """(segment number, Standing) -> CUT batches ranged by segment."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def expand(self, standing: beam.PCollection[tuple[int, Standing]]) -> beam.PCollection[pa.RecordBatch]:
        """Count lines by host, compare with the pages by host, and look again for those that are on enough of them."""
        job = self.job
        counted = standing | "count" >> beam.ParDo(_CountLines(job))
        frequent = counted | "lines" >> beam.Map(kept) | "frequent" >> Exchange(job.folder / "lines", FrequentLines(job))
        both = (frequent, counted | "pages" >> beam.Map(removed)) | beam.Flatten()
        keys = both | "by host" >> Exchange(job.folder / "hosts", TemplateKeys(job)) | Partition(job.folder / "keys")
        return {"standing": standing, "keys": keys} | "known" >> beam.CoGroupByKey() | "look" >> beam.ParDo(_CutTemplates(job))


class _CountLines(beam.DoFn):
    """Decision: COUNT batches of lines ranged by line, and of pages ranged by host."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, numbered: tuple[int, Standing]) -> Iterator[Decision]:
        number, standing = numbered
        for _, batch, stays in standing_batches(standing, self.job.take_part):
            part = batch.select(["source", "url", "text"]).filter(pa.array(stays))
            hosts = hosts_of(part, self.job)
            counts = count_lines(template_units(part.column("text"), hosts), hosts, number)
            is_line = pc.not_equal(counts.column("key"), pa.scalar(0, pa.uint64()))
            lines, pages = counts.filter(is_line), counts.filter(pc.invert(is_line))
            yield Decision(ranged(lines, "key", self.job), ranged(pages, "host", self.job))


def hosts_of(batch: pa.RecordBatch, job: Job) -> UInt64s:
    """uint64[n]: hosts by their hash, 0 where there is none; of each source for itself if the scope says so."""
    hosts = host_hashes(batch.column("url"))
    return np.where(hosts == 0, hosts, hosts ^ salts_of(batch.column("source"), job.dedup))


def ranged(batch: pa.RecordBatch, column: str, job: Job) -> pa.RecordBatch:
    """Rows ranged by a well-mixed column."""
    return batch.append_column("range", pa.array(range_of(batch.column(column).to_numpy(), job.n_ranges)))


class FrequentLines:
    """Exchange reducer: COUNT rows by line -> those of lines on enough pages, ranged by host."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Sum."""
        yield ranged(frequent_lines(table, self.job.config.min_pages), "host", self.job)


class TemplateKeys:
    """Exchange reducer: COUNT rows by host -> keys of its template lines, ranged by segment."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Compare with the pages of the host."""
        keys = template_keys(table, self.job.config.min_share)
        yield pa.RecordBatch.from_pydict({"key": keys.column("key"), "range": keys.column("segment").cast(pa.uint32())})


class _CutTemplates(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[pa.RecordBatch]:
        number, found = group
        (standing,) = found["standing"]
        keys = read_pieces(self.job.folder / "keys", found["keys"])
        if keys is None:
            return
        templates = np.unique(keys.column("key").to_numpy())
        for first, batch, stays in standing_batches(standing, self.job.take_part):
            rows = np.flatnonzero(stays).astype(np.uint64) + np.uint64((number << 32) + first)
            part = batch.select(["source", "url", "text"]).filter(pa.array(stays))
            units = template_units(part.column("text"), hosts_of(part, self.job))
            units = units.take(np.isin(units.keys, templates))
            yield by_segment(cut_rows(units, rows[units.rows], None, kept=False))


FINDERS: Final[dict[str, Any]] = {"lines": FindRepeats, "sentences": FindRepeats, "substring": FindRepeats, "templates": FindTemplates}


# --- Applying ---------------------------------------------------------------------------------------------------------


class _Rewrite(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job, self.index, self.protected = job, SegmentIndex(job.segments), Ranks(job.dedup).protected

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Rewritten]:
        number, found = group
        (standing,) = found["standing"]
        job = self.job
        cuts = read_pieces(job.folder / "cuts", found["cuts"])
        cuts = (cuts.select(CUT.names) if cuts is not None else CUT.empty_table()).sort_by("at").combine_chunks()
        rows = (cuts.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
        path = Path(job.outputs()[number])
        schema = rewritten_schema(open_segment(Path(standing.path)).schema, job.kind)
        merges = [pa.RecordBatch.from_pylist([], MERGE)]
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
            for first, batch, stays in standing_batches(standing, job.take_part):
                low, high = np.searchsorted(rows, [first, first + batch.num_rows])
                may_be_cut = pa.array(~self.protected(batch)[rows[low:high] - first])
                of_batch = cuts.slice(low, high - low).filter(may_be_cut)
                left, gone = rewrite(batch, stays, (number << 32) + first, of_batch, job.kind, job.config, job.mend)
                writer.write_batch(left)
                merges.append(gone)
                chars = left.column(f"n_cut_chars_{job.kind}").to_numpy()
                count("dedup", **{f"{job.kind}_cut_chars": int(chars.sum()), f"{job.kind}_cut_documents": int(np.count_nonzero(chars))})
        job.progress.step()
        yield Rewritten(number, str(path), with_survivor_ids(pa.concat_batches(merges), self.ids))

    def ids(self, places: UInt64s) -> pa.Array:
        """The doc_ids at ascending places."""
        return self.index.take(places, ("doc_id",)).column("doc_id")
