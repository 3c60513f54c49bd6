"""One answer of a learner: its text, how it ended, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunecurve.storage.records import Record

StopReason = Literal["end", "length", "blocked", "refused", "error"]


@dataclass(frozen=True)
class Completion:
    """One answer.

    Attributes
    ----------
    text : str
        The answer, empty when it failed.
    stop_reason : {"end", "length", "blocked", "refused", "error"}
        ``length``: cut at the cap; scored as it stands. ``blocked`` (by the provider's filter), ``refused`` (by the
        model) and ``error`` (no answer after all attempts): scored as the empty answer.
    tokens_in, tokens_out : int
        Tokens of the prompt and of the answer.
    seconds : float
        Time this answer took (its share of a batch).
    constraint_seconds : float
        What of it went into choosing tokens that a constraint allows.
    is_closed : bool
        Whether a constraint closed the answer just before the answer cap, where the model would have gone on.
    error : str or None
        What failed, or why it was blocked.
    model_version : str or None
        The version that the provider says has answered.
    cost_usd : float or None
        What the answer cost; None: unknown, or nothing is paid.
    thought : {"", "removed", "cut"}
        What was done with a thought before the answer: ``removed``; or ``cut``, never closed, so that no answer came.
    unwrapped, wrapped : str
        Wrappers that were taken off the answer, and those that are still around it; see `wrappers`.
    as_given : str or None
        The answer with the wrappers that were taken off.
    """

    text: str
    stop_reason: StopReason
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    error: str | None = None
    model_version: str | None = None
    cost_usd: float | None = None
    thought: Literal["", "removed", "cut"] = ""
    unwrapped: str = ""
    wrapped: str = ""
    as_given: str | None = None
    constraint_seconds: float = 0.0
    is_closed: bool = False


@dataclass(frozen=True)
class Decoder(Record):
    """Which implementation wrote answers.

    Attributes
    ----------
    name : str
        Its name, such as ``packed``.
    said : str
        What it does, what its comparison with the reference showed, and why each faster one was passed over.
    is_fastest : bool
        Whether nothing faster was passed over.
    """

    name: str
    said: str
    is_fastest: bool
