"""What the hosted learners of one study share: settings, ledger, budget. Nothing is opened before it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tunecurve.cancellation import Cancellation
from tunecurve.learners.hosted.budget import Budget
from tunecurve.learners.hosted.ledger.calls import Ledger, Spending, default_ledger_path
from tunecurve.learners.hosted.ledger.deployments import DeploymentRow
from tunecurve.learners.hosted.ledger.job_rows import JobRow
from tunecurve.learners.hosted.names import HostedName, parse_hosted_name
from tunecurve.learners.hosted.prices import Price, find_price
from tunecurve.spec.hosted import HostedSpec

Row = TypeVar("Row", JobRow, DeploymentRow)


class Account:
    """The books of one study, which the ledger knows by its run folder.

    `on_spent` is told what is spent, and the cap, whenever money is booked.
    """

    def __init__(
        self,
        settings: HostedSpec,
        study: str,
        ledger_path: Path | None = None,
        *,
        on_message: Callable[[str], None] = lambda line: None,
        cancellation: Cancellation | None = None,
        on_spent: Callable[[float, float | None], None] = lambda spent, cap: None,
    ) -> None:
        self.settings, self.study = settings, study
        self.ledger_path = ledger_path or default_ledger_path()
        self._on_spent = on_spent
        self.on_message, self.cancellation = on_message, cancellation or Cancellation()
        # What still stands at providers when the study ends, whatever ended it; by key, how to end it.
        self.at_close: dict[str, Callable[[], object]] = {}
        self._ledger: Ledger | None = None
        self._budget: Budget | None = None
        self._lock = threading.Lock()

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened at the first use."""
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger(self.ledger_path)
            return self._ledger

    @property
    def budget(self) -> Budget:
        """The cap and what is spent; at the first use, calls that an earlier process left in flight become doubts."""
        ledger = self.ledger
        with self._lock:
            if self._budget is None:
                ledger.settle_doubts(self.study)
                jobs = {row.key: row.booked_usd for row in ledger.jobs("study = ?", (self.study,))}
                jobs |= {row.key: row.booked_usd for row in ledger.deployments("study = ?", (self.study,))}
                spent = ledger.spending(self.study).total_usd
                self._budget = Budget(self.settings.max_cost, spent, jobs, on_spent=self._on_spent)
            return self._budget

    def spending(self) -> Spending:
        """Return what the study has spent; opens nothing that is not there."""
        return self.ledger.spending(self.study) if self.ledger_path.exists() else Spending()

    def book(self, row: Row) -> Row:
        """Return a job or deployment as it is on the disk, its money in the budget; another study may have seen its end."""
        if row.study == self.study:
            self.budget.book_job(row.key, row.booked_usd)
        return row

    def price(self, name: HostedName, asked_as: str, *, tuned: bool = False) -> Price:
        """Return the price of a model, the study's own prices first."""
        own = self.settings.prices.get(asked_as)
        if name.is_of_its_user and own is None:
            return Price(0.0, 0.0, 0.0, "a server of your own")
        values = own.model_dump() if own is not None else None
        model = name.model if name.provider == "together" else name.model.rsplit("/", 1)[-1]
        return find_price(name.price_provider, model, values, tuned=tuned)

    def price_lines(self, asked_as: str) -> dict[str, Any] | None:
        """Return the prices of a hosted model, prompted and tuned, with their sources; None for a local model."""
        name = parse_hosted_name(asked_as)
        if name is None:
            return None
        base, tuned = self.price(name, asked_as), self.price(name, asked_as, tuned=True)
        return {
            "sent": base.input_usd,
            "answered": base.output_usd,
            "sent_to_tuned": tuned.input_usd,
            "answered_by_tuned": tuned.output_usd,
            "trained": tuned.training_usd,
            "source": base.source if base.source == tuned.source else f"{base.source}; {tuned.source}",
        }

    def close(self) -> None:
        """End what still stands at providers, and close the ledger."""
        for end in list(self.at_close.values()):
            with suppress(Exception):  # what does not succeed is in the ledger, and tried again at the next start
                end()
        self.at_close.clear()
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
            self._ledger = self._budget = None
