"""The house: imports point one way, and Beam, torch and sockets live in their rooms only."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("schemas", "tokenizer", "pipelines") for path in (ROOT / folder).rglob("*.py"))
FILES.append(ROOT / "run_pipeline.py")
SOCKETS = {"socket", "aiohttp", "httpx", "requests", "urllib3", "http", "ssl", "asyncio"}
DRIVERS = ("pipelines/driver/", "pipelines/takedown/", "pipelines/commands/", "run_pipeline.py")
"""What sees several rooms and runs graphs."""
DRIVER_MODULES = ("pipelines.driver", "pipelines.takedown", "pipelines.commands")
BEAM = ("pipelines/driver/", "pipelines/engine/")


@cache
def imported(path: Path) -> set[str]:
    """Dotted names of everything that the file imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    if name.startswith("schemas/"):
        assert not roots & {"tokenizer", "pipelines", "run_pipeline"}
    if name.startswith("tokenizer/"):
        assert not roots & {"pipelines", "run_pipeline"}
    assert "run_pipeline" not in roots
    if name.startswith((*DRIVERS, "pipelines/report/")):
        return
    upward = {module for module in imported(path) if module.startswith(DRIVER_MODULES)}
    assert not upward, f"a room imports {upward}"
    if path.name != "stage.py":
        upward = {module for module in imported(path) if ".stage." in f"{module}."}
        assert not upward, f"a kernel imports {upward}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_beam_torch_and_sockets_stay_in_their_rooms(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    if not (path.name == "stage.py" or name.startswith(BEAM)):
        assert "apache_beam" not in roots
    if not name.startswith("pipelines/pretrain/"):
        assert "torch" not in roots
    if not name.startswith("pipelines/crawl/") and name != "pipelines/commands/demo.py":  # the demo probes for a free port
        assert not roots & SOCKETS


def test_a_room_does_not_reach_into_another() -> None:
    """Rooms share schemas, pipelines.text and the engine; only the driver, the commands and the report see several rooms."""
    shared = {"text", "engine", "recipes", "__pycache__"}
    rooms = {path.name for path in (ROOT / "pipelines").iterdir() if path.is_dir()} - shared
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        if parts[0] != "pipelines" or len(parts) < 3 or parts[1] in ("report", "text") or str(path.relative_to(ROOT)).startswith(DRIVERS):
            continue
        reached = {module.split(".")[1] for module in imported(path) if module.startswith("pipelines.") and module.split(".")[1] in rooms}
        assert reached <= {parts[1]}, f"{path} imports from the rooms {reached - {parts[1]}}"


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "stage.py" or path.parent.name == "engine"], ids=str)
def test_beam_sees_real_annotations(path: Path) -> None:
    """Beam chooses the coder by annotation and does not resolve strings: the Arrow coder would silently not be used."""
    assert "__future__.annotations" not in imported(path)


@pytest.mark.parametrize(
    ("folder", "foreign"), [("tests", {"benchmarks"}), ("benchmarks", {"tests"}), ("testkit", {"tests", "benchmarks"})]
)
def test_tests_and_benchmarks_share_only_the_testkit(folder: str, foreign: set[str]) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        reached = {module.split(".")[0] for module in imported(path)} & foreign
        assert not reached, f"{path} imports {reached}; move what is shared to testkit/"
    for path in FILES:
        assert folder not in {module.split(".")[0] for module in imported(path)}, f"{path} imports {folder}"
