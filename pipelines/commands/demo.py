"""The demo: runs the recipe `demo` on real input that is already on this machine, without downloading data.

It serves Python's documentation on loopback for the crawler, writes the long descriptions of the installed packages to a JSONL file, and
passes both and the standard library's source files to the recipe.
"""

from __future__ import annotations

import importlib.metadata
import json
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from schemas.files import whole_file

PORT = 7464
START_S = 20.0


def main(
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("demo-run"),
    workers: Annotated[int, typer.Option(min=1, help="Number of worker processes.")] = 1,
) -> None:
    """Run the demo."""
    descriptions = out.parent / f"{out.name}-input" / "packages.jsonl"
    write_descriptions(descriptions)
    with documentation_site() as port:
        settings = {
            "sources.pydoc.crawl.seeds": [f"http://127.0.0.1:{port}/"],
            "sources.stdlib.path": sysconfig.get_path("stdlib"),
            "sources.packages.path": str(descriptions),
        }
        command = [sys.executable, "run_pipeline.py", "run", "demo", "--out", str(out), "--workers", str(workers)]
        for key, value in settings.items():
            command += ["--set", f"{key}={json.dumps(value)}"]
        raise typer.Exit(subprocess.run(command, check=False).returncode)


def write_descriptions(path: Path) -> None:
    """Write one JSON row per installed package with a long description, sorted by name."""
    rows = {}
    for package in importlib.metadata.distributions():
        text = package.metadata.get("Description") or package.metadata.get_payload()  # type: ignore[attr-defined]
        if text and text.strip():
            rows[package.name] = {
                "url": f"https://pypi.org/project/{package.name}/",
                "text": text,
                "license": package.metadata.json.get("license_expression"),
            }
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for name in sorted(rows):
            file.write(json.dumps(rows[name], ensure_ascii=False) + "\n")


@contextmanager
def documentation_site() -> Iterator[int]:
    """The port of a running `python -m pydoc`, which is stopped when the block ends; PORT if that is free."""
    port = PORT if _is_free(PORT) else _any_free_port()
    command = [sys.executable, "-W", "ignore", "-m", "pydoc", "-n", "127.0.0.1", "-p", str(port)]
    # pydoc waits for commands on standard input; an open pipe keeps it serving.
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while _is_free(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"error: `{' '.join(command[1:])}` did not start serving within {START_S:.0f} s")
            time.sleep(0.1)
        yield port
    finally:
        server.kill()
        server.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    typer.run(main)
