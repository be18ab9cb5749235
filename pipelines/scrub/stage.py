"""Measured documents -> the same with `text` instead of `raw_text`. Behind this stage no raw text exists, on disk or elsewhere."""

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa

from pipelines.runtime import Decision, count, retag
from pipelines.scrub.scrub import scrub_again, scrub_with_audit, verify_clean
from schemas.errors import PrivacyError
from schemas.recipe import Scrub


class Scrubbed(NamedTuple):
    """What scrubbing made of a Decision: its two halves, the documents scrubbed, and an AUDIT row for every value."""

    passed: pa.RecordBatch
    ended: pa.RecordBatch
    audit: pa.RecordBatch


class ScrubDocuments(beam.PTransform):
    """Decision -> Scrubbed; PrivacyError where a second look at the text still finds something."""

    def __init__(self, scrub: Scrub) -> None:
        super().__init__()
        self.scrub = scrub

    def expand(self, measured: beam.PCollection[Decision]) -> beam.PCollection[Scrubbed]:
        """Replace private values."""
        return measured | beam.ParDo(_ScrubDocuments(self.scrub))


class _ScrubDocuments(beam.DoFn):
    def __init__(self, scrub: Scrub) -> None:
        self.scrub = scrub

    def process(self, measured: Decision) -> Iterator[Scrubbed]:
        scrubbed, audit = scrub_with_audit(measured.passed, self.scrub)
        prove_clean(scrubbed, self.scrub)
        count("scrub", n_in=measured.passed.num_rows, n_out=scrubbed.num_rows)
        yield Scrubbed(retag(scrubbed, measured.passed), measured.ended, retag(audit, measured.passed))


def mend(batch: pa.RecordBatch, scrub: Scrub) -> pa.RecordBatch:
    """A scrubbed batch whose texts were changed, scrubbed once more and proven."""
    mended = scrub_again(batch, scrub)
    prove_clean(mended, scrub)
    return mended


def prove_clean(batch: pa.RecordBatch, scrub: Scrub) -> None:
    """Look over `text` again; PrivacyError names the first document and kind that is left."""
    left = verify_clean(batch, scrub)
    if left.num_rows:
        first = left.slice(0, 1).to_pylist()[0]
        raise PrivacyError(
            f"{left.num_rows} private values are left after scrubbing, the first of kind {first['kind']} in document "
            f"{first['doc_id'].hex()} at bytes {first['start_byte']} to {first['end_byte']} of its text. This is a bug in the finder of "
            "that kind; take it out of scrub.kinds to go on without it"
        )


def audit_of(scrubbed: Scrubbed) -> pa.RecordBatch:
    """Where values stood."""
    return scrubbed.audit
