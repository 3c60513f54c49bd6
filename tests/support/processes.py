"""Processes that begin with everything imported: a new interpreter spends seconds of every test on that.

They are forked from a server that has imported what a hosted study needs and runs nothing itself, no thread and no test: what
they do, and how they are killed, is that of any other process. Where a new interpreter is what is tested, `subprocess` starts one.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_PROVIDERS = [f"inspect_ai.model._providers.{name}" for name in ("google", "openai", "openai_compatible")]
_TUNECURVE = ["tunecurve.cli.run", "tunecurve.run", "tunecurve.learners.hosted.transport.inspect_adapter"]
_CONTEXT.set_forkserver_preload(["pytest", "hypothesis", *_PROVIDERS, *_TUNECURVE])


class StartedProcess:
    """A process that runs a command of tunecurve, or code; both its streams go to one file."""

    def __init__(self, arguments, code=None, environment=None, folder=None):
        number, path = tempfile.mkstemp()
        os.close(number)
        self._path = Path(path)
        values = [list(map(str, arguments)), code, dict(environment or os.environ), str(folder or Path.cwd()), path]
        self._process = _CONTEXT.Process(target=_run, args=values, daemon=True)
        self._process.start()
        self.pid = self._process.pid

    @property
    def said(self):
        return self._path.read_text(errors="replace")

    def poll(self):
        """Return the exit code, -9 after SIGKILL, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout=120.0):
        """Return the exit code; fail if there is none in time."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"it still runs after {timeout} s: {self.said}"
        return self._process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)
        self.wait()


def run_process(arguments, **options):
    """Run a process to its end; return its exit code and what it said."""
    process = StartedProcess(arguments, **options)
    return process.wait(), process.said


def _run(arguments, code, environment, folder, path):
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream in (1, 2):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), stream)
    from tunecurve.cli.main import run_command
    from tunecurve.storage import kill_points

    importlib.reload(kill_points)  # it reads the environment when it is imported
    sys.argv = ["tunecurve", *arguments]
    if code is None:
        sys.exit(run_command(arguments))
    exec(compile(code, "<code of a test>", "exec"), {"__name__": "__main__"})
