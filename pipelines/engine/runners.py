"""The Beam runners, and the error for each thing that one lacks: before a run starts if that is known, else when it fails."""

import importlib.util
import shutil
from collections.abc import Iterator
from typing import Any, Final

import grpc

from pipelines.engine.workers import local_runner
from schemas.errors import RunnerError

RUNNERS: Final = {
    "local": "",
    "portable": "PortableRunner",
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
}
"""By our name Beam's; the local one is made here, since Beam would first try to download another one."""
_CONNECT_S: Final = 10
_JOB_SERVER: Final = "name one that runs behind --, as in: -- --job_endpoint=HOST:PORT"


def check_runner(runner: str, beam_options: tuple[str, ...]) -> None:
    """Raise RunnerError with the missing part and the remedy if the runner cannot run here."""
    if runner not in RUNNERS:
        raise RunnerError("CM-ENGINE-002", f"--runner {runner!r}: use one of {', '.join(RUNNERS)}")
    endpoint = _value_of("--job_endpoint", beam_options)
    if runner != "local" and endpoint and endpoint != "embed":
        _check_endpoint(runner, endpoint)
    elif runner in ("flink", "spark") and shutil.which("java") is None:
        raise RunnerError(
            "CM-ENGINE-003",
            f"--runner {runner} needs Java for Beam's job server, and `java` is not on the PATH; install it, or {_JOB_SERVER}",
        )
    elif runner == "dataflow":
        if importlib.util.find_spec("apitools") is None:
            raise RunnerError("CM-ENGINE-004", "--runner dataflow needs Beam's parts for Google Cloud: pip install 'apache-beam[gcp]'")
        if missing := [name for name in ("project", "region", "temp_location") if not _value_of(f"--{name}", beam_options)]:
            raise RunnerError(
                "CM-ENGINE-005", f"--runner dataflow lacks {', '.join(missing)}; give them behind --, as in: -- --{missing[0]}=..."
            )


def runner_of(name: str, workers: int) -> Any:
    """What a pipeline takes as its runner."""
    return local_runner(workers) if name == "local" else RUNNERS[name]


def options_of(name: str, workers: int, beam_options: tuple[str, ...]) -> Iterator[str]:
    """Beam's options; those that a user gives come last and win."""
    if name == "local":
        yield f"--direct_num_workers={workers}"
    elif name == "portable" and not _value_of("--job_endpoint", beam_options):
        yield from ("--job_endpoint=embed", "--environment_type=LOOPBACK", f"--sdk_worker_parallelism={workers}")
    yield from beam_options


def refused(name: str, error: Exception) -> RunnerError | None:
    """What a runner could not do for want of something outside of this program; None for any other error."""
    text = str(error)
    if "job server jar" in text:
        return RunnerError(
            "CM-ENGINE-006",
            f"--runner {name}: Beam's job server is not on this machine and could not be downloaded; "
            f"{text.rpartition('. ')[2] or 'go online once'}, or {_JOB_SERVER}",
        )
    if text.startswith("Pipeline has validations errors"):
        return RunnerError(
            "CM-ENGINE-007", f"--runner {name}: {' '.join(text.split()[4:])} Give options behind --, as in: -- --project=NAME"
        )
    if isinstance(error, grpc.RpcError | grpc.FutureTimeoutError):
        return RunnerError(
            "CM-ENGINE-008", f"--runner {name}: the connection to its job server broke; see whether it runs, and go on with --resume"
        )
    return None


def _value_of(option: str, given: tuple[str, ...]) -> str:
    """The value of an option, written with "=" or as the next word; "" if it is not given."""
    for index, one in enumerate(given):
        if one.startswith(f"{option}="):
            return one.partition("=")[2]
        if one == option:
            return given[index + 1] if index + 1 < len(given) else ""
    return ""


def _check_endpoint(runner: str, endpoint: str) -> None:
    try:
        with grpc.insecure_channel(endpoint) as channel:
            grpc.channel_ready_future(channel).result(timeout=_CONNECT_S)
    except (grpc.FutureTimeoutError, ValueError):
        raise RunnerError(
            "CM-ENGINE-009",
            f"--runner {runner}: no job server answers at {endpoint} within {_CONNECT_S} s; start it, or name another with --job_endpoint",
        ) from None
