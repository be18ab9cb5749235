"""Worker processes of the local runner: how they are started, ended and watched, so that no run waits for one for ever."""

import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    BeamFnControlServicer,
    ControlConnection,
    SubprocessSdkWorkerHandler,
    WorkerHandler,
)
from apache_beam.runners.worker import data_plane
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipelines.engine.worker import DRIVER_PID, WORKER_PIDS
from schemas.errors import WorkerError

SAY_AFTER_S = 60
"""Seconds for which a worker process may be stopped (by SIGSTOP, a debugger or a job scheduler) before the driver says so."""
END_AFTER_S = 600
"""Seconds after which it is ended, and the run with it."""


def local_runner(workers: int) -> FnApiRunner:
    """Beam's runner on this machine: in this process for one worker, else in `workers` processes."""
    logging.getLogger(data_plane.__name__).setLevel(logging.CRITICAL)  # it would print that a worker's connection broke, but not why
    command = f"exec {shlex.quote(sys.executable)} -m pipelines.engine.worker"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command) if workers > 1 else None)


class _Connection(ControlConnection):
    """Beam's to one worker process, which also says at once that a worker failed: Beam looks only when the workers before it are done."""

    is_closed = False

    def _read(self) -> None:
        try:
            for answer in self._input or ():
                if answer.error and answer.instruction_id.startswith("bundle_"):  # else a question about a bundle that failed
                    _failed(RuntimeError(answer.error))
                self._futures_by_id.pop(answer.instruction_id).set(answer)
        except grpc.RpcError:
            if not self.is_closed:
                _failed(_ended_early("its connection broke"))


@WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class _WorkerProcess(SubprocessSdkWorkerHandler):
    """Beam's handler, which signals only processes that have connected, and then waits for all of them.

    So a graph that failed before its last process had come up would never end, nor would the interpreter, while a thread waits for
    what that process was to answer.
    """

    def __init__(self, command: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        grpc_server.control_handler._connections_by_worker_id.default_factory = _Connection
        super().__init__(command, state, provision_info, grpc_server)

    def close(self) -> None:
        """End the process and what waits for it, connected or not."""
        self.control_conn.is_closed = True
        self.control_conn._push_queue.queue.clear()  # messages that it has not received yet
        self.control_conn.push(BeamFnControlServicer._DONE_MARKER)
        try:
            super().close()
        except grpc.RpcError:  # the connection broke when its process was ended
            self.stop_worker()
        self.control_conn.abort(WorkerError("CM-ENGINE-010", "the graph ended before this worker process had answered"))


_failures: list[BaseException] = []
"""What ended the graph within `watch_workers`; empty outside of it."""


def _failed(error: Exception) -> None:
    """Have the main thread raise the error. It waits on a lock, where only a signal reaches it."""
    if not _failures and signal.getsignal(signal.SIGUSR1) is _stop:
        _failures.append(error)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _ended_early(how: str) -> WorkerError:
    return WorkerError(
        "CM-ENGINE-011",
        f"a worker process ended before its work did ({how}): it was killed, or the machine ran out of memory. "
        "Run again with --resume, and with fewer --workers if memory was short",
    )


def _interrupt(number: int, frame: object) -> None:
    """Stop as the person at the keyboard asks for, and again if asked again."""
    _failures[:] = [KeyboardInterrupt()]
    _stop(number, frame)


def _stop(number: int, frame: object) -> None:
    """End all workers, since Beam would wait for what they are at, and raise."""
    for pid in Path(os.environ[WORKER_PIDS]).iterdir():
        with suppress(ProcessLookupError):
            os.kill(int(pid.name), signal.SIGKILL)
    raise _failures[0]


def _state_of(pid: int) -> str:
    """The state letter of a process in /proc, "T" if it is stopped; "" if the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _watch_stopped(pids: Path, over: threading.Event, on_message: Callable[[str], None]) -> None:
    """Count the seconds for which each worker is stopped; no clock, since this process may be stopped together with its workers."""
    stopped: dict[int, int] = {}
    while not over.wait(1):
        now = {int(path.name) for path in pids.iterdir() if _state_of(int(path.name)) in ("T", "t")}
        stopped = {pid: stopped.get(pid, 0) + 1 for pid in now}
        for pid, seconds in stopped.items():
            if seconds == SAY_AFTER_S:
                on_message(
                    f"worker process {pid} has been stopped for {seconds} s, and the run waits for it; `kill -CONT {pid}` lets it go on. "
                    f"After {END_AFTER_S} s it is ended"
                )
            if seconds >= END_AFTER_S:
                why = f"worker process {pid} was stopped for {seconds} s, so it was ended"
                _failed(WorkerError("CM-ENGINE-012", f"{why}; find out what stops it, and go on with --resume"))


@contextmanager
def watch_workers(on_message: Callable[[str], None] = lambda line: None) -> Iterator[None]:
    """Raise an error of a worker process at once, and WorkerError if one dies within the block. Ctrl-C also ends them.

    Beam would wait for ever for the answers of one that died: its thread that waits for the process raises an error of its own, which
    reaches the hook for uncaught ones. It would wait as long for one that is stopped: `on_message` hears of it after SAY_AFTER_S, and after
    END_AFTER_S it is ended with WorkerError.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    hook_before = threading.excepthook

    def hook(uncaught: threading.ExceptHookArgs) -> None:
        if _failures or issubclass(uncaught.exc_type, grpc.RpcError):
            return  # follows from the end of a process
        if uncaught.thread is None or uncaught.thread.name != "run_worker":
            hook_before(uncaught)
        else:
            _failed(_ended_early(str(uncaught.exc_value)))

    with TemporaryDirectory() as pids:
        os.environ[WORKER_PIDS], os.environ[DRIVER_PID] = pids, str(os.getpid())
        over = threading.Event()
        threading.Thread(target=_watch_stopped, args=(Path(pids), over, on_message), daemon=True).start()
        handlers_before = {signal.SIGUSR1: signal.signal(signal.SIGUSR1, _stop)}
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has it ignored, in the background
            handlers_before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
        threading.excepthook = hook
        try:
            yield
        finally:
            over.set()
            threading.excepthook = hook_before
            for number, handler in handlers_before.items():
                signal.signal(number, handler)
            _failures.clear()
