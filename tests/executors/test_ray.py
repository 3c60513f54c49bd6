"""A Ray cluster of several nodes on this machine, one of which is killed while it works."""

import os
import signal
import sys
import threading
import time

import pytest

from tests.executors.test_many_workers import Listener, rows, serial, who_tuned  # noqa: F401  (fixtures)
from tests.fakes.slow_learner import SlowLearner, run
from tunecurve.errors import EnvironmentProblem, Interrupted
from tunecurve.executors.options import Executor
from tunecurve.results.stored import without_times

ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """Undo what Ray does to a process that it connects: it answers SIGTERM, and breakpoints."""
    answer = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("PYTHONBREAKPOINT", "")
    yield
    signal.signal(signal.SIGTERM, answer)


@pytest.fixture(scope="module")
def cluster():
    """A head that runs no trial, and two nodes with room for one trial each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.workers = [made.add_node(num_cpus=1) for _ in range(2)]
    yield made
    ray.shutdown()
    made.shutdown()


def on(cluster):
    return Executor("ray", ray_address=cluster.address)


def test_a_cluster_gives_the_results_of_one_process_though_a_node_is_lost(cluster, rows, tmp_path, serial, monkeypatch):  # noqa: F811
    out, listener = tmp_path / "out", Listener()
    lost = []

    def lose_a_node():
        while len(list((out / "trials").glob("*fine-tune*/predictions.partial.jsonl"))) < 2:
            time.sleep(0.05)
        cluster.remove_node(cluster.workers[0], allow_graceful=False)
        lost.append(cluster.workers[0])

    killer = threading.Thread(target=lose_a_node, daemon=True)
    killer.start()
    done = run(rows, out, on(cluster), SlowLearner(1.0), progress=listener)
    killer.join(30)
    assert lost, "the node was killed while it worked"
    assert without_times(done.results) == serial
    assert done.outcome.n_run == len(serial["trials"])
    assert any("was lost" in line and line.endswith("it is started again") for line in listener.lines)
    assert {"fine-tune-n80-seed0", "fine-tune-n80-seed1"} <= set(listener.steps)
    assert str(os.getpid()) not in who_tuned(out)
    assert not (out / ".ray-session").exists()


def test_nodes_that_do_not_see_the_folder_send_their_files(cluster, rows, tmp_path, serial, monkeypatch):  # noqa: F811
    from tunecurve.executors import ray as ray_workers

    write = ray_workers.write_text
    monkeypatch.setattr(
        ray_workers, "write_text", lambda path, text: None if path.name == ".ray-session" else write(path, text)
    )
    done = run(rows, tmp_path / "out", on(cluster), SlowLearner())
    assert without_times(done.results) == serial
    tuned = next((tmp_path / "out" / "trials").glob("*fine-tune-n80-seed0*"))
    assert {path.name for path in tuned.iterdir()} >= {
        "known.json",
        "training.json",
        "predictions.jsonl",
        "result.json",
    }


def test_a_stop_reaches_the_nodes_and_the_same_command_continues(cluster, rows, tmp_path, serial):  # noqa: F811
    with pytest.raises(Interrupted):
        run(rows, tmp_path / "out", on(cluster), SlowLearner(1.0), progress=Listener(stop_after=2))
    assert without_times(run(rows, tmp_path / "out", None, SlowLearner()).results) == serial


def test_model_files_are_put_on_a_node_once_and_found_where_they_are(cluster, tmp_path, monkeypatch):
    from dataclasses import dataclass, replace
    from pathlib import Path

    from tunecurve.executors import ray as ray_workers
    from tunecurve.study.trial import TrialContext

    @dataclass(frozen=True)
    class Files:
        folder: Path
        weights_sha256: str

    learner = SlowLearner()
    learner.files = Files(tmp_path / "model", "abc")
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "weights.safetensors").write_bytes(b"\x00weights")
    monkeypatch.setattr(ray_workers.tempfile, "gettempdir", lambda: str(tmp_path))
    ray.init(address=cluster.address, ignore_reinit_error=True, log_to_driver=False)
    shipped = ray_workers._ship(ray, TrialContext([], None, {"lookup": learner}, []))
    assert ray_workers._model_folder(learner.files, shipped.models["abc"]) == tmp_path / "model"
    elsewhere = replace(learner.files, folder=tmp_path / "not here")
    placed = ray_workers._model_folder(elsewhere, shipped.models["abc"])
    assert (placed / "deep" / "weights.safetensors").read_bytes() == b"\x00weights"
    written_at = placed.stat().st_mtime_ns
    assert ray_workers._model_folder(elsewhere, shipped.models["abc"]) == placed
    assert placed.stat().st_mtime_ns == written_at
    ray.shutdown()


def test_a_cluster_that_does_not_answer_is_one_line(rows, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(ray, "init", lambda **options: (_ for _ in ()).throw(ConnectionError("nobody\nthere")))
    with pytest.raises(EnvironmentProblem, match=r"cannot connect to the Ray cluster \(nobody\); check --ray-address"):
        run(rows, tmp_path / "out", Executor("ray", ray_address="127.0.0.1:1"), SlowLearner())


def test_without_the_extra_the_command_is_named(rows, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install '\.\[ray\]'"):
        run(rows, tmp_path / "out", Executor("ray"), SlowLearner())


def test_usage_statistics_of_ray_are_off(monkeypatch):
    usage_lib = pytest.importorskip("ray._common.usage.usage_lib", reason="this Ray keeps it elsewhere")

    from tunecurve.executors import ray as ray_workers

    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    assert usage_lib.usage_stats_enabled()  # what Ray does unless told otherwise
    ray_workers._import_ray()
    assert not usage_lib.usage_stats_enabled()
