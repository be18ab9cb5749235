"""Finds, checks and loads the fastText model that identifies languages, and opens any other fastText classifier."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Final, Protocol

import fasttext
import numpy as np
import numpy.typing as npt

from pipelines.filters import fasttext_file
from schemas.errors import ModelError
from schemas.files import sha256_of

FILE_NAME: Final = "lid.176.ftz"
SHA256: Final = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
CACHE_VARIABLE: Final = "CORPUSMILL_CACHE"
REMEDY: Final = "run `make model` (python -m pipelines.filters.fetch_model), or name a fastText model in filters.language.model"


class FasttextClassifier(Protocol):
    """The part of the fastText library's model that we use."""

    def predict(self, text: list[str], k: int = 1) -> tuple[list[list[str]], list[npt.NDArray[np.float32]]]:
        """(labels, probabilities) of each line, the likeliest first; k = -1 gives all labels."""

    def get_labels(self) -> list[str]:
        """With their prefix."""

    def get_words(self) -> list[str]:
        """The dictionary."""

    def get_input_matrix(self) -> npt.NDArray[np.float32]:
        """[row, dim]"""

    def get_output_matrix(self) -> npt.NDArray[np.float32]:
        """[label, dim]"""

    def set_matrices(self, inputs: npt.NDArray[np.float32], outputs: npt.NDArray[np.float32]) -> None:
        """Replace the weights."""

    def save_model(self, path: str) -> None:
        """Write the file."""


def cached_path() -> Path:
    """The path of the default model, in $CORPUSMILL_CACHE or else ~/.cache/corpusmill."""
    folder = os.environ.get(CACHE_VARIABLE)
    return (Path(folder) if folder else Path.home() / ".cache" / "corpusmill") / FILE_NAME


def is_default(path: Path) -> bool:
    """Whether the file exists and is lid.176.ftz, by its digest."""
    return path.is_file() and sha256_of(path) == SHA256


def find(model: str | None) -> Path:
    """The model file at that path, or the cached default, whose digest is checked; ModelError if it does not exist."""
    if model is not None:
        if not Path(model).is_file():
            raise ModelError("CM-FILTER-014", f"filters.language.model = {model!r}: the file does not exist")
        return Path(model)
    path = cached_path()
    if not path.is_file():
        raise ModelError("CM-FILTER-015", f"the language model {path} does not exist; {REMEDY}")
    if not is_default(path):
        raise ModelError("CM-FILTER-016", f"{path} is not {FILE_NAME}: its sha256 is not {SHA256}; delete it and {REMEDY}")
    return path


@functools.cache
def load_language_model(model: str | None) -> FasttextClassifier:
    """The fastText model at that path, or the cached default; loaded once per process."""
    return open_classifier(find(model), REMEDY)


@functools.cache
def load_language_tree(model: str | None) -> fasttext_file.TreeClassifier | None:
    """The same model for our own kernel, or None if it cannot read it; loaded once per process."""
    return fasttext_file.read(find(model))


def open_classifier(path: Path, remedy: str) -> FasttextClassifier:
    """The fastText classifier in that file; ModelError with the remedy if it is not one."""
    try:
        loaded = fasttext.load_model(str(path))
    except ValueError as error:
        raise ModelError("CM-FILTER-017", f"{path} cannot be loaded as a fastText model: {error}") from error
    if loaded.f.getArgs().model.name != "supervised":
        raise ModelError("CM-FILTER-018", f"{path} contains word vectors, not a classifier; {remedy}")
    classifier: FasttextClassifier = loaded
    return classifier
