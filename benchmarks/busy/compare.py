"""What a training takes beside other work on the same processors, as a ratio to what it takes alone, in one run.

    python benchmarks/busy/compare.py [--steps 40] [--threads 2] [--policies passive,spinning] [--anyway]

The work is a loop of operations as a training's are, in a process of its own: matrix products and elementwise passes, with a barrier of
the threads behind each. Beside it run: nothing, one process that keeps a processor busy, two of them, and another such training.
`passive` is as tunecurve starts torch (threads wait asleep), `spinning` as the library of threads does by itself. The ratio of a
policy is to its own median time alone; `alone` of the two policies says what waiting asleep costs an idle machine. On a machine of more
processors: taskset -c 0,1 python benchmarks/busy/compare.py.

Refuses to begin where the machine does other work already, because nothing here could be called alone then; --anyway measures
all the same, and marks the table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from tunecurve.learners.busy import measure_other_work
from tunecurve.learners.waiting import ASLEEP

BUSY = "while True: pass"
TRAINING = """
import sys, time, torch
threads, steps, width = map(int, sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(0)
rows = torch.randn(512, width)
weights = [torch.randn(width, width) / width**0.5 for _ in range(12)]
def step():
    hidden = rows
    for weight in weights:
        hidden = torch.nn.functional.gelu(hidden @ weight)
        hidden = (hidden - hidden.mean(-1, keepdim=True)) / (hidden.std(-1, keepdim=True) + 1e-5)
    return float(hidden.sum())
step()
done, took = 0, []
while steps == 0 or done < steps:
    began = time.perf_counter()
    step()
    took.append(time.perf_counter() - began)
    done += 1
print(sum(took) / len(took))
"""
# What keeps on while the training is timed: how many busy processes, how many other trainings.
BESIDE = {
    "nothing (alone)": (0, 0),
    "one busy process": (1, 0),
    "two busy processes": (2, 0),
    "another training": (0, 1),
}
# Processors that other programs may take where a machine is still called idle.
IDLE = 0.15


def environment(policy: str) -> dict[str, str]:
    """Return the variables of a training's process."""
    without = {name: value for name, value in os.environ.items() if name not in ASLEEP}
    return without | (ASLEEP if policy == "passive" else {})


@contextmanager
def beside(n_busy: int, n_trainings: int, options: argparse.Namespace, policy: str) -> Iterator[None]:
    """Keep other processes at work."""
    command = [sys.executable, "-c", TRAINING, str(options.threads), "0", str(options.width)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        started += [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(n_busy)]
        # The other training is nobody's: it waits as its library does by itself.
        started += [subprocess.Popen(command, env=environment("spinning")) for _ in range(n_trainings)]
        if started:
            time.sleep(options.warm_up)
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def seconds_a_step(policy: str, options: argparse.Namespace) -> float:
    """Return the mean time of a step."""
    command = [sys.executable, "-c", TRAINING, str(options.threads), str(options.steps), str(options.width)]
    done = subprocess.run(command, env=environment(policy), capture_output=True, text=True, check=True)
    return float(done.stdout)


def not_idle() -> str | None:
    """Return in a line why this machine is not idle; None where it is."""
    others = measure_other_work(2.0)
    if others is None:
        return "this system does not tell what its processors do"
    if others.processors > IDLE:
        return (
            f"other programs take {others.processors:.1f} of {others.n_processors} processors, expected {IDLE} at most"
        )
    return None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=int, default=576)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--warm-up", type=float, default=5.0)
    parser.add_argument("--policies", default="passive,spinning")
    parser.add_argument("--anyway", action="store_true")
    options = parser.parse_args()
    policies = options.policies.split(",")
    if unknown := set(policies) - {"passive", "spinning"}:
        parser.error(f"--policies {sorted(unknown)[0]}: expected passive, spinning or both")
    loaded = not_idle()
    if loaded and not options.anyway:
        raise SystemExit(
            f"not measured: {loaded}, so nothing here would be alone; wait, or give --anyway and say so beside the figures"
        )
    took: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.repeats):  # in turns, so that a slow minute meets all of them
        for name, (n_busy, n_trainings) in BESIDE.items():
            for policy in policies:
                with ExitStack() as others:
                    others.enter_context(beside(n_busy, n_trainings, options, policy))
                    took.setdefault((policy, name), []).append(seconds_a_step(policy, options))
    if loaded:
        print(
            f"NOT ON AN IDLE MACHINE ({loaded}): `alone` is not alone, and no ratio below is one to an idle machine.\n"
        )
    print(
        "| beside | " + " | ".join(f"{policy}, ms a step (range) | times its own alone" for policy in policies) + " |"
    )
    print("|---|" + "---|---|" * len(policies))
    for name in BESIDE:
        cells = []
        for policy in policies:
            times = [1000 * seconds for seconds in took[policy, name]]
            alone = 1000 * median(took[policy, "nothing (alone)"])
            cells.append(f"{median(times):.1f} ({min(times):.1f}-{max(times):.1f}) | {median(times) / alone:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\n{options.threads} threads on {len(os.sched_getaffinity(0))} processors; median of {options.repeats} runs")


if __name__ == "__main__":
    main()
