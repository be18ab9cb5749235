"""corpusmill's side of the filter benchmark: FineWeb's chain from JSONL files to the documents that stay.

    python -m benchmarks.filters_ours FOLDER OUT [MODEL [all]]

A process of its own, so that its cost includes starting and importing. Leaves OUT/kept.arrow, OUT/ledger.arrow, and in
OUT/sets.json what went into each rule set and how long it took. As the peer does, it measures a document no further than to the rule that
drops it; with `all` it measures everything and decides after, as a run does unless filters.keep_dropped is off.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from benchmarks.corpus import documents
from pipelines.filters.chain import FilterChain
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext
from pipelines.filters.verdict import Verdict
from pipelines.text.view import text_view
from schemas import recipe as recipes
from schemas.hops import LEDGER
from schemas.recipe import Recipe

BATCH_ROWS: Final = 1024  # about 8 MB of web pages


@dataclass
class SetCost:
    """What one rule set was given, and what it took."""

    n_in: int = 0
    bytes_in: int = 0
    seconds: float = 0.0


class TimedChain(FilterChain):
    """The chain with a clock on every rule set; words are on the bill of the set that first asks for them."""

    def __init__(self, context: RuleContext, rules: dict[str, tuple[str, ...]], steps: dict[str, tuple[str, ...]] | None = None) -> None:
        super().__init__(context, rules, steps)
        self.costs = {rule_set: SetCost() for rule_set in context.filters.rules}

    def verdict(self, rule_set: str, pending: PendingRows) -> Verdict:
        """As the chain's."""
        cost = self.costs[rule_set]
        cost.n_in += len(pending.rows)
        offsets = text_view(pending.text)[1]
        cost.bytes_in += int(offsets[-1] - offsets[0])
        start = time.process_time()
        found = super().verdict(rule_set, pending)
        cost.seconds += time.process_time() - start
        return found


def recipe(model: str | None) -> Recipe:
    """FineWeb's chain without its URL list."""
    settings = [f"filters.language.model={json.dumps(model)}"] if model else []
    rules = ["language", "gopher_repetition", "gopher_quality", "c4", "fineweb"]
    return recipes.load("fineweb", ["sources.web.path=x", f"filters.rules={json.dumps(rules)}", *settings])


def main(folder: str, out: str, model: str | None = None, signals: str = "needed") -> None:
    """Read, filter, write."""
    root = Path(out)
    root.mkdir(parents=True)
    chain = TimedChain.of(recipe(model))
    zstd = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.ipc.new_file(str(root / "kept.arrow"), chain.schema, options=zstd) as kept,
        pa.ipc.new_file(str(root / "ledger.arrow"), LEDGER, options=zstd) as ledger,
    ):
        for path in sorted(Path(folder).glob("*.jsonl.gz")):
            for batch in documents(path, BATCH_ROWS):
                stays, ended = chain(batch) if signals == "needed" else decided(chain, chain.measure(batch))
                kept.write_batch(stays)
                ledger.write_batch(ended)
    (root / "sets.json").write_text(json.dumps({name: asdict(cost) for name, cost in chain.costs.items()}))


def decided(chain: FilterChain, measured: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows that stay, and the ledger rows of the others."""
    return measured.filter(pa.array(chain.decider.keeps(measured))), chain.decider.dropped(measured)


if __name__ == "__main__":
    main(*sys.argv[1:])
