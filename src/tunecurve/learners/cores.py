"""How many threads this machine, or this container, is good for."""

from __future__ import annotations

import os
from pathlib import Path


def usual_threads(share: int = 1) -> int:
    """Return the threads of each of `share` processes where nobody names a number: its part of the physical cores."""
    return max(1, physical_cores() // share)


def ignored_thread_settings(threads: int) -> str:
    """Return in words which variables ask for other threads and are not heeded; empty where none does.

    Threads decide the last bits of answers and so are a part of what names a trial: they come from ``--threads``, from finished
    trials or from the machine, never from a variable that another shell may lack.
    """
    asked = {name: os.environ.get(name, "") for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    others = [f"{name}={value}" for name, value in asked.items() if value and value != str(threads)]
    are = "are" if len(others) > 1 else "is"
    return f"{' and '.join(others)} {are} not heeded: threads are set with --threads" if others else ""


def physical_cores() -> int:
    """Return the number of physical cores this process may use; logical ones where the machine does not say."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for cpu in allowed:
        try:
            topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
            cores.add(((topology / "physical_package_id").read_text(), (topology / "core_id").read_text()))
        except OSError:
            return min(len(allowed), cpu_quota())
    return max(1, min(len(cores), cpu_quota()))


def cpu_quota(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the whole processors that the control group (a container's limit) grants; a large number without one."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return 1_000_000
