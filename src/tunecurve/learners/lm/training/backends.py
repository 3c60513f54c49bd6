"""How a training step is computed: a table of backends, and the check that chooses one on the user's own rows.

A backend is a layout of the rows (whole, behind a cached prefix, packed, or prefix and rows in one pass), a home for the
adapters (PEFT's, or side by side for several trainings), and what the model's parts are replaced by meanwhile. Steps whose
memory stays in place are launched as CUDA graphs where there is a GPU, whichever backend computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from tunecurve.learners.lm.adapters import Adapters, PeftAdapters
from tunecurve.learners.lm.attention import packed_attention
from tunecurve.learners.lm.cached import cached_step, loss_of_one, losses_of_all
from tunecurve.learners.lm.chat_format import EncodedExample, common_prefix_length
from tunecurve.learners.lm.four_bit import is_packed
from tunecurve.learners.lm.training.cuda_graphs import CudaGraphs
from tunecurve.learners.lm.training.fused import fused_modules
from tunecurve.learners.lm.training.micro_batches import MicroBatches, shares
from tunecurve.learners.lm.training.multi_lora import StackedAdapters
from tunecurve.learners.lm.training.one_pass import FewShapes, losses_in_one_pass, one_pass_step
from tunecurve.learners.lm.training.packed import loss_packed, pack
from tunecurve.learners.lm.training.recomputed import recomputed_layers
from tunecurve.learners.torch.backend_choice import REFERENCE, Candidate, Choice, NotUsable, choose, raise_difference
from tunecurve.learners.torch.device import is_out_of_memory

MIN_SHARED_PREFIX = 8
# On a GPU, lengths are padded to multiples of it: few shapes occur, so that recording them pays.
LENGTHS_MULTIPLE = 32

Batches = Sequence[Sequence[EncodedExample]]


@dataclass(frozen=True)
class Layout:
    """What lays out the rows of a step, beside the rows."""

    n_prefix: int
    """Leading tokens that all rows of all trainings share; 0 where they are too few to pay."""
    pad_id: int
    """Token for padding."""
    multiple: int = 1
    """Lengths are padded to multiples of it."""
    shapes: FewShapes | None = None
    """The shapes of all steps, where they are known."""
    parts: MicroBatches = field(default_factory=MicroBatches)
    """How many rows are computed at once, and what of them is kept."""


@dataclass(frozen=True)
class Backend:
    """A row of the table."""

    name: str
    description: str
    """``{n_prefix}`` stands for the tokens of the prefix."""
    adapters: type[Adapters]
    """Where the adapters are kept."""
    tensors: Callable[[Batches, Layout], Any]
    """From one batch of every training to the step's tensors."""
    losses: Callable[[Any, Any], torch.Tensor]
    """(model, tensors) to every training's mean loss; with the model's parts replaced only."""
    replaced: tuple[Callable[[Any], AbstractContextManager[Any]], ...] = ()
    """From the model to contexts in which its parts compute otherwise."""
    needs_prefix: bool = False
    """Whether it is of no use where the rows share no prefix."""


@contextmanager
def _short_kernels(model: Any) -> Iterator[None]:
    from tunecurve.learners.lm.training.gpu_kernels import short_kernels  # needs Triton

    with short_kernels(model):
        yield


_PLAIN = Backend(
    REFERENCE,
    "every row whole, stock transformers and PEFT",
    PeftAdapters,
    lambda batches, layout: cached_step(batches, 0, layout.pad_id),
    loss_of_one,
)
_CACHED = Backend(
    "cached",
    "rows behind a shared prefix of {n_prefix} tokens, in transformers' cache",
    PeftAdapters,
    lambda batches, layout: cached_step(batches, layout.n_prefix, layout.pad_id),
    loss_of_one,
    needs_prefix=True,
)
_PACKED = Backend(
    "packed",
    "rows packed behind a shared prefix of {n_prefix} tokens",
    PeftAdapters,
    lambda batches, layout: pack(batches[0], layout.n_prefix),
    loss_packed,
    (packed_attention, fused_modules),
    needs_prefix=True,
)
_STACKED_CACHED = Backend(
    "stacked, cached",
    "adapters side by side, rows behind a shared prefix of {n_prefix} tokens in transformers' cache",
    StackedAdapters,
    lambda batches, layout: cached_step(batches, layout.n_prefix, layout.pad_id, layout.multiple),
    losses_of_all,
)
_STACKED = Backend(
    "stacked",
    "adapters side by side, a shared prefix of {n_prefix} tokens and rows in one pass",
    StackedAdapters,
    lambda batches, layout: one_pass_step(batches, layout.n_prefix, layout.pad_id, layout.shapes),
    losses_in_one_pass,
    (packed_attention,),
)
_STACKED_KERNELS = replace(
    _STACKED,
    name="stacked, own kernels",
    description=f"{_STACKED.description}, gates and rotations in one kernel each",
    replaced=(packed_attention, _short_kernels),
)
# The fastest first. Several trainings at once need adapters side by side.
_ON_GPU = (_STACKED_KERNELS, _STACKED, _STACKED_CACHED, _CACHED, _PLAIN)
_ON_CPU = (_PACKED, _CACHED, _PLAIN)
_ELSEWHERE = (_CACHED, _PLAIN)
_SEVERAL = (_STACKED_CACHED,)


def backends_for(device: torch.device, n_trainings: int) -> tuple[Backend, ...]:
    """Return the backends that a device has for so many trainings at once, the fastest first."""
    if device.type == "cuda":
        return tuple(one for one in _ON_GPU if n_trainings == 1 or one.adapters is StackedAdapters)
    if n_trainings > 1:
        return _SEVERAL
    return _ON_CPU if device.type == "cpu" else _ELSEWHERE


def shared_prefix_length(examples: Sequence[EncodedExample]) -> int:
    """Return how many leading prompt tokens all examples share; 0 when too few to pay."""
    shared = common_prefix_length([example.token_ids[: -example.n_answer] for example in examples])
    return shared if shared >= MIN_SHARED_PREFIX else 0


class AdapterObjective:
    """The steps of adapters, computed by a backend."""

    def __init__(
        self,
        model: Any,
        backend: Backend,
        adapters: Adapters,
        rows: Batches,
        layout: Layout,
        *,
        may_record: bool = True,
    ) -> None:
        self.backend, self.adapters = backend, adapters
        self._model, self._base = model, model.get_base_model()
        self._rows, self._layout = rows, layout
        # Of packed weights every step unpacks each; a model that needs them is large, and does not wait for its kernels.
        may_record = may_record and adapters.stay_in_place and not is_packed(self._base)
        self._launched = CudaGraphs(self._losses_and_gradients, self._base.device, may_record=may_record)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Let the model compute as the backend does inside this context."""
        with ExitStack() as contexts:
            contexts.enter_context(self.adapters.in_use())
            for replacing in self.backend.replaced:
                contexts.enter_context(replacing(self._base))
            contexts.enter_context(recomputed_layers(self._base, lambda: self._layout.parts.recomputes))
            yield

    def compute(self, batches: Mapping[int, Sequence[int]]) -> list[float]:
        """Return the losses of a step, and leave its gradients with the trainings' parameters; inside `ready` only."""
        if self.adapters.activate(list(batches)):
            self._launched.forget()
        while True:
            try:
                return self._compute(batches)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or not self._layout.parts.use_fewer(batches):
                    raise
            # Behind the except, where the error no longer keeps what the failed step had computed.
            self._forget_step()

    def _compute(self, batches: Mapping[int, Sequence[int]]) -> list[float]:
        if self._layout.parts.rows_at_once is not None or self._layout.parts.recomputes:
            return self._compute_in_parts(self._layout.parts.parts(batches))
        self.adapters.prepare_step()
        losses = self._launched(self._tensors(batches, self._layout)).tolist()
        self.adapters.hand_over_gradients()
        return losses

    def _compute_in_parts(self, parts: Sequence[Mapping[int, Sequence[int]]]) -> list[float]:
        """Compute a batch part by part, or in one, without padding to few shapes: these steps are long and not recorded."""
        n_answer = {number: [row.n_answer for row in self._rows[number]] for number in parts[0]}
        layout, total = replace(self._layout, shapes=None), torch.zeros(len(parts[0]))
        for part, of_batch in zip(parts, shares(parts, n_answer), strict=True):
            # A training without rows in this part lends one that counts for nothing.
            filled = {number: rows or parts[0][number][:1] for number, rows in part.items()}
            self.adapters.prepare_step()
            losses = self.backend.losses(self._base, self._tensors(filled, layout).to(self._base.device))
            weighted = losses * torch.tensor(of_batch, dtype=losses.dtype, device=losses.device)
            weighted.sum().backward()
            self.adapters.hand_over_gradients()
            total += weighted.detach().float().cpu()
        return total.tolist()

    def _tensors(self, batches: Mapping[int, Sequence[int]], layout: Layout) -> Any:
        return self.backend.tensors([[self._rows[n][row] for row in rows] for n, rows in batches.items()], layout)

    def _forget_step(self) -> None:
        self._launched.forget()
        self.adapters.take_gradients()
        if self._base.device.type == "cuda":
            torch.cuda.empty_cache()

    def _losses_and_gradients(self, step: Any) -> torch.Tensor:
        losses = self.backend.losses(self._base, step)
        losses.sum().backward()
        return losses.detach()

    @property
    def launches(self) -> str:
        """How steps were launched and made to fit, in words; empty where that goes without saying."""
        to_fit = self._layout.parts.said
        return self._launched.said + (f"; {to_fit}" if to_fit else "")

    def mean_loss_of(self, rows: Sequence[int], batch_size: int) -> Callable[[], float]:
        """Return what computes the mean loss of rows of the first training, and leaves no gradient; inside `ready` only."""
        layout = replace(self._layout, shapes=None)
        apart = AdapterObjective(self._model, self.backend, self.adapters, self._rows, layout, may_record=False)
        batches = [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]

        def loss() -> float:
            self._model.eval()
            total = sum(apart.compute({0: batch})[0] * len(batch) for batch in batches)
            self.adapters.take_gradients()
            self._model.train(self.adapters.draw_dropout)
            return total / len(rows)

        return loss

    def check(self, few: Sequence[EncodedExample]) -> tuple[float, dict[str, torch.Tensor]]:
        """Return the loss of a few rows and its gradients by the adapters' names; every training computes the same rows.

        Dropout would make two computations of one loss differ, so it is off; what draws it must be allowed all the same.
        """
        of_few = AdapterObjective(
            self._model,
            self.backend,
            self.adapters,
            [few] * self.adapters.n_trainings,
            replace(self._layout, shapes=None, parts=self._layout.parts.of_a_look),
        )
        batches = dict.fromkeys(range(self.adapters.n_trainings), range(len(few)))
        self._model.eval()
        try:
            with of_few.ready():
                loss, *_ = of_few.compute(batches)
                if self.adapters.draw_dropout:
                    self._model.train()
                    with torch.no_grad():
                        self.backend.losses(self._base, self.backend.tensors([few], self._layout).to(self._base.device))
        finally:  # also where a model does not allow it half-way: no gradient is left for the first step
            self._model.eval()
            gradients = self.adapters.take_gradients()
        return loss, gradients


def choose_backend(
    model: Any,
    initial: Sequence[dict[str, torch.Tensor]],
    rows: Batches,
    layout: Layout,
    *,
    only: str | None = None,
    passed: set[str] | None = None,
) -> Choice[AdapterObjective]:
    """Return the fastest backend whose loss and gradients on two of the first training's rows equal the reference's.

    Parameters
    ----------
    model : peft.PeftModel
        With the untrained adapters of the first training; left as it is, in evaluation mode.
    initial : sequence of dict of str to Tensor
        Every training's untrained adapters, by name.
    rows : sequence of sequence of EncodedExample
        Every training's.
    layout : Layout
    only : str, optional
        Name of the one backend to try, such as ``reference``.
    passed : set of str, optional
        Backends that have been compared already, with this model and adapters of this shape; those that are now are added.

    Raises
    ------
    NotUsable
        When several trainings cannot be computed at once.
    """
    kept: dict[type[Adapters], Adapters] = {}
    few, known = rows[0][:2], set() if passed is None else passed

    def objective(backend: Backend) -> AdapterObjective:
        if backend.needs_prefix and not layout.n_prefix:
            raise NotUsable("the rows share no prefix worth sharing")
        if backend.adapters not in kept:
            kept[backend.adapters] = backend.adapters(model, initial)
        return AdapterObjective(model, backend, kept[backend.adapters], rows, layout)

    reference = AdapterObjective(model, _PLAIN, PeftAdapters(model, initial[:1]), rows[:1], layout)
    expected: list[tuple[float, dict[str, torch.Tensor]]] = []

    def verified(backend: Backend) -> AdapterObjective:
        found = objective(backend)
        if backend.name != REFERENCE and backend.name not in known:
            expected[:] = expected or [reference.check(few)]
            raise_difference(found.check(few), expected[0], model.get_base_model().dtype)
            known.add(backend.name)
        return found

    candidates = [
        Candidate(one.name, one.description.format(n_prefix=layout.n_prefix), lambda one=one: verified(one))  # type: ignore[misc]
        for one in backends_for(model.get_base_model().device, len(rows))
        if only in (None, one.name)
    ]
    return choose(candidates, "loss and gradients")
