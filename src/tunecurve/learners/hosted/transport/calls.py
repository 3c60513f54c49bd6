"""A call, the bounds on a stream of them, and what the ledger keeps of an answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tunecurve.learners.base import Completion
from tunecurve.learners.hosted.transport.gateway import Reply
from tunecurve.learners.hosted.transport.usage import check_usage
from tunecurve.prompts import Message


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes
    ----------
    key : str
        Hash of everything that is sent.
    messages : tuple of Message
        The chat turns.
    max_tokens : int
        Answer cap.
    indexes : tuple of int
        The rows that it answers; rows with equal prompts share a call.
    """

    key: str
    messages: tuple[Message, ...]
    max_tokens: int
    indexes: tuple[int, ...]

    @property
    def characters(self) -> int:
        """Characters sent."""
        return sum(len(message.content) for message in self.messages)

    @property
    def most_tokens_in(self) -> int:
        """A bound on the tokens sent: no token is shorter than a byte; a turn adds a few of its own."""
        return sum(len(message.content.encode("utf-8", "replace")) + 16 for message in self.messages)


@dataclass
class SendingLimits:
    """Bounds on one stream of calls.

    Attributes
    ----------
    concurrency, max_attempts : int
        Calls in flight; attempts a call.
    max_failures : int
        Calls that may end without an answer before the whole stream does.
    leaves_in_flight : bool
        Whether a stop leaves calls behind: a batch goes on at the provider, and is asked for again.
    """

    concurrency: int
    max_attempts: int
    max_failures: int
    leaves_in_flight: bool = False


def reply_record(call: Call, reply: Reply) -> dict[str, Any]:
    """Return what the ledger keeps of a reply, with usage that can be true."""
    usage = check_usage(
        reply.tokens_in,
        reply.tokens_out,
        characters=0 if reply.is_free else call.characters,
        most_in=call.most_tokens_in,
        text=reply.text,
        most_out=call.max_tokens,
    )
    kept = {key: value for key, value in asdict(reply).items() if key not in ("is_free", "told_usd")}
    is_estimated = usage.is_estimated and not reply.is_free
    return {**kept, **asdict(usage), "is_estimated": is_estimated, "characters_in": call.characters}


def completion_of(record: dict[str, Any]) -> Completion:
    """Return the answer that a ledger record, with its cost, stands for."""
    return Completion(
        record["text"],
        record["stop_reason"],
        record["tokens_in"],
        record["tokens_out"],
        record["seconds"],
        record["detail"],
        record["model_version"],
        record["cost_usd"],
    )
