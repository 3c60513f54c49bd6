"""Named moments at which tests end a process as a power cut would; without ``TUNECURVE_KILL_AT`` they do nothing.

``TUNECURVE_KILL_AT=after-claim`` kills the process right after it has made a claim, ``after-answer@12`` after its 12th
answer.
"""

from __future__ import annotations

import os
import signal
import threading

_NAME, _, _TIMES = os.environ.get("TUNECURVE_KILL_AT", "").partition("@")
_lock = threading.Lock()
_left = int(_TIMES or 1)


def kill_point(name: str) -> None:
    """Kill this process by SIGKILL if it is told to end at the moment of this name."""
    if name == _NAME and _is_last():
        os.kill(os.getpid(), signal.SIGKILL)


def _is_last() -> bool:
    global _left
    with _lock:
        _left -= 1
        return _left == 0
