"""Whether a small pool can fill the vocabulary that the recipe promises, tried before hours of dedup."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from pipelines.driver.context import RunContext
from pipelines.driver.pool import decider_of
from pipelines.driver.stages.tokenizer import config_of, with_remedy
from pipelines.engine.segments import batches_of
from schemas.errors import TokenizerError, UnfilledError
from tokenizer import bpe

AMPLE_BYTES_PER_TOKEN: Final = 200
"""A pool with more text for each token of the vocabulary is not tried."""
CLEARLY_UNFILLED: Final = 0.9


def foresee_vocabulary(context: RunContext) -> None:
    """TokenizerError where a small pool cannot fill the vocabulary.

    Copies are still in it, and what they leave may fill a few tokens more by other merges: only a clear failure ends the run now.
    """
    config = config_of(context.recipe)
    if config.path or config.model != "bpe" or config.vocab_size is None:
        return
    keeps, n_bytes, columns = decider_of(context.recipe).keeps, 0, []
    for file in context.pool():
        for batch in batches_of(context.folder / file.path):
            columns.append(batch.column("text").filter(pa.array(keeps(batch))))
            n_bytes += columns[-1].nbytes
            if n_bytes > AMPLE_BYTES_PER_TOKEN * config.asked_size:
                return
    try:
        bpe.train_from_columns(columns, config)
    except UnfilledError as error:
        if error.n_filled < CLEARLY_UNFILLED * config.asked_size:
            raise TokenizerError(
                "CM-RUN-021", f"{with_remedy(error, context.folder)}. This was found before dedup, which may leave less text"
            ) from None
    except TokenizerError:  # the stage says so when the corpus is known
        return
