"""Threads wait asleep, and whether a machine is busy is known: what a study gets of a machine that does other work, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunecurve.learners.busy import OtherWork, measure_other_work, processor_times
from tunecurve.learners.waiting import ASLEEP, explain_waiting, wait_asleep

STAT = """cpu  100 0 0 900 0 0 0 0 0 0
cpu0 {busy} 5 10 {idle} 7 1 2 {stolen} 99 98
cpu1 20 0 0 30 0 0 0 0 0 0
cpu10 1000 0 0 0 0 0 0 0 0 0
intr 12 3
"""


def test_threads_wait_asleep_where_nobody_says_otherwise():
    environment = {"PATH": "/bin"}
    assert wait_asleep(environment)
    assert environment == {"PATH": "/bin", **ASLEEP}
    assert "asleep" in explain_waiting(environment)


@pytest.mark.parametrize(
    "chosen",
    [
        {"OMP_WAIT_POLICY": "active"},
        {"GOMP_SPINCOUNT": "1000"},
        {"KMP_BLOCKTIME": "200"},
        {"OMP_WAIT_POLICY": "passive"},
    ],
)
def test_what_its_user_has_set_stays_and_nothing_is_added_to_it(chosen):
    environment = dict(chosen)
    assert not wait_asleep(environment)
    assert environment == chosen
    [(name, value)] = chosen.items()
    assert f"{name}={value}" in explain_waiting(environment)


@pytest.mark.parametrize(
    ("own", "policy", "spins"),
    [({}, "PASSIVE", "0"), ({"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "77"}, "ACTIVE", "77")],
)
def test_the_library_of_threads_that_torch_loads_has_read_it(own, policy, spins):
    environment = {name: value for name, value in os.environ.items() if name not in ASLEEP}
    # The way of a user's program, and of a worker process: something of tunecurve first, torch by it.
    program = "import tunecurve.learners.torch.device"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, **own, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("torch here uses another library of threads than GNU's")
    assert f"OMP_WAIT_POLICY = '{policy}'" in done.stderr
    assert f"GOMP_SPINCOUNT = '{spins}'" in done.stderr


def test_every_module_that_imports_torch_first_imports_a_package_that_sets_how_threads_wait():
    source = Path(sys.modules["tunecurve.learners"].__file__).parents[1]
    at_their_top = {
        path.relative_to(source).parts[0]
        for path in source.rglob("*.py")
        if any(line.startswith(("import torch", "from torch", "from transformers", "import transformers"))
               for line in path.read_text().splitlines())
    }  # fmt: skip
    assert at_their_top == {"learners"}


@pytest.mark.parametrize(
    ("processors", "busy", "idle", "stolen", "work", "whole"),
    [({0}, 40, 35, 0, 58, 100), ({0}, 40, 35, 100, 158, 200), ({0, 1}, 40, 35, 0, 78, 150), ({1}, 0, 0, 0, 20, 50)],
)
def test_work_of_the_processors_that_a_process_may_use_is_counted(processors, busy, idle, stolen, work, whole):
    assert processor_times(STAT.format(busy=busy, idle=idle, stolen=stolen), processors) == (work, whole)


@pytest.mark.parametrize("text", ["", "cpu 1 2", "cpu0 a b c d e f g h", "cpu7 1 2 3 4 5 6 7 8"])
def test_a_system_that_does_not_tell_it_has_no_other_work(tmp_path, text):
    (tmp_path / "stat").write_text(text)
    assert measure_other_work(0.0, tmp_path / "stat") is None
    assert measure_other_work(0.0, tmp_path / "none") is None


@pytest.mark.parametrize(
    ("others", "processors", "threads", "is_busy"),
    [(0.0, 2, 2, False), (0.4, 2, 2, False), (1.0, 2, 2, True), (1.9, 2, 1, True), (1.0, 2, 1, False),
     (60.0, 64, 2, False), (63.0, 64, 2, True), (1.0, 1, 8, True), (0.1, 1, 8, False)],
)  # fmt: skip
def test_a_machine_is_busy_where_too_little_is_left_for_the_threads(others, processors, threads, is_busy):
    assert OtherWork(others, processors).leaves_too_little(threads) == is_busy
    assert f"{others:.1f} of " in OtherWork(others, processors).sentence()


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system does not tell it")
def test_another_process_at_work_is_seen_and_own_work_is_not():
    mine = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, mine[:1])
    try:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as spinning:
            seen = measure_other_work(0.5)
            spinning.kill()
    finally:
        os.sched_setaffinity(0, mine)
    assert seen is not None
    assert seen.n_processors == 1
    assert seen.processors > 0.5
