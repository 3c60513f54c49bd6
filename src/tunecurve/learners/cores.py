"""How many threads this machine, or this container, is good for."""

from __future__ import annotations

import os
from pathlib import Path


def usual_threads(share: int = 1) -> int:
    """Return the threads of each of `share` processes where nobody names a number: its part of the physical cores."""
    return max(1, physical_cores() // share)


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
