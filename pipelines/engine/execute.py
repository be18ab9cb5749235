"""Running a graph to its end, on any runner: its counters and its cost, or the error that a worker raised."""

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engine.counters import counters_of
from pipelines.engine.runners import options_of, refused, runner_of
from pipelines.engine.stopwatch import stopwatch
from pipelines.engine.workers import watch_workers
from schemas.errors import MENDABLE, CorpusmillError, OutputError, handed_over, in_graph

AnyOptions = TypeVar("AnyOptions", bound=PipelineOptions)


class GraphResult(NamedTuple):
    """What a finished graph cost and counted."""

    counters: dict[str, dict[str, int]]
    wall_s: float
    cpu_s: float


def run_graph(
    build: Callable[[beam.Pipeline], None],
    *,
    runner: str,
    workers: int,
    beam_options: tuple[str, ...] = (),
    on_message: Callable[[str], None] = lambda line: None,
) -> GraphResult:
    """Build a pipeline with `build`, run it to its end and return its counters by room; `on_message` gets messages for the user.

    A CorpusmillError comes out as itself, whichever process raised it.
    """
    with stopwatch() as watch:
        options = _Options(list(options_of(runner, workers, beam_options)))
        try:
            pipeline = beam.Pipeline(runner=runner_of(runner, workers), options=options)
            build(pipeline)
            with watch_workers(on_message), in_graph():
                result = pipeline.run()
                result.wait_until_finish()
        except Exception as error:
            raised = _raised_on_purpose(error) or (refused(runner, error) if runner != "local" else None)
            if raised is None:
                raise
            raise raised from None
    return GraphResult(counters_of(result), watch.wall_s, watch.cpu_s)


class _Options(PipelineOptions):
    """Options that cache their views: Beam asks for several per transform, and each builds and runs an argument parser."""

    def view_as(self, cls: type[AnyOptions]) -> AnyOptions:
        """The options of that class; views share their values."""
        views: dict[type, Any] = self.__dict__.setdefault("views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: AnyOptions = views[cls]
        return view


def _raised_on_purpose(error: BaseException) -> CorpusmillError | None:
    """The CorpusmillError behind what Beam raised: in process the error itself, from a worker process what it handed over."""
    if isinstance(error, CorpusmillError):
        return error
    if found := handed_over(str(error)):
        return found
    if refused := re.search(r"\[Errno (\d+)\]", str(error)):
        number = int(refused[1])
        if number in MENDABLE:
            return OutputError(
                "CM-ENGINE-001", f"a file could not be read or written: {os.strerror(number)}; mend that and go on with --resume"
            )
    return None
