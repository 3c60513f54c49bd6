"""How busy a machine is with other programs, which is why everything takes longer than it would alone."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 0.3
# A machine is busy where a computation finds less than this share of the processors that it has threads for.
ENOUGH_FREE = 0.75
# In a line of /proc/stat behind the processor's name; idle and waiting for disks are no work.
_USER, _NICE, _SYSTEM, _IDLE, _IO_WAIT, _IRQ, _SOFT_IRQ, _STEAL = range(8)
_WORK = (_USER, _NICE, _SYSTEM, _IRQ, _SOFT_IRQ, _STEAL)


@dataclass(frozen=True)
class OtherWork:
    """What other programs do on the processors that this process may use."""

    processors: float
    """How many of them they keep busy."""
    n_processors: int
    """How many there are."""

    def leaves_too_little(self, threads: int) -> bool:
        """Return whether so many threads do not find enough free processors."""
        wanted = min(threads, self.n_processors)
        return self.n_processors - self.processors < ENOUGH_FREE * wanted

    def taken(self) -> str:
        """Return what others take of this machine."""
        where = "the one processor" if self.n_processors == 1 else f"{self.n_processors} processors"
        return f"other programs take {self.processors:.1f} of {where}"

    def sentence(self) -> str:
        """Return what it means for an estimate."""
        return (
            f"This machine is busy: {self.taken()}. Times are estimated from the speed that is "
            "left now; without them it is faster, with more of them slower."
        )


def processor_times(text: str, processors: Collection[int]) -> tuple[float, float]:
    """Return the ticks of work and all ticks of some processors, from the content of /proc/stat.

    Raises
    ------
    ValueError
        Where it has other lines than expected, or not these processors.
    """
    work, whole, n_found = 0, 0, 0
    for line in text.splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu" and int(name[3:]) in processors:
            ticks = [int(field) for field in fields[:8]]
            work += sum(ticks[which] for which in _WORK)
            whole += sum(ticks)
            n_found += 1
    if n_found < len(processors):
        raise ValueError(f"{n_found} of {len(processors)} processors in /proc/stat")
    return work, whole


def measure_other_work(seconds: float = _SECONDS, stat: Path = Path("/proc/stat")) -> OtherWork | None:
    """Return what other programs do, watched for so long; None where this system does not tell it."""
    try:
        processors = os.sched_getaffinity(0)
        own, (work, whole) = time.process_time(), processor_times(stat.read_text(), processors)
        began = time.perf_counter()
        time.sleep(seconds)
        own, passed = time.process_time() - own, time.perf_counter() - began
        work_then, whole_then = processor_times(stat.read_text(), processors)
    except (AttributeError, OSError, ValueError, IndexError):
        return None
    share = (work_then - work) / (whole_then - whole) if whole_then > whole else 0.0
    others = share * len(processors) - own / passed
    return OtherWork(min(max(0.0, others), len(processors)), len(processors))


@functools.cache
def other_work() -> OtherWork | None:
    """Return what other programs did when this process first asked; None where this system does not tell it."""
    return measure_other_work()
