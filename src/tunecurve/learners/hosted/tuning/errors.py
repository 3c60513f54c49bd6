"""What goes wrong when a tuning service is asked: what may pass by itself, and what will not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tunecurve.errors import ModelError, TunecurveError
from tunecurve.learners.hosted.transport.failures import is_quota_of_jobs, plain_reason, quota_is_used_up, status_of
from tunecurve.learners.hosted.tuning.types import CreationUnclear, NotCreated, NotReadyYet, QuotaFull

# How providers say that a dataset or a model, which they have, is still being read or written.
_STATUS_OF_UNREADY = frozenset({400, 404, 412, 422, 425})
_NOT_READY_YET = re.compile(
    r"\b(not|isn't) (yet )?(in )?(an? |the )?(ready|active|processed|uploaded|available yet)\b"
    r"|still (being )?(process|upload|import|validat|creat)|being (processed|validated|imported|created|uploaded)|\byet to be\b",
    re.IGNORECASE,
)
_NEVER_READY = re.compile(r"fail|error|invalid|reject|delet|expire", re.IGNORECASE)


class TransientError(Exception):
    """The provider could not be asked, or had a fault of its own; asking later may go well."""


class NotThere(ModelError):
    """The provider knows no such thing."""


def is_transient(error: BaseException) -> bool:
    """Return whether an SDK's error is one that asking again later could escape."""
    status = status_of(error)
    if status is not None:
        return status >= 500 or status in (408, 409, 423, 425, 429)
    # Without a status: a connection that broke or timed out, as every SDK calls it, or an answer that is not one.
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    return isinstance(error, OSError | ValueError) or bool(
        re.search("Connect|Timeout|Transport|Protocol|Network|ResponseParser", names)
    )


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn an SDK's error into TransientError, or a ModelError that begins with `what`."""
    try:
        yield
    except (TunecurveError, TransientError):
        raise
    except Exception as error:
        reason = plain_reason(error)
        if is_transient(error) and not quota_is_used_up(error):
            raise TransientError(reason) from None
        raise (NotThere if status_of(error) in (404, 410) else ModelError)(f"{what}: {reason}") from None


@contextmanager
def creating() -> Iterator[None]:
    """Turn an SDK's error at the creation of a job or deployment into what it means; see `refusal_of_creation`."""
    try:
        yield
    except (TunecurveError, TransientError, QuotaFull, NotReadyYet, NotCreated, CreationUnclear):
        raise
    except Exception as error:
        raise refusal_of_creation(error) from None


def refusal_of_creation(error: Exception) -> Exception:
    """Return what an error at a creation means: a quota that is full now, something that is needed and not ready yet, nothing
    made, or perhaps something made."""
    status, reason = status_of(error), plain_reason(error)
    if is_quota_of_jobs(error) or (status == 429 and not quota_is_used_up(error)):
        return QuotaFull(reason)
    if status in _STATUS_OF_UNREADY and _NOT_READY_YET.search(reason) and not _NEVER_READY.search(reason):
        return NotReadyYet(reason)
    if status is not None and 300 <= status < 500 and status not in (408, 409):
        return NotCreated(reason)
    return CreationUnclear(reason)
