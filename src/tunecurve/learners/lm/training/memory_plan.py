"""How much memory a training needs, by arithmetic, and how many rows of a step fit into what is free.

Counted are numbers that are kept until the backward pass has read them, as `one_pass.py` and `multi_lora.py` keep them, for layers
of Llama and its kin. Of a small model torch keeps 1.00 to 1.03 of that; packed on a processor half of it, so there the
plan is an upper bound. Stock modules of PEFT and transformers in half precision keep more, and nothing is planned with for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.four_bit import BYTES_A_WEIGHT, is_packed
from tunecurve.learners.lm.training.micro_batches import MicroBatches
from tunecurve.learners.lm.training.recomputed import TIMES_AS_LONG, layers_of

# Of the free memory, what is planned with: the rest is gaps between blocks, and what libraries keep for themselves.
PLANNED_SHARE = 0.9
# A number of an adapter in float32: its value, its gradient, and two moments of the optimizer.
ADAPTER_BYTES = 16


@dataclass(frozen=True)
class ModelShape:
    """What of a model its memory depends on."""

    n_parameters: int
    bytes_per_number: int
    """Of weights and activations."""
    n_layers: int
    hidden: int
    """Width of a token between layers."""
    inner: int
    """Width within a gated unit."""
    queries: int
    """Width of the queries of all heads."""
    keys: int
    """Width of the keys of all heads, and of the values."""
    vocabulary: int
    four_bit: bool = False
    """Whether the weights of linear layers are packed."""

    @classmethod
    def of(cls, config: Any, n_parameters: int, dtype: torch.dtype, *, four_bit: bool = False) -> ModelShape | None:
        """Return the shape that a text model's config names; None where it does not name all of it, or has experts."""
        names = ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size")
        sizes = [value for name in names if isinstance(value := getattr(config, name, None), int)]
        has_experts = any(getattr(config, name, None) for name in ("num_experts", "num_local_experts"))
        if len(sizes) < len(names) or has_experts:
            return None
        hidden, n_heads, n_layers, inner = sizes
        head = getattr(config, "head_dim", None) or hidden // n_heads
        n_keys = getattr(config, "num_key_value_heads", None) or n_heads
        return cls(
            n_parameters,
            dtype.itemsize,
            n_layers,
            hidden,
            inner,
            n_heads * head,
            n_keys * head,
            config.vocab_size,
            four_bit,
        )

    @property
    def weight_bytes(self) -> int:
        """The bytes of the frozen weights; none where they are loaded already, and their number is given as 0."""
        if not (self.four_bit and self.n_parameters):
            return self.n_parameters * self.bytes_per_number
        packed = self.n_layers * (2 * self.hidden * (self.queries + self.keys) + 3 * self.hidden * self.inner)
        return round(packed * BYTES_A_WEIGHT) + (self.n_parameters - packed) * self.bytes_per_number

    @property
    def unpacked_bytes(self) -> int:
        """The bytes of the largest layer's weights, written out to be computed with; 0 where none are packed."""
        return self.hidden * self.inner * self.bytes_per_number if self.four_bit else 0

    def adapter_numbers(self, rank: int) -> int:
        """Return the numbers of adapters of a rank on all seven linear layers of every layer."""
        attention = 2 * (self.hidden + self.queries) + 2 * (self.hidden + self.keys)
        return self.n_layers * rank * (attention + 3 * (self.hidden + self.inner))

    def kept_a_token(self, rank: int) -> int:
        """Return the bytes that a token keeps until the backward pass, of all layers.

        In each of them: what both norms read and give (4 widths of a token), the queries that attend, what attention gives
        and the output layer reads (3 widths of queries), keys and values, and what the gated unit's three layers give and
        read (4 inner widths); beside each of seven linear layers the adapter's inner values.
        """
        numbers = 4 * self.hidden + 3 * self.queries + 2 * self.keys + 4 * self.inner + 7 * rank
        return self.n_layers * numbers * self.bytes_per_number

    def kept_a_pair(self) -> int:
        """Return the bytes of keys and values that a row keeps for itself, a token of its prefix or its own, of all layers.

        Kernels for float32 are given a key for every query's head.
        """
        width = self.queries if self.bytes_per_number > 2 else self.keys
        return self.n_layers * 2 * width * self.bytes_per_number

    def inputs_a_token(self) -> int:
        """Return the bytes that a token keeps where layers are computed again: the input of every layer."""
        return self.n_layers * self.hidden * self.bytes_per_number

    def logits_a_token(self) -> int:
        """Return the bytes of an answer token's logits: themselves, in float32, their shares, and the gradients of both."""
        return self.vocabulary * (12 if self.bytes_per_number == 4 else 12 + 2 * self.bytes_per_number)


@dataclass(frozen=True)
class StepShape:
    """What of a training's steps its memory depends on, rows of the longest length taken for all."""

    n_trainings: int
    """Computed together."""
    n_rows: int
    """Of one training's batch."""
    n_prefix: int
    """Tokens that all rows share and a step computes once."""
    n_own: int
    """Tokens of the longest row behind them."""
    n_answer: int
    """Answer tokens of the row that has most."""
    rank: int
    """Of the adapters."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[EncodedExample]], n_rows: int, n_prefix: int, rank: int) -> StepShape:
        """Return the shape of steps of several trainings, by their rows."""
        every = [row for own in rows for row in own]
        n_own = max(len(row.token_ids) for row in every) - n_prefix
        return cls(len(rows), n_rows, n_prefix, n_own, max(row.n_answer for row in every), rank)

    def tokens(self, rows_at_once: int | None) -> int:
        """Return the tokens of a training that a step computes: the prefix with every part of the batch."""
        return math.ceil(self.n_rows / (rows_at_once or self.n_rows)) * self.n_prefix + self.n_rows * self.n_own


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes that a training needs."""

    weights: int
    """The frozen weights."""
    adapters: int
    """Adapters, their gradients, and the optimizer's state, of all trainings."""
    prefix: int
    """What the prefix of every training keeps."""
    row: int
    """What one more row of every training keeps, without its logits."""
    logits: int
    """Logits of one more row of every training."""
    n_rows: int
    """Rows of a training in a step."""
    recomputes: bool = False
    """Whether layers are computed again on the way back."""
    unpacked: int = 0
    """Packed weights of one layer, written out."""

    @property
    def least(self) -> int:
        """The bytes with one row of every training at once."""
        return self.weights + self.adapters + self.unpacked + self.prefix + self.row + self.logits

    @property
    def whole(self) -> int:
        """The bytes with whole batches."""
        return self.least + (self.n_rows - 1) * (self.row + self.logits)

    def rows_at_once(self, free: int) -> int | None:
        """Return how many rows of a training fit at once beside weights that are loaded; None: all, at least 1.

        Parameters
        ----------
        free : int
            Bytes that are free once the weights are loaded.
        """
        left = int(PLANNED_SHARE * free) - self.adapters - self.unpacked - self.prefix
        fitting = max(1, left // (self.row + self.logits))
        return None if fitting >= self.n_rows else fitting

    def fits(self, total: int) -> bool:
        """Return whether it fits into so many bytes, one row of every training at once if need be."""
        return self.least <= PLANNED_SHARE * total

    def fits_beside_weights(self, free: int) -> bool:
        """Return whether one row of every training at once fits into what is free once the weights are loaded."""
        return self.least - self.weights <= PLANNED_SHARE * free

    @property
    def sentence(self) -> str:
        """The parts in words."""
        batch = self.n_rows * self.row + self.prefix
        parts = {
            "weights in 4 bits" if self.unpacked else "weights": self.weights,
            "adapters and optimizer": self.adapters,
        }
        parts |= {f"a batch of {self.n_rows} rows": batch, "its logits": self.n_rows * self.logits}
        said = ", ".join(f"{name} {in_gigabytes(n_bytes)}" for name, n_bytes in parts.items())
        return f"about {in_gigabytes(self.whole)} ({said})"


def plan_memory(model: ModelShape, step: StepShape, *, recomputes: bool = False) -> MemoryPlan:
    """Return what steps need; where layers are computed again, of all but one of them the inputs alone.

    Beside what is kept, one layer's gradients pass through its gated unit: four inner widths a token.
    """
    kept, pair = model.kept_a_token(step.rank), model.kept_a_pair()
    if recomputes:
        kept, pair = model.inputs_a_token() + kept // model.n_layers, pair // model.n_layers
    token = kept + 4 * model.inner * model.bytes_per_number
    row = step.n_own * token + (step.n_prefix + step.n_own) * pair
    stacked = 2 * model.bytes_per_number  # values and gradients once more, as they are computed with
    numbers = model.adapter_numbers(step.rank)
    return MemoryPlan(
        weights=model.weight_bytes,
        adapters=step.n_trainings * numbers * (ADAPTER_BYTES + stacked),
        prefix=step.n_trainings * step.n_prefix * (token + pair),
        row=step.n_trainings * row,
        logits=step.n_trainings * step.n_answer * model.logits_a_token(),
        n_rows=step.n_rows,
        recomputes=recomputes,
        unpacked=model.unpacked_bytes,
    )


def fitting_plan(model: ModelShape, step: StepShape, free: int) -> MemoryPlan:
    """Return the plan that computes fewest tokens of those that fit beside the weights: with all kept, or layers computed again.

    Every part of a batch computes the prefix once more; so parts of few rows behind a long one take longer than whole batches whose
    layers are computed twice. Where not even one row fits, layers are computed again.
    """
    kept, again = plan_memory(model, step), plan_memory(model, step, recomputes=True)
    if not kept.fits_beside_weights(free):
        return again
    shorter = TIMES_AS_LONG * step.tokens(again.rows_at_once(free)) < step.tokens(kept.rows_at_once(free))
    return again if shorter else kept


def planned_parts(model: Any, step: StepShape) -> MicroBatches:
    """Return how a loaded model's batches are computed, by what is free on its device."""
    shape = ModelShape.of(model.config.get_text_config(), 0, model.dtype, four_bit=is_packed(model))
    free = free_memory(model.device)
    may_recompute = bool(layers_of(model))
    if shape is None or free is None:
        return MicroBatches(may_recompute=may_recompute)
    whole = plan_memory(shape, step)
    plan = fitting_plan(shape, step, free) if may_recompute else whole
    why = (
        f"planned for {in_gigabytes(free)} of free memory, where a whole batch needs about {in_gigabytes(whole.whole)}"
    )
    return MicroBatches(plan.rows_at_once(free), why, recomputes=plan.recomputes, may_recompute=may_recompute)


def free_memory(device: torch.device, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return the bytes that are free on a device, those that torch keeps for reuse included; None where it cannot be asked."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return _of_system("MemAvailable", meminfo) if device.type == "cpu" else None


def total_memory(device: torch.device, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return the bytes that a device has; None where it cannot be asked."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return _of_system("MemTotal", meminfo) if device.type == "cpu" else None


def _of_system(name: str, meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def in_gigabytes(n_bytes: int) -> str:
    """Return bytes in words, e.g. ``1.2 GB``."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
