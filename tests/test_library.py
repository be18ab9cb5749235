"""The library: what it exports, and its page at work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import corpusmill as cm

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "library.md").read_text("utf-8")


def test_everything_that_is_listed_is_there_and_typed() -> None:
    assert sorted(cm.__all__) == cm.__all__
    assert all(getattr(cm, name) for name in cm.__all__)
    assert (ROOT / "corpusmill" / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'anything'"):
        cm.anything  # noqa: B018


def test_to_import_it_loads_neither_beam_nor_torch() -> None:
    code = "import sys, corpusmill; print({'apache_beam', 'torch', 'matplotlib'} & sys.modules.keys() or 'neither')"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "neither"


def test_the_page_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("```python") == 5
    for block in blocks:
        exec(compile(block, "docs/library.md", "exec"), names)  # noqa: S102 - the page is ours


def test_a_table_without_text_is_an_error_that_names_the_column(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(KeyError, match="text"):
        cm.measure(pa.table({"content": ["a"]}), cm.load_recipe("fineweb", {"sources.web.path": str(tmp_path / "a.jsonl")}))


def test_a_row_that_is_not_there_is_an_index_error_with_the_number_of_rows(tmp_path: Path) -> None:
    run = cm.RunFolder(tmp_path, cm.load_recipe("fineweb", {"sources.web.path": "a"}), {"complete": False})
    with pytest.raises(IndexError, match="'train' has 0 documents, so there is no row 3"):
        run.tokens(3)
    with pytest.raises(cm.CorpusmillError, match=r"CM-LIBRARY-001: .*documents"):
        run.documents()
