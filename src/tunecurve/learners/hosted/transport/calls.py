"""A call, the bounds on a stream of them, and what the ledger keeps of an answer."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.learners.hosted.ledger.answers import AnswerRecord
from tunecurve.learners.hosted.prices import Price
from tunecurve.learners.hosted.transport.gateway import Reply
from tunecurve.learners.hosted.transport.usage import check_usage
from tunecurve.prompts import Message


@dataclass(frozen=True)
class Call:
    """One request."""

    key: str
    """Hash of everything that is sent."""
    messages: tuple[Message, ...]
    """The chat turns."""
    max_tokens: int
    """Answer cap."""
    indexes: tuple[int, ...]
    """The rows that it answers; rows with equal prompts share a call."""

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
    """Bounds on one stream of calls."""

    concurrency: int
    max_attempts: int
    """Calls in flight; attempts a call."""
    max_failures: int
    """Calls that may end without an answer before the whole stream does."""
    leaves_in_flight: bool = False
    """Whether a stop leaves calls behind: a batch goes on at the provider, and is asked for again."""


def reply_record(call: Call, reply: Reply) -> AnswerRecord:
    """Return what the ledger keeps of a reply, with usage that can be true."""
    usage = check_usage(
        reply.tokens_in,
        reply.tokens_out,
        characters=0 if reply.is_free else call.characters,
        most_in=call.most_tokens_in,
        text=reply.text,
        most_out=call.max_tokens,
    )
    return AnswerRecord(
        reply.text,
        reply.stop_reason,
        usage.tokens_in,
        usage.tokens_out,
        reply.seconds,
        reply.detail,
        reply.model_version,
        is_estimated=usage.is_estimated and not reply.is_free,
        characters_in=call.characters,
    )


def cost_of(record: AnswerRecord, price: Price, reserved: float, told_usd: float | None) -> float | None:
    """Return what an answer cost; where the server tells no usage, the most that it can have cost, and never less than what
    the server itself says that it costs."""
    cost = price.call_usd(record.tokens_in, record.tokens_out)
    if record.is_estimated and cost is not None:
        cost = reserved
    return max((usd for usd in (cost, told_usd) if usd is not None), default=None)
