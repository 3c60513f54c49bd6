"""What goes wrong when a tuning service is asked: what may pass by itself, and what will not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunecurve.errors import ModelError, TunecurveError
from tunecurve.learners.hosted.gateway import QUOTA_IS_GONE
from tunecurve.redact import redact


class PassingTrouble(Exception):
    """The provider could not be asked, or had a fault of its own; asking later may go well."""


def may_pass(error: BaseException) -> bool:
    """Return whether an SDK's error is one that asking again later could escape."""
    codes = (getattr(error, "status_code", None), getattr(error, "code", None))
    status = next((code for code in codes if isinstance(code, int) and 100 <= code < 600), None)
    if status is not None:
        return status >= 500 or status in (408, 409, 425, 429)
    # Without a status: a connection that broke or timed out, as every SDK calls it, or an answer that is not one.
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    return isinstance(error, OSError | ValueError) or bool(
        re.search("Connect|Timeout|Transport|Protocol|Network", names)
    )


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn an SDK's error into PassingTrouble, or a ModelError that begins with `what`."""
    try:
        yield
    except (TunecurveError, PassingTrouble):
        raise
    except Exception as error:
        reason = plain_reason(error)
        if may_pass(error) and not QUOTA_IS_GONE.search(reason):
            raise PassingTrouble(reason) from None
        raise ModelError(f"{what}: {reason}") from None


def plain_reason(error: Any) -> str:
    """Return a provider's reason in one line, without secrets."""
    return redact(" ".join(str(error).split()))[:300]
