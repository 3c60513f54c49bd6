"""One token says to everything at work that it is to end."""

import pytest

from tunecurve import cancellation
from tunecurve.cancellation import Cancellation
from tunecurve.errors import Interrupted
from tunecurve.study.progress import Progress


def test_a_request_holds_and_every_source_counts():
    asked = []
    token = Cancellation(lambda: "a" in asked, lambda: "b" in asked)
    token.check("never")
    assert not token.is_requested
    asked.append("b")
    with pytest.raises(Interrupted, match=r"^stopped between two trials$"):
        token.check("between two trials")
    asked.clear()
    assert not token.is_requested, "a source answers for itself alone"
    token.request()
    assert token.is_requested


def test_a_sleep_ends_as_soon_as_the_work_is_to_end(monkeypatch):
    monkeypatch.setattr(cancellation, "POLL_SECONDS", 0.0)
    asked = iter([False, False, True])
    sleeper = Cancellation(lambda: next(asked))
    sleeper.sleep(0.0, "never asked")
    with pytest.raises(Interrupted, match="stopped while waiting"):
        sleeper.sleep(3600, "while waiting")
    assert list(asked) == [], "looked at before every part of the sleep, and no more after it has ended"


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
