"""Requests that wait together are answered together: one thread has the model, and takes all that wait when it is free."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from tunecurve.errors import TunecurveError
from tunecurve.learners.completion import Completion
from tunecurve.predictor import Predictor
from tunecurve.prompts import Prompt
from tunecurve.serving.requests import BadRequest

MOST_TOGETHER = 32
Waiting = tuple[Prompt, "Future[Completion]"]


class Batcher:
    """The model's thread.

    Attributes
    ----------
    sizes : list of int
        How many prompts each batch had, for tests and curious users.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.sizes: list[int] = []
        self._waiting: queue.Queue[Waiting | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    def answer(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Return the answers, when they are there."""
        asked: list[Future[Completion]] = []
        for prompt in prompts:
            future: Future[Completion] = Future()
            self._waiting.put((prompt, future))
            asked.append(future)
        return [future.result() for future in asked]

    def close(self) -> None:
        """End the thread behind the batch at work; whoever still waits is told."""
        self._waiting.put(None)
        self._thread.join(timeout=30)

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            batch, is_last = self._collect(first)
            if batch:
                self.sizes.append(len(batch))
                self._answer(batch)
            if is_last:
                return

    def _collect(self, first: Waiting | None) -> tuple[list[Waiting], bool]:
        batch: list[Waiting] = []
        item = first
        while item is not None:
            batch.append(item)
            if len(batch) == MOST_TOGETHER:
                return batch, False
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _answer(self, batch: Sequence[Waiting]) -> None:
        """Answer a batch; where it fails, one by one, so that a prompt that is too long fails alone."""
        try:
            found = self.predictor.complete_prompts([prompt for prompt, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    self._answer([one])
                return
            batch[0][1].set_exception(_as_bad_request(error))
            return
        for (_, future), answer in zip(batch, found, strict=True):
            future.set_result(answer)


def _as_bad_request(error: Exception) -> BadRequest:
    if isinstance(error, TunecurveError):
        return BadRequest(str(error))
    return BadRequest(f"the model failed ({type(error).__name__})", status=500)
