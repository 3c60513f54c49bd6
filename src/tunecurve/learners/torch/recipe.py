"""What every recipe of a training on this machine has, and the one schedule of learning rates."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import ClassVar, Self

_ONLY_IF_ASKED = ("development_share", "tried_learning_rates")


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """A resolved recipe."""

    section: ClassVar[str] = "recipe"
    """The study file's section that it was resolved from."""
    name: str
    """Recipe it came from."""
    epochs: int
    n_steps: int
    warmup_steps: int
    """Epochs, optimizer steps in all, steps of linear warm-up."""
    batch_size: int
    """Rows a step."""
    learning_rate: float
    """Peak; falls linearly to 0 after the warm-up."""
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    """Of AdamW; largest gradient norm."""
    development_share: float | None = None
    """Share of the rows that are kept from training as development rows; None: none are; 0: there are too few rows."""
    tried_learning_rates: tuple[float, ...] | None = None
    """Learning rates to try on development rows; None: `learning_rate` is taken."""

    def to_dict(self) -> dict[str, object]:
        """Return the recipe as JSON-able values; what it says of development rows only where they are asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None or name not in _ONLY_IF_ASKED}

    def at_rate(self, learning_rate: float) -> Self:
        """Return the recipe at another learning rate."""
        return replace(self, learning_rate=learning_rate)

    def with_steps(self, n_steps: int) -> Self:
        """Return the recipe for a training of more steps than were planned for, else as it is.

        Texts that are read in several windows make more steps than their rows; past the planned end the learning rate would be
        below 0. How many rows are development rows is known only then, too.
        """
        if n_steps <= self.n_steps and not self.development_share:
            return self
        return replace(self, n_steps=n_steps, warmup_steps=round(self.warmup_steps * n_steps / self.n_steps))

    def learning_rate_at(self, step: int, peak: float) -> float:
        """Return the learning rate of a step (0-based): linear warm-up to a peak, then linear decay to 0."""
        if step < self.warmup_steps:
            return peak * (step + 1) / self.warmup_steps
        return peak * (self.n_steps - step) / max(1, self.n_steps - self.warmup_steps)
