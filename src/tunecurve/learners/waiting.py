"""How torch's threads wait for one another: asleep, so that a study gets its fair share of a machine that does other work.

Threads of OpenMP meet at a barrier after every operation. By default those that arrive first spin, which on a processor that
others use as well takes the time from the very thread that they wait for. The libraries read their settings once, when they are
loaded: they are set when `tunecurve.learners` is imported, which is before anything here imports torch.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# GNU's library, the one of torch on Linux, reads the first two; LLVM's and Intel's the first and the third.
ASLEEP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


def wait_asleep(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Set what makes threads wait asleep, here and in processes that are started later; return whether it was set.

    Where one of the variables is set already, its user has chosen, and none is.
    """
    if any(name in environment for name in ASLEEP):
        return False
    environment.update(ASLEEP)
    return True


def explain_waiting(environment: MutableMapping[str, str] = os.environ) -> str:
    """Return in words how threads are told to wait."""
    told = ", ".join(f"{name}={environment[name]}" for name in ASLEEP if name in environment)
    if all(environment.get(name) == value for name, value in ASLEEP.items()):
        return f"asleep, so that other programs and a study share the processors fairly ({told})"
    return f"as the environment says ({told})" if told else "as the library of threads does by itself"
