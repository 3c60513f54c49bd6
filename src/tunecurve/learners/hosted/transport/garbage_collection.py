"""The interpreter's search for garbage in cycles, made rare while calls are sent."""

from __future__ import annotations

import gc
import threading


class _RareGarbageCollection:
    """Look for garbage in cycles a thirtieth as often while calls are sent, by however many senders at once.

    The providers' SDKs make thousands of objects a call and leave no cycles worth the search, which is a tenth of the
    processor time of a call: at 64 calls in flight that is what they wait for.
    """

    def __init__(self) -> None:
        self._lock, self._n_within, self._before = threading.Lock(), 0, gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            if not self._n_within:
                self._before = gc.get_threshold()
                gc.set_threshold(30 * self._before[0], *self._before[1:])
            self._n_within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_within -= 1
            if not self._n_within:
                gc.set_threshold(*self._before)


rare_garbage_collection = _RareGarbageCollection()
