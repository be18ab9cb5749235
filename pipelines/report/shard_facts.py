"""The token shards and their index -> tokens by split, source and language."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import polars as pl

from pipelines.encode.shards import ShardEntry
from pipelines.report.aggregates import collect_as
from pipelines.report.rows import SplitRow
from pipelines.report.run_facts import RunFacts
from pipelines.report.run_record import shard_index_of
from schemas import layout
from schemas.stages import StageName

SHARD_TOKENS: Final = pl.Schema({"split": pl.String, "source": pl.String, "lang": pl.String, "n_documents": pl.Int64, "n_tokens": pl.Int64})


class ShardFacts:
    """The numbers of one run's shards, each computed when it is first asked for."""

    def __init__(self, run: RunFacts) -> None:
        self.run = run
        self.index = shard_index_of(run.folder) if run.done(StageName.ENCODE) else None

    @property
    def entries(self) -> list[ShardEntry]:
        """The shards in the index; empty until they are written."""
        return self.index["shards"] if self.index else []

    @property
    def n_documents(self) -> int:
        """Documents in all shards, as the index states them."""
        return sum(shard["n_documents"] for shard in self.entries)

    @property
    def end_of_text(self) -> object:
        """The id of the token that separates documents; None if there is none."""
        return self.index["tokenizer"].get("end_of_text") if self.index else None

    @cached_property
    def tokens(self) -> pl.DataFrame:
        """Documents and tokens by split, source and language, in the columns SHARD_TOKENS."""
        folder = self.run.folder / layout.SHARDS
        frames = [
            pl.scan_ipc(folder / shard["path"]).select("source", "lang", "n_tokens", split=pl.lit(shard["split"])) for shard in self.entries
        ]
        if not frames:
            return pl.DataFrame(schema=SHARD_TOKENS)
        by = ("split", "source", "lang")
        grouped = pl.concat(frames).group_by(by).agg(n_documents=pl.len(), n_tokens=pl.col("n_tokens").cast(pl.Int64).sum())
        return collect_as(grouped, SHARD_TOKENS).sort(by)

    @property
    def n_tokens(self) -> int | None:
        """Tokens in all shards; None until they are written."""
        return int(self.tokens.get_column("n_tokens").sum()) if self.run.done(StageName.ENCODE) else None

    @property
    def splits(self) -> list[SplitRow]:
        """Shards, documents, tokens and bytes of each split, by its name."""
        rows: dict[str, SplitRow] = {}
        for shard in sorted(self.entries, key=lambda shard: shard["split"]):
            row = rows.get(shard["split"], SplitRow(split=shard["split"]))
            rows[shard["split"]] = SplitRow(
                split=shard["split"],
                n_shards=row.n_shards + 1,
                n_documents=row.n_documents + shard["n_documents"],
                n_tokens=row.n_tokens + shard["n_tokens"],
                n_bytes=row.n_bytes + shard["n_bytes"],
            )
        return list(rows.values())
