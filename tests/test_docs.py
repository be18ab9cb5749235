"""The documentation names what exists: files, links, commands, packages, terms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import run_pipeline
from schemas.stages import StageName

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CODE: Final = ("corpusmill", "schemas", "tokenizer", "pipelines", "tests", "testkit", "benchmarks")
_FILE: Final = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|toml|html|css|txt|md))`")
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")
_EXAMPLE: Final = re.compile(r"[A-Z]{3}(?!.*\.md)|\.\.\.|^demo-run/|^my\.toml")
"""Names that stand for another, such as tests/filters/test_RULE_SET.py, and files that a run writes."""
MOST_TERMS: Final = 30


def text_of(path: Path) -> str:
    """The page without the blocks of code in it."""
    return re.sub(r"(?ms)^```.*?^```$", "", path.read_text("utf-8"))


def exists(name: str) -> bool:
    """Whether a file of that name is in the tree: by its path from the root or from `pipelines/`, or by its last parts anywhere."""
    if (ROOT / name).is_file() or (ROOT / "pipelines" / name).is_file():
        return True
    return any(str(path).endswith(f"/{name}") for folder in CODE for path in (ROOT / folder).rglob(Path(name).name))


def anchors_of(page: Path) -> set[str]:
    """What a link may name behind "#": each heading in lower case, with hyphens for spaces."""
    headings = re.findall(r"(?m)^#+ (.*)$", text_of(page))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_are_short_and_files_and_links_exist(page: Path) -> None:
    text = text_of(page)
    assert [line for line in page.read_text("utf-8").splitlines() if len(line) > 120] == []
    named = {name for name in _FILE.findall(text) if not _EXAMPLE.search(name)}
    assert sorted(name for name in named if not exists(name)) == []
    for target, anchor in _LINK.findall(text):
        linked = (page.parent / target).resolve() if target else page
        assert linked.is_file(), f"{page.name} links to {target}"
        assert not anchor or anchor[1:] in anchors_of(linked), f"{page.name} links to {target}{anchor}"


def test_the_tree_of_the_readme_is_that_of_the_code() -> None:
    tree = (ROOT / "README.md").read_text("utf-8").partition("## The tree")[2].partition("##")[0]
    packages = {path.parent.name for path in (ROOT / "pipelines").glob("*/__init__.py")} | {"recipes"}
    assert set(re.findall(r"(?m)^ {6}(\w+)/", tree)) == packages
    assert set(re.findall(r"(?m)^ {4}(\w+)/", tree)) == {*CODE, "docs"}


def test_the_readme_lists_every_command_and_stage() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in run_pipeline.app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        assert f"`{name}" in readme, name
    assert ", ".join(StageName) in " ".join(readme.split())


def test_the_glossary_defines_each_term_once() -> None:
    terms = re.findall(r"(?m)^- \*\*(.+?)\*\*:", (ROOT / "docs" / "glossary.md").read_text("utf-8"))
    assert len(terms) == len(set(terms)) <= MOST_TERMS


def test_every_benchmark_is_on_its_page() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    programs = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "typer.run(main)" in path.read_text("utf-8")}
    assert {name for name in programs if f"`{name}" not in page} == set()
