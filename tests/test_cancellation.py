"""One token says to everything at work that it is to end."""

import threading
import time

import pytest

from tunecurve.cancellation import Cancellation
from tunecurve.errors import Interrupted
from tunecurve.study.progress import Progress


def test_a_request_holds_and_every_source_counts():
    asked = []
    cancellation = Cancellation(lambda: "a" in asked, lambda: "b" in asked)
    cancellation.check("never")
    assert not cancellation.is_requested
    asked.append("b")
    with pytest.raises(Interrupted, match=r"^stopped between two trials$"):
        cancellation.check("between two trials")
    asked.clear()
    assert not cancellation.is_requested, "a source answers for itself alone"
    cancellation.request()
    assert cancellation.is_requested


def test_a_request_ends_a_sleep():
    cancellation = Cancellation()
    cancellation.sleep(0.0, "never")
    threading.Timer(0.05, cancellation.request).start()
    started = time.monotonic()
    with pytest.raises(Interrupted, match="stopped while waiting"):
        cancellation.sleep(3600, "while waiting")
    assert time.monotonic() - started < 60


class Sets(Progress):
    def __init__(self):
        self.stop_requested = True


class Computes(Progress):
    @property
    def stop_requested(self):
        return True


@pytest.mark.parametrize("listener", [Sets, Computes])
def test_listeners_that_set_or_compute_the_wish_are_heard(listener):
    assert listener().cancellation.is_requested
    assert not Progress().cancellation.is_requested
