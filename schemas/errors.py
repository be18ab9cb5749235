"""Every error that a user can see, in one tree.

CorpusmillError             shown as one message without a traceback, exit status 2
├── RecipeError             a wrong key, type or value in a recipe or in --set
├── InputError              a source that is missing or has no readable file
├── RequestError            a takedown request that cannot be searched for, or that nobody confirmed
├── OutputError             an output folder that is in the way, or a run that is damaged
├── IndexFolderError        a dedup index that is missing, damaged, or made with other settings
├── ModelError              a model file that is missing or has another digest
├── EmptyCorpusError        no document is left to continue with
├── TokenizerError          a tokenizer that cannot be trained or loaded
│   └── UnfilledError       text that fills fewer tokens than the recipe promises
├── PrivacyError            scrubbed text still contains a private value
├── TextError               a step wrote text that is not valid UTF-8
├── ConservationError       the ledger does not balance: records were lost or counted twice
├── WorkerError             a worker process ended before its work was done
├── RunnerError             an unknown Beam runner, or one that lacks something outside this program
└── GuardError              a stage removed more than the recipe allows

A message says what was found, where, and what to do about it. It never contains document text.
Any other exception is a bug and ends the run with its traceback.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import re
import sys
from collections.abc import Iterator
from typing import Final

MENDABLE: Final = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)
"""Errors of the file system that are not the program's fault; they are also shown as one message."""


_HANDED_OVER: Final = "corpusmill-error:"
_WORKERS: Final = ("pipelines.engine.worker", "apache_beam.runners.worker.sdk_worker_main")
_graphs: Final[list[None]] = []
"""One entry for each graph that runs in this process."""


class CorpusmillError(Exception):
    """The root of all errors that a user can fix.

    `code` is stable ("CM-READ-014"); docs/errors.md lists every code. `message` may change its wording.
    """

    _tagged_with_step = True
    """Makes Beam raise the error unchanged. Beam replaces other errors by new ones with the name of the step in their message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override] # computed when the error is printed
        """Within a Beam graph, the error as data. A printed traceback includes the notes, and the driver gets only that traceback."""
        if not _is_in_graph():
            return []
        data = json.dumps([type(self).__name__, *self.as_arguments()])
        return [_HANDED_OVER + base64.b64encode(data.encode()).decode()]

    def as_arguments(self) -> tuple[object, ...]:
        """The arguments that make the same error again; plain values."""
        return self.args


class RecipeError(CorpusmillError):
    """A wrong key, type or value in a recipe or in --set."""


class InputError(CorpusmillError):
    """A source that is missing or has no readable file."""


class RequestError(CorpusmillError):
    """A takedown request that cannot be searched for, or that nobody confirmed."""


class OutputError(CorpusmillError):
    """An output folder that is in the way, or a run that is damaged."""


class IndexFolderError(CorpusmillError):
    """A dedup index that is missing, damaged, or made with other settings."""


class ModelError(CorpusmillError):
    """A model file that is missing or has another digest."""


class EmptyCorpusError(CorpusmillError):
    """No document is left to continue with."""


class TokenizerError(CorpusmillError):
    """A tokenizer that cannot be trained or loaded."""


class UnfilledError(TokenizerError):
    """Text that fills only `n_filled` tokens, fewer than the recipe promises; `n_fits` is the largest size that it fills, 0 if none."""

    def __init__(self, code: str, message: str, n_filled: int, n_fits: int) -> None:
        super().__init__(code, message)
        self.args = (code, message, n_filled, n_fits)
        self.n_filled, self.n_fits = n_filled, n_fits


class PrivacyError(CorpusmillError):
    """Scrubbed text still contains a private value."""


class TextError(CorpusmillError):
    """A step wrote text that is not valid UTF-8."""


class ConservationError(CorpusmillError):
    """The ledger does not balance: records were lost or counted twice."""


class WorkerError(CorpusmillError):
    """A worker process ended before its work was done: killed, or out of memory."""


class RunnerError(CorpusmillError):
    """An unknown Beam runner, or one that lacks something outside this program."""


class GuardError(CorpusmillError):
    """A stage removed more of a source or language than the recipe allows."""


def handed_over(trace: str) -> CorpusmillError | None:
    """The error in the printed traceback of a worker process: the last one, which caused the others; None if it is a bug."""
    found = re.findall(re.escape(_HANDED_OVER) + r"([A-Za-z0-9+/=]+)", trace)
    if not found:
        return None
    name, *arguments = json.loads(base64.b64decode(found[-1]))
    return _kinds()[name](*arguments)


@contextlib.contextmanager
def in_graph() -> Iterator[None]:
    """While the block runs, errors of this process are handed over."""
    _graphs.append(None)
    try:
        yield
    finally:
        _graphs.pop()


def _is_in_graph() -> bool:
    started = getattr(sys.modules["__main__"], "__spec__", None)
    return bool(_graphs) or (started is not None and started.name in _WORKERS)


def _kinds() -> dict[str, type[CorpusmillError]]:
    """Every class of the tree, by name."""
    kinds, waiting = {CorpusmillError.__name__: CorpusmillError}, [CorpusmillError]
    while waiting:
        below = waiting.pop().__subclasses__()
        kinds |= {kind.__name__: kind for kind in below}
        waiting += below
    return kinds
