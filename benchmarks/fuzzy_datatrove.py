"""datatrove's fuzzy dedup on the same corpus: its four MinHash stages, with its defaults where the benchmark does not say otherwise.

    PYTHON benchmarks/fuzzy_datatrove.py FOLDER OUT BANDS ROWS SHINGLE

Runs under an interpreter of its own, whose environment has `datatrove[io,processing]` and spacy: the pins of the two projects
disagree. FOLDER holds *.jsonl.gz with columns id and text. One worker, so that all work is done in this process.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig


def main(folder: str, out: str, bands: int, rows: int, shingle: int) -> None:
    """Run the stages one after the other and print the wall seconds of each."""
    n_files = len(list(Path(folder).glob("*.jsonl.gz")))
    config = MinhashConfig(
        n_grams=shingle, num_buckets=bands, hashes_per_bucket=rows, hash_config=HashConfig(precision=64, hash_fc="xxhash")
    )

    def reader() -> JsonlReader:
        return JsonlReader(folder, glob_pattern="*.jsonl.gz")

    stages = (
        ("signatures", n_files, [reader(), MinhashDedupSignature(f"{out}/signatures", config=config, language="eng")]),
        ("buckets", bands, [MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets", config=config)]),
        ("cluster", 1, [MinhashDedupCluster(f"{out}/buckets", f"{out}/remove", config=config)]),
        ("filter", n_files, [reader(), MinhashDedupFilter(f"{out}/remove"), JsonlWriter(f"{out}/kept")]),
    )
    for name, n_tasks, steps in stages:
        start = time.perf_counter()
        LocalPipelineExecutor(steps, tasks=n_tasks, workers=1, logging_dir=f"{out}/logs/{name}").run()
        print(f"STAGE {name} {time.perf_counter() - start:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(number) for number in sys.argv[3:6]))
