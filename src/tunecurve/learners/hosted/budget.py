"""The hard cap on spending: money is reserved before a call is sent, at the most the call can cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from tunecurve.errors import MoneyError
from tunecurve.learners.hosted.prices import money


def unknown_price(what: str, similar: str | None = None) -> MoneyError:
    """Return the error for a price that a cap needs; a similar name under hosted.prices may be a mistyped one."""
    hint = f" (it has '{similar}': is the name mistyped?)" if similar else ""
    return MoneyError(
        f"the price of {what} is unknown, so --max-cost cannot be kept; give it in the study file under hosted.prices{hint}, or "
        "drop --max-cost"
    )


class Budget:
    """Money spent and reserved by one study, with a cap or none; what is spent on tuning jobs by their keys."""

    def __init__(
        self,
        cap_usd: float | None,
        spent_usd: float = 0.0,
        jobs_usd: Mapping[str, float] | None = None,
        *,
        on_spent: Callable[[float, float | None], None] = lambda spent, cap: None,
    ) -> None:
        self.cap_usd, self.spent_usd, self.reserved_usd = cap_usd, spent_usd, 0.0
        self.n_reserved = 0
        self._jobs_usd, self._on_spent = dict(jobs_usd or {}), on_spent
        self._lock = threading.Lock()

    def reserve(self, at_most_usd: float | None, what: str) -> float:
        """Set aside the most that something can cost; return the amount.

        Raises
        ------
        MoneyError
            When the cap would be passed, or there is a cap and the price is unknown.
        """
        with self._lock:
            if at_most_usd is None:
                if self.cap_usd is not None:
                    raise unknown_price(what)
                self.n_reserved += 1
                return 0.0
            self._refuse_beyond_cap(at_most_usd, f"{what} may cost {money(at_most_usd)}")
            self.reserved_usd += at_most_usd
            self.n_reserved += 1
            return at_most_usd

    def _refuse_beyond_cap(self, more_usd: float, what_for: str) -> None:
        if self.cap_usd is not None and self.spent_usd + self.reserved_usd + more_usd > self.cap_usd:
            raise MoneyError(
                f"--max-cost {money(self.cap_usd)} is reached: {money(self.spent_usd)} spent, {money(self.reserved_usd)} in flight, "
                f"{what_for}; what is paid for is kept, continue with a higher --max-cost"
            )

    def settle(self, reserved_usd: float, cost_usd: float | None) -> None:
        """Give back what was reserved and book what it cost; None: unknown, nothing is booked."""
        with self._lock:
            self.n_reserved = max(0, self.n_reserved - 1)
            # Sums of fractions leave crumbs; with nothing in flight there is nothing reserved.
            self.reserved_usd = max(0.0, self.reserved_usd - reserved_usd) if self.n_reserved else 0.0
            self.spent_usd += cost_usd or 0.0
        self._on_spent(self.spent_usd, self.cap_usd)

    def book_job(self, key: str, usd: float) -> None:
        """Book what a tuning job costs as far as is known now, in place of what was booked for it before."""
        with self._lock:
            self.spent_usd += usd - self._jobs_usd.get(key, 0.0)
            self._jobs_usd[key] = usd
        self._on_spent(self.spent_usd, self.cap_usd)

    def book_within_cap(self, key: str, usd: float, what: str) -> None:
        """Book what goes on costing, as far ahead as `usd` says, in place of what was booked for it before.

        Raises
        ------
        MoneyError
            When the cap would be passed; nothing is booked then.
        """
        with self._lock:
            more = usd - self._jobs_usd.get(key, 0.0)
            if more > 0:
                self._refuse_beyond_cap(more, f"{what} would come to {money(usd)}")
            self.spent_usd += more
            self._jobs_usd[key] = usd
        self._on_spent(self.spent_usd, self.cap_usd)
