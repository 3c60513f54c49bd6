"""What is raised here, and not by an SDK: an answer that is none, and a failure that is understood already."""

from __future__ import annotations

from tunecurve.learners.hosted.transport.gateway import Failure


class OddAnswer(Exception):
    """A 200 that holds an error, with a status or none, or no answer, in words for people."""

    def __init__(self, reason: str, status_code: int | None = None, *, may_be_billed: bool = False) -> None:
        super().__init__(reason)
        self.status_code, self.may_be_billed = status_code, may_be_billed


class Explained(Exception):
    """A failure that whoever raises it understands already."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure
