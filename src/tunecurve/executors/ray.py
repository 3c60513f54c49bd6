"""Trials as tasks on a Ray cluster: Ray core only, no Tune, no Train.

Data, learners and model files go into Ray's object store once; a node copies model files to its own disk once. Where
a node sees the study's folder (a shared file system), a trial runs in its own folder and continues from its checkpoint
after its node is lost; elsewhere it runs in a scratch folder of the node and its files come back with its result.
Retries are this program's own: it knows the trial's checkpoint, and the user is told.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tunecurve.cancellation import Cancellation
from tunecurve.errors import EnvironmentProblem, StudyStateError, needing
from tunecurve.executors.events import Event, Lost, Stopped, StudyFailed
from tunecurve.executors.leases import LeaseLost
from tunecurve.executors.options import Executor
from tunecurve.executors.worker import RelayProgress, run_to_its_end
from tunecurve.storage.files import make_folder, write_bytes, write_text
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.trial import TrialContext
from tunecurve.study.trial_folder import ATTEMPT, RESULT, TrialFolder

_NONCE = ".ray-session"
_SECONDS_BETWEEN_COUNTS = 5.0
_SECONDS_BETWEEN_POSTS = 1.0
# More tasks than slots, so that a cluster that grows on demand sees the demand.
_EXTRA_TASKS = 8


class RayWorkers:
    """Slots on a Ray cluster, to which learners are pickled; a context manager that connects and disconnects.

    Raises
    ------
    EnvironmentProblem
        When Ray is not installed or the cluster does not answer.
    """

    def __init__(self, context: TrialContext, folder: Path, executor: Executor) -> None:
        self._context, self._folder, self._executor = context, folder, executor
        self._ray = _import_ray()
        self._nonce = uuid.uuid4().hex
        self._tasks: dict[Any, PlannedTrial] = {}
        self._attempts: dict[str, int] = {}
        self._n_slots = 0
        self._counted_at = -_SECONDS_BETWEEN_COUNTS
        self._cpus = max([1, *(learner.resources.threads for learner in context.learners.values())])

    def __enter__(self) -> RayWorkers:
        ray = self._ray
        self._is_ours = not ray.is_initialized()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        address = self._executor.ray_address or os.environ.get("RAY_ADDRESS")
        options = {"address": address} if address else {"include_dashboard": False}
        try:
            ray.init(**options, ignore_reinit_error=True, log_to_driver=True, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise EnvironmentProblem(
                f"cannot connect to the Ray cluster ({str(error).splitlines()[0][:200]}); check --ray-address, or start one "
                "with: ray start --head"
            ) from None
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():  # Ray would end this process without a word
                signal.signal(number, handler)
        write_text(self._folder / _NONCE, self._nonce)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        self._mailbox = ray.remote(num_cpus=0, max_concurrency=16, scheduling_strategy=here)(_Mailbox).remote()
        self._shipped = _ship(ray, self._context)
        self._task = ray.remote(num_cpus=self._cpus, num_gpus=self._executor.gpus_per_trial, max_retries=0)(_run_there)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            self._ray.cancel(task, force=True)
        (self._folder / _NONCE).unlink(missing_ok=True)
        if self._is_ours:
            self._ray.shutdown()

    def n_slots(self) -> int:
        """Return how many trials the cluster has room for now, and a few more."""
        now = time.monotonic()
        if now - self._counted_at >= _SECONDS_BETWEEN_COUNTS:
            self._counted_at = now
            has = self._ray.cluster_resources()
            room = has.get("CPU", 0.0) / self._cpus
            if self._executor.gpus_per_trial:
                room = min(room, has.get("GPU", 0.0) / self._executor.gpus_per_trial)
            self._n_slots = int(room) + _EXTRA_TASKS
        return self._n_slots

    def start(self, item: PlannedTrial) -> None:
        """Submit a trial."""
        attempt = self._attempts.get(item.folder.name, 0) + 1
        self._attempts[item.folder.name] = attempt
        # A node that was thought to be lost and works on sees by this file that it is not its trial any more.
        write_text(make_folder(item.folder.path) / ATTEMPT, f"{self._nonce} {attempt}")
        item = replace(item, folder=TrialFolder(item.folder.path.absolute()))
        task = self._task.remote(item, f"{self._nonce} {attempt}", self._shipped, self._mailbox)
        self._tasks[task] = item

    def wait(self, seconds: float) -> Sequence[Event]:
        """Return what the nodes told and how trials ended."""
        ready, _ = self._ray.wait(list(self._tasks), timeout=seconds) if self._tasks else ([], [])
        events = list(self._ray.get(self._mailbox.take.remote()))
        return [*events, *(self._end_of(task, self._tasks.pop(task)) for task in ready)]

    def _end_of(self, task: Any, item: PlannedTrial) -> Event:
        try:
            event, files = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            reason = " ".join(str(error).splitlines()[-1:])[:200]
            return StudyFailed(item.trial, EnvironmentProblem(f"a Ray node cannot run trials: {reason}"))
        except self._ray.exceptions.RayError as error:
            return Lost(item.trial, f"its node or worker was lost ({type(error).__name__})")
        for name in sorted(files, key=lambda name: (name == RESULT, name)):  # the result comes last
            write_bytes(make_folder((item.folder.path / name).parent) / Path(name).name, files[name])
        item.folder.remove(ATTEMPT)
        return event

    def ask_to_stop(self) -> None:
        """Tell all trials to end at the next step, and withdraw those that have not begun."""
        self._ray.get(self._mailbox.ask_to_stop.remote())


def _import_ray() -> Any:
    # No usage statistics, no dashboard metrics; to be said before the import.
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_enable_metrics_collection": "0"})
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with needing("ray", "--executor ray"):
        import ray
        import ray.util.scheduling_strategies
    return ray


class _Mailbox:
    """An actor beside the leader: what nodes tell, and whether they shall stop."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._stop = False

    def post(self, events: list[Event]) -> bool:
        """Keep what a node tells; return whether it shall stop."""
        self._events += events
        return self._stop

    def take(self) -> list[Event]:
        """Return what was told since the last time."""
        events, self._events = self._events, []
        return events

    def ask_to_stop(self) -> None:
        """Make every later `post` say so."""
        self._stop = True


# The files of a model by their paths: size, and reference to the content.
_ModelFiles = dict[str, tuple[int, Any]]


@dataclass(frozen=True)
class _Shipped:
    """References to what all tasks read: the context without learners, learners by name, model files by their checksum."""

    context: Any
    learners: dict[str, Any]
    models: dict[str, _ModelFiles]


def _ship(ray: Any, context: TrialContext) -> _Shipped:
    """Put data, learners and model files into the object store."""
    import numpy as np

    models: dict[str, _ModelFiles] = {}
    for learner in context.learners.values():
        files = learner.files
        if files is not None and files.weights_sha256 not in models:
            # As arrays: nodes read them from shared memory without a copy.
            models[files.weights_sha256] = {
                str(path.relative_to(files.folder)): (path.stat().st_size, ray.put(np.fromfile(path, dtype=np.uint8)))
                for path in sorted(files.folder.rglob("*"))
                if path.is_file()
            }
    there = {name: ray.put(learner) for name, learner in context.learners.items() if name != "floor"}
    return _Shipped(ray.put(replace(context, planned=[], seconds={}, learners={}, proposer=None)), there, models)


_learners: dict[Any, Any] = {}  # of a worker process: Ray uses a process for many trials


def _run_there(item: PlannedTrial, attempt: str, shipped: _Shipped, mailbox: Any) -> tuple[Event, dict[str, bytes]]:
    """Run one trial on a node; return how it ended, and its files where the node does not see the study's folder."""
    import ray

    post = _Post(mailbox)
    cancellation = Cancellation(post.shall_stop)
    learner = _learner_of(item, shipped)
    context = replace(ray.get(shipped.context), learners={item.trial.learner: learner})
    sees_folder = _reads(item.folder.study / _NONCE) == attempt.split()[0]
    there = item if sees_folder else replace(item, folder=TrialFolder(_scratch("trials") / item.folder.name))

    def check() -> None:
        if sees_folder and _reads(item.folder.path / ATTEMPT) not in (attempt, None):
            raise LeaseLost(item.folder.name)

    if cancellation.is_requested:
        return Stopped(item.trial), {}
    event = run_to_its_end(there, context, RelayProgress(item.trial, post, cancellation, check))
    return event, {} if sees_folder else _files_of(there.folder.path)


def _learner_of(item: PlannedTrial, shipped: _Shipped) -> Any:
    """Return the learner of a trial, read once in a worker process, with its model's files on this node."""
    import ray

    reference = shipped.learners[item.trial.learner]
    if reference not in _learners:
        learner = ray.get(reference)
        files = learner.files
        if files is not None:
            learner.files = replace(files, folder=_model_folder(files, shipped.models[files.weights_sha256]))
        _learners[reference] = learner
    learner = _learners[reference]
    if learner.identity() != item.config["learner"]:
        raise StudyStateError(f"this node would compute as {learner.identity()}, the study is {item.config['learner']}")
    return learner


class _Post:
    """Sends events to the leader, and hears whether to stop at most once a second."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox, self._stop, self._asked_at = mailbox, False, 0.0
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        self._ask([event])

    def shall_stop(self) -> bool:
        """Return whether a stop was asked for."""
        if not self._stop and time.monotonic() - self._asked_at > _SECONDS_BETWEEN_POSTS:
            self._ask([])
        return self._stop

    def _ask(self, events: list[Event]) -> None:
        import ray

        with self._lock:
            self._stop = ray.get(self._mailbox.post.remote(events)) or self._stop
            self._asked_at = time.monotonic()


def _reads(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _scratch(purpose: str) -> Path:
    """Return a private folder of this node and user, the same for all its trials."""
    mine = make_folder(Path(tempfile.gettempdir()) / f"tunecurve-ray-{os.getuid()}")
    found = mine.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EnvironmentProblem(f"'{mine}' belongs to someone else or is open to others; remove it, or set TMPDIR")
    return make_folder(mine / purpose)


def _model_folder(files: Any, contents: _ModelFiles) -> Path:
    """Return the folder of a model on this node: where it is already, else written from the object store, once."""
    import ray

    def has(path: Path, size: int) -> bool:
        return path.is_file() and path.stat().st_size == size

    if all(has(files.folder / name, size) for name, (size, _) in contents.items()):
        return files.folder
    ready = _scratch("models") / files.weights_sha256
    if ready.is_dir():
        return ready
    building = Path(tempfile.mkdtemp(dir=ready.parent))
    for name, (_, reference) in contents.items():
        content: Any = ray.get(reference)
        write_bytes(make_folder((building / name).parent) / Path(name).name, content.tobytes())
    try:
        building.rename(ready)
    except OSError:  # another process of this node was quicker
        shutil.rmtree(building)
    return ready


def _files_of(folder: Path) -> dict[str, bytes]:
    """Return a trial's files, without what only an unfinished trial needs, and remove them here when it is finished."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".partial." not in path.name and not path.name.startswith("checkpoint")
    }
    if RESULT in files:
        shutil.rmtree(folder)
    return files
