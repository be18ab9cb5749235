"""Measured documents -> the same with `text` instead of `raw_text`. Behind this stage no raw text exists, on disk or elsewhere."""

import apache_beam as beam

from pipelines.runtime import Decision, count, retag
from pipelines.scrub.scrub import scrub_batch
from schemas.recipe import Scrub


class ScrubDocuments(beam.PTransform):
    """Decision -> Decision: the documents scrubbed, the ledger rows as they are."""

    def __init__(self, scrub: Scrub) -> None:
        super().__init__()
        self.scrub = scrub

    def expand(self, measured: beam.PCollection[Decision]) -> beam.PCollection[Decision]:
        """Replace private values."""
        return measured | beam.Map(scrubbed, scrub=self.scrub)


def scrubbed(measured: Decision, scrub: Scrub) -> Decision:
    """One batch."""
    text = scrub_batch(measured.passed, scrub)
    count("scrub", n_in=measured.passed.num_rows, n_out=text.num_rows)
    return Decision(retag(text, measured.passed), measured.ended)
