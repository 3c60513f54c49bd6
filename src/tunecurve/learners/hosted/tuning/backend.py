"""What every tuning service has: limits, rows in a file, one attempt at a creation. How each is asked stands in its own module."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tunecurve.errors import ModelError
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place, ProviderJob
from tunecurve.learners.hosted.tuning.errors import asking, creating
from tunecurve.learners.hosted.tuning.limits import check_manner
from tunecurve.learners.hosted.tuning.types import JobRequest
from tunecurve.prompts import TuningExample


class TuningBackend:
    """A provider that tunes; each says in its own way how it is asked.

    Attributes
    ----------
    name : str
        Which one; see `limits`.
    most_file_bytes : int
        Of a training file.
    """

    name = ""
    most_file_bytes = 512_000_000

    def place(self) -> Place:
        """Return what distinguishes this account and address from others."""
        raise NotImplementedError

    def check_limits(self, request: JobRequest) -> None:
        """Raise ModelError for rows or files that the provider does not take."""
        check_manner(self.name, request.base_model, len(request.examples), request.recipe)
        if len(self.training_file(request)) > self.most_file_bytes:
            raise ModelError(
                f"the training file would be larger than {self.most_file_bytes:,} bytes; lower --train-sizes"
            )

    def preflight(self, base_model: str) -> None:
        """Raise ModelError when this account or model cannot be tuned; costs nothing."""
        raise NotImplementedError

    def training_file(self, request: JobRequest) -> bytes:
        """Return the rows as they are uploaded: as chat messages in JSON Lines, where a service asks for nothing else."""
        return as_file(training_lines(request.examples))

    def upload(self, request: JobRequest) -> str:
        """Store the training file, unless an upload without an answer has; return what the creation needs to find it."""
        with asking("cannot upload the training rows"):
            return self._upload(request, self.training_file(request))

    def delete_file(self, training_file: str) -> None:
        """Delete a training file."""
        raise NotImplementedError

    def create(self, request: JobRequest, training_file: str) -> ProviderJob:
        """Create the job, in one attempt; raises QuotaFull, NotReadyYet, NotCreated or CreationUnclear."""
        with creating():
            return self._create(request, training_file)

    def jobs(self) -> list[ProviderJob]:
        """Return the account's jobs, newest first."""
        raise NotImplementedError

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job."""
        raise NotImplementedError

    def cancel(self, provider_id: str) -> None:
        """Ask the provider to end a job."""
        raise NotImplementedError

    def _upload(self, request: JobRequest, content: bytes) -> str:
        raise NotImplementedError

    def _create(self, request: JobRequest, training_file: str) -> ProviderJob:
        raise NotImplementedError


def training_lines(examples: Sequence[TuningExample]) -> list[str]:
    """Return the rows as chat messages, one JSON text each."""
    rows = []
    for example in examples:
        turns = [{"role": message.role, "content": message.content} for message in example.prompt.messages]
        rows.append({"messages": [*turns, {"role": "assistant", "content": example.answer}]})
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def as_file(lines: Sequence[str]) -> bytes:
    """Return rows as JSON Lines."""
    return ("\n".join(lines) + "\n").encode()


def our_key(name: str | None) -> str | None:
    """Return a job's name where it is a key of ours."""
    return name if name and name.startswith(OUR_PREFIX) else None
