"""The house: imports point one way, and Beam, torch and sockets live in their rooms only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("schemas", "tokenizer", "pipelines") for path in (ROOT / folder).rglob("*.py"))
FILES.append(ROOT / "run_pipeline.py")
SOCKETS = {"socket", "aiohttp", "httpx", "requests", "urllib3", "http", "ssl", "asyncio"}
DRIVERS = {
    "pipelines/run.py",
    "pipelines/refilter.py",
    "pipelines/takedown.py",
    "pipelines/takedown_state.py",
    "pipelines/caps.py",
    "pipelines/graph.py",
    "pipelines/demo.py",
    "pipelines/dry_run.py",
    "pipelines/encode_files.py",
    "pipelines/files.py",  # reads for it, and counts what it passes over
    "pipelines/runners.py",
    "pipelines/runtime.py",
    "pipelines/worker.py",
    "pipelines/workers.py",
}


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
    if path.name == "stage.py" or name in DRIVERS or name == "run_pipeline.py":
        return
    upward = {module for module in imported(path) if ".stage" in module or module.startswith(("pipelines.graph", "pipelines.run"))}
    assert not upward, f"a kernel imports {upward}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_beam_torch_and_sockets_stay_in_their_rooms(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    roots = {module.split(".")[0] for module in imported(path)}
    if not (path.name == "stage.py" or name in DRIVERS):
        assert "apache_beam" not in roots
    if not name.startswith("pipelines/pretrain/"):
        assert "torch" not in roots
    if not name.startswith("pipelines/crawl/") and name != "pipelines/demo.py":  # the demo probes for a free port
        assert not roots & SOCKETS


def test_a_room_does_not_reach_into_another() -> None:
    """Rooms share schemas, pipelines.text and the runtime; only the drivers and the report see several rooms."""
    rooms = {path.name for path in (ROOT / "pipelines").iterdir() if path.is_dir()} - {"text", "recipes", "__pycache__"}
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        if parts[0] != "pipelines" or len(parts) < 3 or parts[1] in ("report", "text"):
            continue
        reached = {module.split(".")[1] for module in imported(path) if module.startswith("pipelines.") and module.split(".")[1] in rooms}
        assert reached <= {parts[1]}, f"{path} imports from the rooms {reached - {parts[1]}}"


@pytest.mark.parametrize("path", [path for path in FILES if path.name in ("stage.py", "runtime.py")], ids=str)
def test_beam_sees_real_annotations(path: Path) -> None:
    """Beam chooses the coder by annotation and does not resolve strings: the Arrow coder would silently not be used."""
    assert "__future__.annotations" not in imported(path)
