"""Measured documents -> the same with `text` instead of `raw_text`. After this stage no raw text exists, on disk or elsewhere."""

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa

from pipelines.engine.coder import give_back
from pipelines.engine.counters import count, count_outcomes
from pipelines.engine.decision import Decision
from pipelines.engine.segments import retag
from pipelines.scrub.opt_out import OptOutLists, admit
from pipelines.scrub.scrub import scrub_again, verify_clean
from pipelines.text.utf8 import prove_utf8
from schemas.errors import PrivacyError
from schemas.recipe import OptOut, Scrub


class ScrubResult(NamedTuple):
    """A Decision after opt-outs and scrubbing: its two halves, and the rows to write about them."""

    kept: pa.RecordBatch
    removed: pa.RecordBatch
    audit: pa.RecordBatch
    """An AUDIT row for every value."""
    index: pa.RecordBatch
    """An INDEX row for every document."""
    left_out: pa.RecordBatch
    """A LEDGER row for every document that was left out by an opt-out."""


class ScrubDocuments(beam.PTransform):
    """Decision -> ScrubResult; PrivacyError if a second search of the text still finds a private value."""

    def __init__(self, scrub: Scrub, opt_out: OptOut) -> None:
        super().__init__()
        self.scrub, self.opt_out = scrub, opt_out

    def expand(self, measured: beam.PCollection[Decision]) -> beam.PCollection[ScrubResult]:
        """Leave out the documents of opt-outs, and replace private values in the others."""
        return measured | beam.ParDo(_ScrubDocuments(self.scrub, self.opt_out))


class _ScrubDocuments(beam.DoFn):
    def __init__(self, scrub: Scrub, opt_out: OptOut) -> None:
        self.scrub, self.opt_out = scrub, opt_out

    def process(self, measured: Decision) -> Iterator[ScrubResult]:
        give_back(measured.kept)
        admitted = admit(measured.kept, OptOutLists.of(self.opt_out), self.scrub)
        prove_clean(admitted.documents, self.scrub)
        n_ended, n_out = measured.removed.num_rows, admitted.documents.num_rows
        count("opt_out", n_in=n_ended + measured.kept.num_rows, n_out=n_ended + n_out)
        count_outcomes("opt_out", admitted.left_out)
        count("scrub", n_in=measured.kept.num_rows - admitted.left_out.num_rows, n_out=n_out)
        documents, *rows = (retag(part, measured.kept) for part in admitted)
        yield ScrubResult(documents, measured.removed, *rows)


def rescrub(batch: pa.RecordBatch, scrub: Scrub) -> pa.RecordBatch:
    """Scrub a batch again whose texts were changed after scrubbing, and prove it clean."""
    scrubbed = scrub_again(batch, scrub)
    prove_clean(scrubbed, scrub)
    return scrubbed


def prove_clean(batch: pa.RecordBatch, scrub: Scrub) -> None:
    """Search `text` again; PrivacyError names the first document and kind that is left, TextError a document that is not UTF-8."""
    prove_utf8(batch, "scrub")
    left = verify_clean(batch, scrub)
    if left.num_rows:
        first = left.slice(0, 1).to_pylist()[0]
        raise PrivacyError(
            "CM-SCRUB-004",
            f"{left.num_rows} private values are left after scrubbing, the first of kind {first['kind']} in document "
            f"{first['doc_id'].hex()} at bytes {first['start_byte']} to {first['end_byte']} of its text. This is a bug in the finder of "
            "that kind; remove the kind from scrub.kinds to go on without it",
        )


def scrub_audit(scrubbed: ScrubResult) -> pa.RecordBatch:
    """The audit rows, for the graph."""
    return scrubbed.audit


def scrub_index(scrubbed: ScrubResult) -> pa.RecordBatch:
    """The index rows, for the graph."""
    return scrubbed.index


def opt_out_rows(scrubbed: ScrubResult) -> pa.RecordBatch:
    """The ledger rows of opt-outs, for the graph."""
    return scrubbed.left_out
