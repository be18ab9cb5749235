"""Files to train a tokenizer on or to encode: curated documents, run folders, or any readable input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from pipelines.engine.counters import count
from pipelines.engine.segments import open_segment
from pipelines.read.batches import read_whole_split
from pipelines.read.missing_columns import check_named_files
from pipelines.read.splits import plan
from schemas.errors import InputError
from schemas.file_names import printable
from schemas.hops import ADDRESS
from schemas.recipe import Read, Source
from schemas.splits import Split

COLUMNS: Final = ("doc_id", "source", "lang", "text", *(field.name for field in ADDRESS))


class Files:
    """Files as parts that can be read one by one, in any order and by any process.

    Text is used unchanged: whoever passes a file vouches for it. Each path is a source of its own unless its documents state their source.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.parts: list[Path | Split] = []
        named: dict[str, list[str]] = {}
        for path in paths:
            given = Path(path)
            curated = sorted((given / "documents").glob("*.arrow")) if (given / "documents").is_dir() else [given]
            if all(file.suffix == ".arrow" and file.is_file() for file in curated):
                self.parts += curated
            else:
                named.setdefault(printable(given.name), []).append(path)
        self.sources = {name: Source(path=tuple(found)) for name, found in named.items()}
        try:
            splits = plan(self.sources, Path())
        except InputError as error:
            message = error.message
            for name in self.sources:
                message = message.removeprefix(f"sources.{name}.path = ")
            raise InputError(error.code, message) from None
        for name, source in self.sources.items():
            check_named_files(source, [split for split in splits if split.source == name])
        self.parts += splits

    def read(self, part: Path | Split) -> Iterator[pa.RecordBatch]:
        """Batches of COLUMNS. Records without a document are counted and skipped."""
        if isinstance(part, Path):
            reader = open_segment(part)
            if missing := set(COLUMNS) - set(reader.schema.names):
                raise InputError(
                    "CM-COMMAND-007",
                    f"{part} lacks the columns {', '.join(sorted(missing))} of curated documents; pass files of a run's folder documents/",
                )
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index).select(COLUMNS)
            return
        for found in read_whole_split(part, self.sources[part.source], Read()):
            count("read", failed=found.failures.num_rows)
            documents = found.documents
            if documents.num_rows:
                columns = {name: documents.column(name) for name in documents.schema.names}
                columns |= {"lang": stated_languages(documents), "text": columns["raw_text"]}
                yield pa.RecordBatch.from_pydict({name: columns[name] for name in COLUMNS})


def stated_languages(documents: pa.RecordBatch) -> pa.Array:
    """The language of each document as its metadata states it, in `lang` or `language`; large_string."""
    meta = pl.Series(documents.column("meta").cast(pa.large_string()))
    found = pl.DataFrame({"meta": meta}).select(
        pl.coalesce(pl.col("meta").str.json_path_match(f"$.{key}") for key in ("lang", "language")).alias("lang")
    )
    return found["lang"].to_arrow().cast(pa.large_string())
